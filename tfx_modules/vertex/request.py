"""Makes the request that creates a PipelineJob, as JSON in the form of Vertex AI's API, version 1."""

from typing import Any

from tfx_modules.vertex.options import Place, Run
from tfx_modules.vertex.spec import make_spec

Document = dict[str, Any]


def make_request(compiled: Document, place: Place, run: Run) -> Document:
    """Make a request.

    Args:
        compiled: the spec that is the same on all systems.
        place: where it is going to run.
        run: what is said of the run.

    Raises:
        SettingsError: a machine is for a node that the pipeline does not have.
    """
    spec = make_spec(compiled, place, caches=run.caches)
    job: Document = {
        "displayName": spec["pipelineInfo"]["name"],
        "pipelineSpec": spec,
        "labels": dict(place.labels),
        "runtimeConfig": {
            "gcsOutputDirectory": place.root,
            "parameterValues": dict(run.parameters),
            # After a node that has failed, like the gate on data, nothing that others make is promoted.
            "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
        },
        "serviceAccount": place.service_account,
        "network": place.network,
    }
    if place.reserved_ip_ranges:
        job["reservedIpRanges"] = list(place.reserved_ip_ranges)
    return {
        "parent": f"projects/{place.project}/locations/{place.location}",
        "pipelineJobId": run.job_id,
        "pipelineJob": job,
    }
