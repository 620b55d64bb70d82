import json
from pathlib import Path
from typing import Any

import pytest

from tfx_modules.exceptions import NodeError
from tfx_modules.node.request import parse_request, read_request

GOOD: dict[str, Any] = {
    "format": 1,
    "pipeline": "/dags/compiled/pipeline.json",
    "node": "Trainer",
    "run_id": "manual__2026-11-05",
    "pipeline_root": "/state/pipeline",
    "metadata": "postgresql://tfx:secret@db:5432/mlmd",
    "metadata_wait_seconds": 120,
    "shown_errors": 0,
    "ledger": "postgresql://tfx:secret@db:5432/ledger",
    "parameters": {"train_args": "{}", "steps": 3, "rate": 0.5},
    "use_cache": True,
    "gpu": "wanted",
    "outcome": "/state/outcome.json",
}


def test_a_request_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps(GOOD), encoding="utf-8")

    request = read_request(path)

    assert request.pipeline == Path("/dags/compiled/pipeline.json")
    assert request.parameters == {"train_args": "{}", "steps": 3, "rate": 0.5}
    assert request.use_cache is True


def test_a_password_is_not_in_the_request_s_text() -> None:
    assert "secret" not in repr(parse_request(GOOD))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, r"field format is 2; allowed: 1"),
        (
            {"nodes": "Trainer"},
            r"missing or unknown fields: nodes; allowed: artifact_copies_gb, artifact_store, format, gpu",
        ),
        ({"node": ""}, r"field node is ''; allowed: a text that is not empty"),
        ({"run_id": 7}, r"field run_id is 7; allowed: a text"),
        ({"outcome": "outcome.json"}, r"field outcome is 'outcome.json'; allowed: an absolute path"),
        ({"use_cache": "yes"}, r"field use_cache is 'yes'; allowed: true, false"),
        ({"metadata_wait_seconds": 0}, r"field metadata_wait_seconds is 0; allowed: a whole number of 1 or more"),
        ({"gpu": "yes"}, r"field gpu is 'yes'; allowed: none, wanted, required"),
        ({"parameters": ["tune"]}, r"field parameters is \['tune'\]; allowed: a JSON object"),
        ({"parameters": {"tune": True}}, r"field parameters.tune is True; allowed: a text or a number"),
        ({"parameters": {"tune": None}}, r"field parameters.tune is None; allowed: a text or a number"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(NodeError, match=message):
        parse_request({**GOOD, **changes})


@pytest.mark.parametrize("name", GOOD.keys() - {"shown_errors"})
def test_no_field_may_be_missing(name: str) -> None:
    with pytest.raises(NodeError, match=rf"{name}"):
        parse_request({key: value for key, value in GOOD.items() if key != name})


def test_a_request_is_an_object() -> None:
    with pytest.raises(NodeError, match="request is of type list; allowed: a JSON object"):
        parse_request([])


@pytest.mark.parametrize("text", [None, "{"])
def test_a_file_that_is_missing_or_not_json_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "request.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(NodeError, match=rf"request {path} cannot be read .*; allowed: a JSON file"):
        read_request(path)
