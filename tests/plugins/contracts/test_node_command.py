"""The Airflow side writes node requests as contract 2 says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_bert_service.nodes.request import GpuUse, NodeRequest

from tests.support.contracts import (
    golden,
)

NODE_REQUEST = golden("node_request")


def test_a_node_request_is_written(tmp_path: Path) -> None:
    paths: dict[str, Any] = {name: Path(NODE_REQUEST[name]) for name in ("pipeline", "pipeline_root", "outcome")}
    later = ("shown_errors", "artifact_store", "artifact_copies_gb")
    same = ("node", "run_id", "metadata", "metadata_wait_seconds", "ledger", "parameters", "use_cache", *later)
    request = NodeRequest(**{name: NODE_REQUEST[name] for name in same}, **paths, gpu=GpuUse(NODE_REQUEST["gpu"]))

    request.write(tmp_path / "request.json")

    assert json.loads((tmp_path / "request.json").read_text(encoding="utf-8")) == NODE_REQUEST
    for_code_before = {name: value for name, value in NODE_REQUEST.items() if name not in later}
    plain = replace(request, shown_errors=0, artifact_store="", artifact_copies_gb=0)
    assert plain.to_json() == for_code_before, "it is read by releases before, too"
