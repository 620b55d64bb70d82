"""`scripts/bert models`, as people run it: on a real ledger with two versions in service, without a stack."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from scripts.stack.environment import plain_environment
from tests.support.web_inbox import listening

ROOT = Path(__file__).parents[2]
PROMOTE = """
import datetime as dt, pathlib, sys
from tfx_modules.promotion.events import Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository
state = pathlib.Path(sys.argv[1])
for day in (4, 5):
    model = state / f"model-{day}"
    model.mkdir()
    (model / "saved_model.pb").write_text(str(day))
    date = dt.date(2026, 11, day)
    run = Run(dag_id="bert_sentiment", run_id=f"run-{day}", data_date=date, first_day=date)
    repository = ModelRepository(state / "models" / "bert_sentiment")
    ledger = open_ledger(f"sqlite:///{state}/ledger/ledger.db", "bert_sentiment")
    Promoter(ledger, repository).promote(
        Candidate(run=run, model=model, actor="anna"), lambda champion: GateResult(passed=True, reason="accuracy 0.9")
    )
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    python = ROOT / ".venv" / "tfx" / "bin" / "python"
    environment = {**plain_environment(os.environ), "PYTHONPATH": str(ROOT)}
    subprocess.run([python, "-c", PROMOTE, tmp_path], env=environment, check=True)
    return tmp_path


def models(state: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    # The tests' own Airflow has settings that are none of a user's.
    users = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment = {**users, "BERT_SERVICE_STATE": str(state), **variables}
    command = [str(ROOT / "scripts" / "bert"), "models", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_questions_are_answered(state: Path) -> None:
    live, why = models(state, "live", "--at", "today"), models(state, "why", "2026-11-05")

    assert live.returncode == why.returncode == 0
    assert [line.split("  ")[0] for line in live.stdout.splitlines()[::2]] == ["2026110401", "2026110501"]
    assert why.stdout.endswith("run-5  promoted 2026110501: accuracy 0.9\n")


def test_what_nobody_knows_is_said_and_is_an_error(state: Path) -> None:
    asked = models(state, "why", "2026-11-06")

    assert (asked.returncode, asked.stdout) == (
        1,
        "The ledger has no event of 2026-11-06: no run of it has ended yet, or none was started.\n",
    )


def test_where_no_version_was_in_service_the_answer_names_model_ledger_and_folder(tmp_path: Path) -> None:
    never = (
        f"o version of bert_sentiment was ever in service, by the ledger at sqlite:///{tmp_path}/ledger/ledger.db; "
        f"versions in service are in {tmp_path}/models/bert_sentiment. Trigger the DAG bert_sentiment: the first model "
        "that passes its gates goes into service. Where one should be in service already, correct [bert_service] state "
        "and ledger.\n"
    )
    live, settled = models(tmp_path, "live"), models(tmp_path, "settle")
    assert (live.returncode, live.stdout) == (1, f"N{never}")
    assert (settled.returncode, settled.stdout) == (0, f"N{never}")
    for words in (["roll-back"], ["roll-back", "--to", "2026110401"], ["pin", "2026110401"], ["unpin", "2026110401"]):
        refused = models(tmp_path, *words, "--reason", "because")
        assert (refused.returncode, refused.stderr) == (1, f"n{never}")
    history = models(tmp_path, "history")
    assert history.stdout == (
        f"The ledger at sqlite:///{tmp_path}/ledger/ledger.db has no event of bert_sentiment yet: no run of it has "
        "come to a verdict.\n"
    )


def test_before_the_first_promotion_the_answer_says_when_that_was(state: Path) -> None:
    live = models(state, "live", "--at", "2026-01-01")

    assert live.returncode == 1
    assert re.fullmatch(
        r"No version of bert_sentiment was in service at 2026-01-01: the first one, 2026110401, came into service at "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, by the ledger at sqlite:///\S+/ledger\.db\.\n",
        live.stdout,
    )


def test_a_rollback_is_done_and_announced(state: Path) -> None:
    with listening() as inbox:
        connection = {"conn_type": "http", "host": "127.0.0.1", "port": inbox.port, "password": "sesame"}
        notified = {
            "AIRFLOW__BERT_SERVICE__NOTIFICATIONS": '[{"webhook": {"conn_id": "hook"}}]',
            "AIRFLOW_CONN_HOOK": json.dumps(connection),
        }
        done = models(state, "roll-back", "--reason", "it is rude", **notified)
        again = models(state, "roll-back", "--reason", "it is rude", **notified)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("rolled_back 2026110401: from 2026110501 to 2026110401: it is rude\n")
    assert again.returncode == 1
    assert "there is no version to go back to from 2026110401" in again.stderr
    (post,) = inbox.posts
    body = json.loads(post.body)
    assert (body["kind"], body["version"], body["reason"]) == (
        "rolled_back",
        2026110401,
        "from 2026110501 to 2026110401: it is rude",
    )
    served = sorted(path.name for path in (state / "models" / "bert_sentiment").iterdir())
    assert served == [".digests", ".environment", "2026110401"]


def test_a_wrong_setting_is_told_before_anything_is_done(state: Path) -> None:
    done = models(state, "live", AIRFLOW__BERT_SERVICE__LEDGER="mysql://user:secret@db/x")

    assert done.returncode == 1
    assert "[bert_service] ledger has the scheme 'mysql'; allowed:" in done.stderr
    assert "secret" not in done.stderr
