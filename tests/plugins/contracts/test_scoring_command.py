"""The Airflow side writes scoring requests and texts as contract 7 says, and reads the reports."""

import datetime as dt
import json
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import ScoringError
from airflow_bert_service.scoring.report import ScoringReport, read_report
from airflow_bert_service.scoring.request import ScoringRequest, lines_of
from airflow_bert_service.scoring.texts import DayText
from airflow_bert_service.settings.scoring import ScoresFormat

from tests.support.contracts import golden, with_an_unknown_field

DAY = dt.date(2026, 11, 5)


def test_a_request_and_its_texts_are_written() -> None:
    document = golden("scoring_request")
    request = ScoringRequest(
        day=DAY,
        model=document["model"],
        file_format=ScoresFormat(document["file_format"]),
        ledger=document["ledger"],
        name=document["name"],
        models=Path(document["models"]),
        scores=Path(document["scores"]),
    )
    lines = [json.loads(line) for line in lines_of(request, [DayText(**golden("scoring_text"))])]
    assert lines == [document, golden("scoring_text"), {"end": 1}]


def test_the_golden_report_is_read() -> None:
    document = golden("scoring_report")
    expected = ScoringReport(day=DAY, **document)
    assert read_report(json.dumps(document), DAY) == expected
    assert read_report(json.dumps(with_an_unknown_field(document)), DAY) == expected


@pytest.mark.parametrize("name", golden("scoring_report"))
def test_a_report_without_a_needed_field_is_refused(name: str) -> None:
    document = golden("scoring_report")
    del document[name]
    with pytest.raises(ScoringError, match=rf"something else than a report \(KeyError: '{name}'\)"):
        read_report(json.dumps(document), DAY)
