"""Tells exit handlers how a run has ended, in the form in which Vertex AI tells them."""

import json
from collections.abc import Sequence

_UNKNOWN = 2
"""The code of google.rpc for an error that says no more than its message."""


def final_status(dag_id: str, run_id: str, failed: Sequence[str]) -> str:
    """Return a ``PipelineTaskFinalStatus`` of Kubeflow Pipelines as JSON.

    Args:
        dag_id: The DAG's id.
        run_id: The run's id.
        failed: The nodes that have failed, or did not run because of one that has.
    """
    status: dict[str, object] = {
        "state": "FAILED" if failed else "SUCCEEDED",
        "pipelineJobResourceName": f"dags/{dag_id}/dagRuns/{run_id}",
        "pipelineTaskName": dag_id,
    }
    if failed:
        status["error"] = {"code": _UNKNOWN, "message": f"nodes have failed: {', '.join(failed)}"}
    return json.dumps(status)
