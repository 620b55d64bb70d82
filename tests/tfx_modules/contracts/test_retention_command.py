"""The retention command reads and reports as contract 5 says."""

import datetime as dt
import io
import json
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
from tfx_modules.retention.command import main as retention_command
from tfx_modules.retention.command import report_json
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.plan import Item, ItemKind
from tfx_modules.retention.request import read_request as read_retention_request
from tfx_modules.retention.retention import Retained


def test_the_golden_retention_request_is_read() -> None:
    rules, places = read_retention_request(golden_text("retention_request"))
    read = {"format": 3, "rules": asdict(rules), **asdict(places)}
    assert json.loads(json.dumps(read, default=str)) == golden("retention_request")


@pytest.mark.parametrize("name", [*golden("retention_request").keys() - {"artifact_store"}, "unknown"])
def test_a_retention_request_with_other_fields_is_refused(name: str) -> None:
    document = golden("retention_request")
    changed = with_wrong_fields(document)[name]
    _refused_by_retention(changed)


def test_a_retention_request_without_an_artifact_store_is_read() -> None:
    document = golden("retention_request")
    del document["artifact_store"]
    assert faults("retention_request", document) == []
    assert read_retention_request(json.dumps(document))[1].artifact_store == ""


@pytest.mark.parametrize("name", [*golden("retention_request")["rules"], "unknown"])
def test_retention_rules_with_other_fields_are_refused(name: str) -> None:
    document = golden("retention_request")
    rules = document["rules"]
    changed = with_wrong_fields(rules)[name]
    _refused_by_retention({**document, "rules": changed})


def _refused_by_retention(document: dict[str, Any]) -> None:
    assert faults("retention_request", document)
    with pytest.raises(RetentionError, match="standard input is not a request of format 3"):
        read_retention_request(json.dumps(document))


def test_a_report_is_written() -> None:
    document = golden("retention_report")
    items = [
        Item(
            kind=ItemKind(item["kind"]),
            name=item["what"],
            age=dt.timedelta(days=item["age_days"]),
            size=item["bytes"],
            reason=item["why"],
        )
        for item in document["items"]
    ]
    assert json.loads(report_json(Retained(items), dry_run=document["dry_run"])) == document
    assert {kind.value for kind in ItemKind} | {"all"} == {
        *schema("retention_report")["properties"]["totals"]["properties"]
    }


def test_the_retention_command_takes_the_golden_request_and_prints_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    request = {**golden("retention_request"), "metadata": f"sqlite:///{tmp_path}/mlmd.db"}
    text = json.dumps(request).replace("/srv/bert/var", str(tmp_path)).replace("s3://bert", f"file://{tmp_path}")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))

    assert retention_command(["--json", "--dry-run"]) == 0

    assert faults("retention_report", json.loads(capsys.readouterr().out)) == []
