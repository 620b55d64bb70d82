"""What can get traffic while Vertex AI works on the endpoint for somebody else."""

import datetime as dt
from typing import Any

import pytest
from google.cloud import aiplatform_v1 as api
from google.longrunning.operations_pb2 import Operation

from tfx_modules.vertex.endpoint.operations import is_ready

NOON = dt.datetime(2026, 11, 5, 12, tzinfo=dt.UTC)
BEFORE = NOON - dt.timedelta(hours=1)


def running(kind: Any) -> Operation:
    found = Operation(name="operations/1")
    found.metadata.Pack(kind.pb(kind(generic_metadata={"create_time": NOON})))
    return found


DEPLOYS = running(api.DeployModelOperationMetadata)
UNDEPLOYS = running(api.UndeployModelOperationMetadata)


@pytest.mark.parametrize(
    ("made", "traffic", "others", "ready"),
    [
        (NOON, 0, [], True),
        (BEFORE, 0, [DEPLOYS], True),
        (NOON - dt.timedelta(seconds=1), 0, [DEPLOYS], False),  # it may be the one
        (NOON, 0, [DEPLOYS], False),
        (None, 0, [DEPLOYS], False),
        (BEFORE, 0, [UNDEPLOYS], False),
        (BEFORE, 0, [DEPLOYS, UNDEPLOYS], False),
        (BEFORE, 40, [UNDEPLOYS], True),  # what has traffic cannot be undeployed
        (BEFORE, 0, [Operation(name="operations/2")], False),
    ],
)
def test_what_may_be_about_to_come_or_go_gets_no_traffic(
    made: dt.datetime | None, traffic: int, others: list[Operation], ready: bool
) -> None:
    assert is_ready(api.DeployedModel(id="1", create_time=made), traffic, None, others) == ready
