"""The Airflow side writes retention requests as contract 5 says, and reads the reports."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from airflow_bert_service.clients.retention import RetentionReport, RetentionRequest, read_report
from airflow_bert_service.exceptions import (
    RetentionError,
)
from airflow_bert_service.settings.retention import RetentionSettings

from tests.support.contracts import (
    golden,
    with_an_unknown_field,
)

RETENTION = golden("retention_request")


def test_a_retention_request_is_written() -> None:
    request = RetentionRequest(
        rules=RetentionSettings(**RETENTION["rules"]),
        ledger=RETENTION["ledger"],
        metadata=RETENTION["metadata"],
        name=RETENTION["name"],
        models=Path(RETENTION["models"]),
        pipeline=Path(RETENTION["pipeline"]),
        spans=Path(RETENTION["spans"]),
        scores=Path(RETENTION["scores"]),
        logs=tuple(map(Path, RETENTION["logs"])),
        artifact_store=RETENTION["artifact_store"],
    )
    assert json.loads(request.to_json()) == RETENTION
    without = {name: value for name, value in RETENTION.items() if name != "artifact_store"}
    assert json.loads(replace(request, artifact_store="").to_json()) == without


def test_the_golden_report_is_read() -> None:
    document = golden("retention_report")
    expected = RetentionReport(dry_run=False, table=document["table"], totals=document["totals"])
    assert read_report(json.dumps(document)) == expected
    assert read_report(json.dumps(with_an_unknown_field(document))) == expected


@pytest.mark.parametrize("name", ["dry_run", "totals", "table"])
def test_a_report_without_a_needed_field_is_refused(name: str) -> None:
    document = golden("retention_report")
    del document[name]
    with pytest.raises(RetentionError, match=rf"something else than a report \(KeyError: '{name}'\)"):
        read_report(json.dumps(document))
