"""The command: a request on standard input, a table or JSON on standard output."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.retention.records import DAY, NOW
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.request import read_request

ROOT = Path(__file__).parents[3]
NAMES = (
    "keep_versions",
    "keep_span_days",
    "keep_span_versions",
    "keep_artifact_days",
    "keep_score_days",
    "keep_log_days",
)


def rules(value: int, share: object = 0.5) -> dict[str, object]:
    return {**dict.fromkeys(NAMES, value), "keep_max_removed_share": share}


def request(folder: Path, **changes: Any) -> str:
    fields = {
        "format": 3,
        "rules": rules(30),
        "ledger": f"sqlite:///{folder}/ledger.db",
        "metadata": f"sqlite:///{folder}/mlmd.db",
        "name": "bert",
        "models": f"{folder}/models/bert",
        "pipeline": f"{folder}/pipeline",
        "spans": f"{folder}/spans",
        "scores": f"{folder}/scores/bert",
        "logs": [f"{folder}/logs"],
    }
    return json.dumps({**fields, **changes})


def run(text: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tfx_modules.retention", *arguments]
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False, timeout=60)


def _log(folder: Path) -> Path:
    path = folder / "logs" / "run" / "attempt=1.log"
    path.parent.mkdir(parents=True)
    path.write_text("a line\n")
    os.utime(path, ((NOW - 31 * DAY).timestamp(),) * 2)
    return path


def test_json_for_programs(tmp_path: Path) -> None:
    log = _log(tmp_path)

    done = run(request(tmp_path), "--json", "--dry-run")

    answer = json.loads(done.stdout)
    (item,) = answer["items"]
    assert 31 <= item.pop("age_days") < 32
    assert item == {"kind": "log", "what": "logs/run", "bytes": 7, "why": "1 file without a line for 30 days"}
    assert (answer["dry_run"], answer["totals"]) == (True, {kind: {"count": 1, "bytes": 7} for kind in ("log", "all")})
    assert answer["table"].endswith("Would remove: log 1 (7 B); 7 B in all.")
    assert log.exists()


def test_a_table_for_people(tmp_path: Path) -> None:
    log = _log(tmp_path)

    heading, line, empty, summary = run(request(tmp_path)).stdout.splitlines()

    assert heading.split() == ["KIND", "WHAT", "AGE", "SIZE", "WHY"]
    assert line.split()[:2] == ["log", "logs/run"]
    assert (empty, summary) == ("", "Removed: log 1 (7 B); 7 B in all.")
    assert not log.exists()
    assert run(request(tmp_path)).stdout == "There was nothing to remove.\n"


def test_what_cannot_be_used_is_told_in_a_line_without_its_password(tmp_path: Path) -> None:
    done = run(request(tmp_path, metadata=f"postgresql://me:secret@/mlmd?host={tmp_path}"))

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("the ML Metadata store at postgresql+psycopg://me:***@/mlmd")
    assert line.endswith("Look at the database, and at [bert_service] metadata.")


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 1},
        {"rules": {}},
        {"rules": rules(-1)},
        {"rules": rules(True)},
        {"rules": rules(30, share=0)},
        {"rules": rules(30, share=1.1)},
        {"rules": rules(30, share=True)},
        {"rules": rules(30, share="all")},
        {"models": "relative"},
        {"logs": "/"},
        {"colour": "blue"},
        {"ledger": None},
    ],
)
def test_a_request_of_another_form_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(RetentionError, match=r"is not a request of format 3; allowed: a JSON object of format, rules"):
        read_request(request(tmp_path, **changes))


@pytest.mark.parametrize("text", ["", "[]", "nonsense"])
def test_something_else_than_a_request_is_refused(text: str) -> None:
    with pytest.raises(RetentionError, match=r"Run bert-service retention, which sends one"):
        read_request(text)


@pytest.mark.parametrize("address", ["mysql://me:secret@db/mlmd", "sqlite:///relative.db", "secret"])
def test_an_address_of_another_form_is_refused_without_showing_it(tmp_path: Path, address: str) -> None:
    done = run(request(tmp_path, metadata=address))

    assert done.returncode == 1
    assert "allowed: sqlite:////absolute/path and postgresql://user:password@host:port/name" in done.stderr
    assert "secret@" not in done.stderr


def test_it_imports_no_tensorflow() -> None:
    script = "import sys, tfx_modules.retention.command\nprint([n for n in ('tensorflow', 'tfx') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
