"""The command as the Airflow side calls it: request and texts on standard input, a report on standard output."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import pytest

from tests.support.contracts import faults, golden, with_wrong_fields
from tests.tfx_modules.node.conftest import is_alive, wait_until
from tests.tfx_modules.scoring.published import PIPELINE, publish
from tests.tfx_modules.scoring.scores import PROVENANCE, files_of, read
from tfx_modules.exceptions import BatchScoringError
from tfx_modules.scoring import day
from tfx_modules.scoring.command import main, report_json
from tfx_modules.scoring.day import DayReport
from tfx_modules.scoring.request import read_request, read_texts
from tfx_modules.scoring.rows import Text

TEXTS: list[dict[str, Any]] = [
    {"row": 1, "id": "a", "text": "A good film.", "error": None},
    {"row": 2, "id": None, "text": "", "error": "no_text"},
    {"row": 3, "id": "c", "text": "A bad one: été, 电影 😀.", "error": None},
]
END = {"end": 3}

Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish(folder)
    return folder


def request_of(state: Path, scores: Path) -> dict[str, Any]:
    places = {
        "ledger": f"sqlite:///{state}/ledger/ledger.db",
        "models": f"{state}/models/{PIPELINE}",
        "scores": str(scores),
    }
    return {**golden("scoring_request"), "model": "live", "file_format": "jsonl", **places}


def sent(*lines: dict[str, Any]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@pytest.fixture
def run(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*lines: dict[str, Any], **request: object) -> tuple[int, Any, str]:
        first = {**request_of(state, tmp_path / "scores"), **request}
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(sent(first, *lines))))
        code = main()
        printed, said = capsys.readouterr()
        return code, json.loads(printed) if printed else None, said

    return command


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_a_day_is_scored_and_a_second_run_of_it_leaves_no_row_twice(run: Run, tmp_path: Path, file_format: str) -> None:
    for model, version in (("live", 2026110501), ("live_on_date", 2026110401)):
        code, report, said = run(*TEXTS, END, file_format=file_format, model=model)

        assert code == 0, said
        assert faults("scoring_report", report) == []
        assert (report["rows"], report["labels"], report["errors"]) == (
            3,
            {"negative": 1, "positive": 1},
            {"no_text": 1},
        )
        assert (report["version"], report["engine"]) == (version, "TensorFlow (as exported)")
        assert report["file"] == f"{tmp_path}/scores/date=2026-11-05/scores.{file_format}"
        rows = read(Path(report["file"]))
        assert [(each["row"], each["id"], each["label"], each["error"]) for each in rows] == [
            (1, "a", "positive", None),
            (2, None, None, "no_text"),
            (3, "c", "negative", None),
        ]
        assert [each["score"] for each in rows] == [0.9, None, 0.1]
        assert {(each["version"], each["digest"]) for each in rows} == {(version, report["digest"])}
        assert files_of(tmp_path / "scores") == [f"date=2026-11-05/scores.{file_format}"]


def test_a_day_of_several_pieces_is_whole_and_in_order(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day, "PIECE", 4)
    texts = [
        {"row": number, "id": str(number), "text": "good" if number % 2 else "bad", "error": None}
        for number in range(1, 12)
    ]
    code, report, said = run(*texts, {"end": 11})

    assert code == 0, said
    rows = read(Path(report["file"]))
    assert [(each["row"], each["label"] == "positive") for each in rows] == [
        (number, number % 2 == 1) for number in range(1, 12)
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((*TEXTS,), "3 texts came, and then no end: the sender has failed or was stopped"),
        ((*TEXTS[:2], END), "2 texts came, and then the end of 3"),
        ((*TEXTS, END, TEXTS[0]), "line 6 of standard input is no text"),
        ((TEXTS[0], {"row": 2}), "line 3 of standard input is no text; allowed: a JSON object of row, id, text and"),
        (({"end": 0},), "2026-11-05 has no texts; allowed: one or more"),
        ((TEXTS[1], {"end": 1}), "no text of 2026-11-05 could be scored (no_text 1); needed: one or more"),
    ],
)
def test_a_sender_that_stops_early_or_has_nothing_to_score_leaves_the_day_as_it_was(
    run: Run, tmp_path: Path, lines: tuple[dict[str, Any], ...], message: str
) -> None:
    assert run(*TEXTS, END)[0] == 0
    before = (tmp_path / "scores" / "date=2026-11-05" / "scores.jsonl").read_bytes()

    code, report, said = run(*lines, model="live_on_date")

    assert (code, report) == (1, None)
    assert message in said
    assert files_of(tmp_path / "scores") == ["date=2026-11-05/scores.jsonl"]
    assert (tmp_path / "scores" / "date=2026-11-05" / "scores.jsonl").read_bytes() == before


def test_a_version_that_is_not_there_has_an_exit_code_of_its_own(run: Run, tmp_path: Path) -> None:
    code, report, said = run(*TEXTS, END, model="live_on_date", day="2026-11-01")
    assert (code, report) == (3, None)
    assert "no version of bert_sentiment was in service at the end of 2026-11-01 (UTC)" in said
    assert not (tmp_path / "scores").exists()


def test_a_folder_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scores").write_text("")
    code, _, said = run(*TEXTS, END)
    assert code == 1
    assert f"the day's scores cannot be written: [Errno 17] File exists: '{tmp_path}/scores'" in said


def test_a_version_that_cannot_be_read_is_not_told_as_one_of_writing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "saved_model.pb")

    monkeypatch.setattr(day, "load_model", refuse)
    code, _, said = run(*TEXTS, END)
    assert code == 1
    assert "the version to score with cannot be read: [Errno 13] Permission denied: 'saved_model.pb'" in said
    assert not (tmp_path / "scores").exists()


TASK = """
import subprocess, sys, time
command = subprocess.Popen([sys.executable, "-m", "tfx_modules.scoring"], stdin=0, start_new_session=True)
print(command.pid, flush=True)
time.sleep(600)
"""


def test_a_command_whose_task_is_killed_puts_no_scores_in_place(state: Path, tmp_path: Path, repository: Path) -> None:
    scores = tmp_path / "scores"
    first = request_of(state, scores)
    command = [sys.executable, "-c", TASK]
    with subprocess.Popen(command, cwd=repository, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as task:
        texts, printed = cast(IO[bytes], task.stdin), cast(IO[bytes], task.stdout)
        pid = int(printed.readline())
        texts.write(sent(first, *TEXTS))
        texts.flush()
        wait_until(lambda: any(scores.glob(".staging/2026-11-05-*")), 120)
        task.kill()
        task.wait()
        with suppress(BrokenPipeError):
            texts.write(sent(END))  # all texts are there now: one that still ran would write the day
            texts.close()
    wait_until(lambda: not is_alive(pid))
    assert not any(scores.glob("date=*"))


def test_the_golden_request_and_text_are_read() -> None:
    document = golden("scoring_request")
    request = read_request(json.dumps(document))
    read = {name: getattr(request, name) for name in document if name not in ("format", "file_format")}
    read = {"format": 1, "file_format": request.file_format.value, **read}
    assert json.loads(json.dumps(read, default=str)) == document
    lines = [json.dumps(line) for line in (golden("scoring_text"), {"end": 1})]
    assert list(read_texts(lines)) == [Text(**golden("scoring_text"))]


@pytest.mark.parametrize("name", [*golden("scoring_request"), "unknown"])
def test_a_request_with_other_fields_is_refused(name: str) -> None:
    _refused(with_wrong_fields(golden("scoring_request"))[name])


@pytest.mark.parametrize(
    "changed",
    [{"model": 0}, {"model": "newest"}, {"model": True}, {"file_format": "csv"}, {"scores": "scores"}, {"format": 2}],
)
def test_a_request_with_a_value_that_is_not_allowed_is_refused(changed: dict[str, object]) -> None:
    _refused({**golden("scoring_request"), **changed})


def _refused(document: dict[str, object]) -> None:
    assert faults("scoring_request", document)
    with pytest.raises(BatchScoringError, match="the first line of standard input is not a request of format 1"):
        read_request(json.dumps(document))


@pytest.mark.parametrize("name", [*golden("scoring_text"), "unknown"])
def test_a_text_with_other_fields_is_refused(name: str) -> None:
    changed = with_wrong_fields(golden("scoring_text"))[name]
    assert faults("scoring_text", changed)
    with pytest.raises(BatchScoringError, match="line 2 of standard input is no text"):
        list(read_texts([json.dumps(changed), json.dumps({"end": 1})]))


def test_a_report_is_written_as_the_contract_has_it() -> None:
    document = golden("scoring_report")
    report = DayReport(Path(document["file"]), PROVENANCE._replace(engine=document["engine"]))
    report.rows, report.seconds = document["rows"], document["seconds"]
    report.labels.update(document["labels"])
    report.errors.update(document["errors"])
    assert json.loads(report_json(report)) == document
