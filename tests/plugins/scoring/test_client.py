"""Running the scoring command: what it gets, what is told of it, and what becomes of it when something fails."""

import datetime as dt
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import FeedError, MissingDayError, ScoringError, ScoringRefusedError, SettingsError
from airflow_bert_service.scoring.client import ScoringClient
from airflow_bert_service.scoring.day import DayScoring
from airflow_bert_service.scoring.report import ScoringReport
from airflow_bert_service.scoring.request import ScoringRequest
from airflow_bert_service.scoring.texts import DayText
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.conftest import MODULE_ROOT
from tests.plugins.toy_project import wait_until

DAY = dt.date(2026, 11, 5)
TEXTS = [DayText(1, "a", "A fine film."), DayText(2, None, "", "no_text")]


def request(folder: Path, act: str, ledger: str = "sqlite:////l.db") -> ScoringRequest:
    settings = settings_from({"state": str(folder / act), "ledger": ledger})
    return ScoringRequest.of(settings, "bert_sentiment", DAY, "live")


def client() -> ScoringClient:
    return ScoringClient(tfx_python=Path(sys.executable), module_root=MODULE_ROOT)


def test_the_command_gets_all_texts_and_its_log_and_report_come_back(tmp_path: Path) -> None:
    log: list[str] = []
    report = client().run(request(tmp_path, "score"), TEXTS, log.append)

    scores = tmp_path / "score" / "scores" / "bert_sentiment"
    first, *rows = json.loads((scores / "got.json").read_text())
    assert (first["day"], first["model"], first["scores"]) == ("2026-11-05", "live", str(scores))
    assert rows == [*(text._asdict() for text in TEXTS), {"end": 2}]
    assert log == ["INFO: 2 texts, 20 a second", "WARNING: it is slow"]
    assert report.line == "scored 1 of 2 texts of 2026-11-05 with 2026110401: 1 positive; not scored: no_text 1"
    assert json.loads(json.dumps(report.to_json()))["rows"] == 2


def test_more_texts_than_a_pipe_holds_come_through(tmp_path: Path) -> None:
    texts = [DayText(number, None, "long " * 1000) for number in range(1, 201)]
    assert client().run(request(tmp_path, "score"), texts, print).rows == 200


def test_the_reason_of_a_failure_has_no_password(tmp_path: Path) -> None:
    asked = request(tmp_path, "fail", "postgresql://me:secret@db/ledger")
    assert "secret" not in repr(asked)
    message = r"tfx_modules.scoring: the ledger at the ledger cannot be used; look at the database. \(exit code 1\)"
    with pytest.raises(ScoringError, match=message) as failed:
        client().run(asked, [DayText(1, None, "long " * 1000)] * 200, print)  # more than the pipe holds
    assert not isinstance(failed.value, ScoringRefusedError)


def test_a_version_that_is_not_there_has_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ScoringRefusedError, match="2026110402 was never in service; were: 2026110401"):
        client().run(request(tmp_path, "refuse"), TEXTS, print)


def test_something_else_than_a_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=r"printed something else than a report.*Use a tfx_modules of the same"):
        client().run(request(tmp_path, "babble"), TEXTS, print)


def test_texts_that_cannot_be_read_end_the_command(tmp_path: Path) -> None:
    def broken() -> Iterator[DayText]:
        yield TEXTS[0]
        raise FeedError("the database is gone")

    with pytest.raises(FeedError, match="the database is gone"):
        client().run(request(tmp_path, "score"), broken(), print)
    assert not (tmp_path / "score" / "scores" / "bert_sentiment" / "got.json").exists()


def test_a_cancelled_command_ends_at_once(tmp_path: Path) -> None:
    running = client()
    begun = tmp_path / "hang" / "scores" / "bert_sentiment"

    def cancel() -> None:
        wait_until(begun.exists)
        running.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(
        ScoringError, match=r"scoring 2026-11-05 was stopped: its task was cancelled\. The day is as it"
    ):
        running.run(request(tmp_path, "hang"), TEXTS, print)
    canceller.join()


def test_a_missing_tfx_environment_is_named(tmp_path: Path) -> None:
    nowhere = ScoringClient(tfx_python=tmp_path / "python", module_root=MODULE_ROOT)
    with pytest.raises(SettingsError, match=r"tfx_python is .*does not exist"):
        nowhere.run(request(tmp_path, "score"), TEXTS, print)


def score(state: Path, day: dt.date, model: str = "live") -> ScoringReport:
    settings = settings_from({"state": str(state), "tfx_python": sys.executable, "scores_format": "parquet"})
    return DayScoring(settings, "bert_sentiment", MODULE_ROOT, print).score(day, model)


def test_a_day_of_the_feed_is_scored_in_the_settings_format(tmp_path: Path) -> None:
    report = score(tmp_path / "score", DAY)
    assert report.file == f"{tmp_path}/score/scores/bert_sentiment/date=2026-11-05/scores.parquet"
    assert report.rows > 50


def test_a_missing_day_starts_no_command(tmp_path: Path) -> None:
    with pytest.raises(MissingDayError, match="feed sample has no reviews of 2026-10-01"):
        score(tmp_path / "score", dt.date(2026, 10, 1))
    assert not (tmp_path / "score").exists()


@pytest.mark.parametrize("model", ["", "newest", "-1", "0", "²"])
def test_a_model_that_is_none_of_the_choices_is_refused(tmp_path: Path, model: str) -> None:
    with pytest.raises(SettingsError, match="allowed: live, live_on_date, or a version like 2026110501"):
        score(tmp_path / "score", DAY, model)
