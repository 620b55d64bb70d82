"""The TFX side reads node requests as contract 2 says, and refuses others."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.support.contracts import (
    faults,
    golden,
    golden_text,
    schema,
    with_wrong_fields,
)
from tfx_modules.exceptions import NodeError
from tfx_modules.node.request import GpuUse, parse_request, read_request


def test_the_golden_node_request_is_read(tmp_path: Path) -> None:
    path, document = tmp_path / "request.json", golden("node_request")
    path.write_text(golden_text("node_request"), encoding="utf-8")

    fields = asdict(read_request(path))

    read = {name: str(value) if isinstance(value, Path) else value for name, value in fields.items()}
    assert {"format": 1, **read} == document
    assert [use.value for use in GpuUse] == schema("node_request")["properties"]["gpu"]["enum"]


LATER = {"shown_errors": 0, "artifact_store": "", "artifact_copies_gb": 0}
"""Fields that requests of earlier releases lack, with what they mean by that."""


def test_a_request_of_a_release_before_says_nothing_of_wrong_examples_and_stores() -> None:
    document = {name: value for name, value in golden("node_request").items() if name not in LATER}
    assert faults("node_request", document) == []
    assert {name: getattr(parse_request(document), name) for name in LATER} == LATER


@pytest.mark.parametrize("name", [*golden("node_request").keys() - LATER, "unknown"])
def test_a_node_request_with_other_fields_is_refused(name: str) -> None:
    document = golden("node_request")
    changed = with_wrong_fields(document)[name]
    assert faults("node_request", changed)
    with pytest.raises(NodeError, match=name):
        parse_request(changed)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"node": ""},
        {"run_id": 7},
        {"outcome": "outcome.json"},
        {"use_cache": "yes"},
        {"gpu": "yes"},
        {"metadata_wait_seconds": 0},
        {"metadata_wait_seconds": True},
        {"shown_errors": -1},
        {"shown_errors": True},
        {"artifact_store": "s3://key:secret@bucket/artifacts"},
        {"artifact_store": "s3://bucket/artifacts?token=secret"},
        {"artifact_store": "/srv/artifacts"},
        {"artifact_store": "s3://bucket"},
        {"artifact_store": "s3://bucket/artifacts/"},
        {"artifact_store": "s3://bucket/../artifacts"},
        {"artifact_store": None},
        {"artifact_copies_gb": -1},
        {"parameters": ["tune"]},
        {"parameters": {"tune": True}},
        {"parameters": {"tune": None}},
    ],
)
def test_the_schema_of_the_node_request_refuses_what_the_node_command_refuses(change: dict[str, Any]) -> None:
    changed = {**golden("node_request"), **change}
    assert faults("node_request", changed)
    with pytest.raises(NodeError, match=next(iter(change))):
        parse_request(changed)
