"""A DAG run rolls back, with a stand-in for the promotion command."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from airflow_bert_service.exceptions import PromotionCommandError
from airflow_bert_service.operators.rollback import RollbackOperator, rollback_parameters
from airflow_bert_service.runs.annotations import FAILURE
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.conftest import MODULE_ROOT
from tests.plugins.tries import MadeUpTry

SERVED = [{"version": version, "dag_id": None, "run_id": None, "final": False} for version in (2026110401, 2026110501)]


TRY = MadeUpTry()


def roll_back(
    state: Path,
    version: str,
    *,
    run_id: str = "manual__1",
    user: str | None = "berta",
    conf: dict[str, object] | None = None,
) -> dict[str, Any]:
    (state / "ledger").mkdir(exist_ok=True)
    if not (state / "ledger" / "ledger.db").exists():
        (state / "ledger" / "ledger.db").write_text(json.dumps({"events": SERVED, "deliveries": {}}))
    settings = settings_from({"state": str(state), "tfx_python": sys.executable})
    task = RollbackOperator(
        task_id="roll_back",
        settings=settings,
        pipeline="bert_sentiment",
        module_root=MODULE_ROOT,
        version=version,
        reason="it is rude",
    )
    run = SimpleNamespace(triggering_user_name=user, run_type="manual", conf=conf)
    context: Any = {
        "dag": DAG("bert_sentiment_rollback", params=rollback_parameters()),
        "dag_run": run,
        "run_id": run_id,
        "ti": TRY,
    }
    return task.execute(context)


@pytest.mark.parametrize(("asked", "version"), [("None", 2026110401), ("", 2026110401), ("2026110501", 2026110501)])
def test_the_version_before_or_the_one_that_is_named(tmp_path: Path, asked: str, version: int) -> None:
    event = roll_back(tmp_path, asked)
    assert (event["kind"], event["version"], event["reason"]) == ("rolled_back", version, "it is rude")
    assert (event["actor"], event["run_id"]) == ("berta", "manual__1")


def test_a_run_rolls_back_once(tmp_path: Path) -> None:
    assert roll_back(tmp_path, "") == roll_back(tmp_path, "")
    assert roll_back(tmp_path, "", run_id="manual__2")["position"] == 4


def test_without_a_user_it_is_the_run_s_kind_that_asks(tmp_path: Path) -> None:
    assert roll_back(tmp_path, "", user=None)["actor"] == "manual"


def test_something_else_than_a_version_is_refused_for_good(tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"version is 'latest'; allowed: a number like 2026110501, or noth"):
        roll_back(tmp_path, "latest")


def test_what_the_ledger_refuses_fails_the_task_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "ledger.db").write_text('{"events": [], "deliveries": {}}')
    with pytest.raises(PromotionCommandError, match="there is no version to roll back to"):
        roll_back(tmp_path, "")
    assert "there is no version to roll back to" in TRY.left[FAILURE]


def test_a_run_with_an_unknown_parameter_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"'Versoin', .* \(did you mean version\?\); allowed: version"):
        roll_back(tmp_path, "", conf={"reason": "it is rude", "Versoin": 2026110401})
    assert json.loads((tmp_path / "ledger" / "ledger.db").read_text())["events"] == SERVED


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 20261105},
        {"version": 202611050100},
        {"version": "2026110501"},
        {"reason": ""},
        {"reason": "  \n"},
        {"reason": "x" * 501},
        {"reason": None},
    ],
)
def test_the_form_refuses_versions_and_reasons_that_cannot_be(wrong: dict[str, Any]) -> None:
    form = ParamsDict(rollback_parameters())
    with pytest.raises(ParamValidationError, match=f"Invalid input for param {next(iter(wrong))}:") as raised:
        form.update({"version": 2026110501, "reason": "it is rude", **wrong})
    assert "Allowed: " in str(raised.value)
