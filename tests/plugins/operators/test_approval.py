"""The operator that asks a person: what it makes of Airflow's event, whatever the answer's fields are.

The promotion command and the ledger are the real ones, in this environment's Python.
"""

import datetime as dt
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from airflow_bert_service.operators.approval import ASKED_ABOUT, PROPOSED, TfxApprovalOperator, approval_form
from airflow_bert_service.pipeline.execution_options import ApprovalTerms
from airflow_bert_service.promotion.approval import LONGEST_COMMENT, Proposal
from airflow_bert_service.settings.settings import Settings, settings_from

from tests.plugins.approval_nodes import write_module_root
from tests.plugins.environments import environment
from tests.plugins.promotions import client
from tests.plugins.state_store import Store
from tests.plugins.tries import MadeUpTry
from tests.support.airflow_home import PROJECT_ROOT

RUN_ID = "manual__2026-11-05"
PROPOSAL = Proposal(
    dag_id="bert",
    run_id=RUN_ID,
    data_date="2026-11-05",
    first_day="2026-10-23",
    model_uri="/var/pipeline/Trainer/model/7",
    model_digest="c0de",
    champion=2026110401,
    reason="accuracy 0.910 > 0.874 of 2026110401 on sample-v1",
)


def settings_at(folder: Path) -> Settings:
    ledger = f"sqlite:///{folder}/ledger.db"
    return settings_from({"root": str(folder), "ledger": ledger, "tfx_python": sys.executable})


def operator(folder: Path, **arguments: Any) -> TfxApprovalOperator:
    """A task whose candidate is promoted where nobody answers."""
    usual = {"environment": environment(folder), "parameters": {}}
    with DAG("bert"):
        return TfxApprovalOperator(
            task_id="Approval",
            tfx_node="Approval",
            terms=ApprovalTerms(dt.timedelta(hours=2), timeout_promotes=True),
            params=approval_form(),
            settings=settings_at(folder),
            pipeline="bert",
            module_root=PROJECT_ROOT,
            **{**usual, **arguments},
        )


def resume(folder: Path, event: Mapping[str, Any], proposal: Proposal = PROPOSAL) -> dict[str, Any]:
    """Go on with an event as Airflow does."""
    kept = {("Approval", PROPOSED): proposal.to_json()}
    found = MadeUpTry(
        "Approval", xcom_pull=lambda **of: kept[of["task_ids"], of["key"]], xcom_push=lambda _key, _value: None
    )
    context: Any = {"run_id": RUN_ID, "ti": found, "task_state_store": Store()}
    return operator(folder).execute_complete(context, dict(event))


def event(*chosen: str, **fields: Any) -> dict[str, Any]:
    """An event as Airflow's API server makes it of a response."""
    at = dt.datetime(2026, 11, 6, 9, 12, 30, tzinfo=dt.timezone.utc)
    user = {"id": "3", "name": "anna"}
    return {
        "chosen_options": list(chosen),
        "params_input": fields,
        "responded_at": at,
        "responded_by_user": user,
        "timedout": False,
    }


@pytest.mark.parametrize(
    ("fields", "comment"),
    [
        ({"reason": "x" * (LONGEST_COMMENT + 1)}, "x" * LONGEST_COMMENT),
        ({"reason": 7}, "7"),
        ({"colour": "blue"}, "no reason given"),
        ({"reason": "rude\ud800\n to\x00 sequels\x1b"}, "rude\\ud800 to sequels"),
    ],
    ids=["501 characters", "a number", "an unknown key", "a lone surrogate"],
)
def test_a_rejection_is_recorded_whatever_its_fields_are(
    tmp_path: Path, fields: Mapping[str, Any], comment: str
) -> None:
    told = resume(tmp_path, event("Reject", **fields))

    assert told["approved"] is False
    assert f"rejected by anna at 2026-11-06 09:12 UTC: {comment}; the gate had passed it: " in told["line"]


@pytest.mark.parametrize(
    "wrong",
    [event(), event("Approve", "Reject"), event("Perhaps"), {"error": "no response", "error_type": "validation"}],
    ids=["none", "two", "another", "an error"],
)
def test_what_is_not_one_answer_is_not_recorded_and_fails_for_good(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(
        AirflowFailException, match=r"allowed: exactly one of Approve and Reject\. Nothing was recorded"
    ):
        resume(tmp_path, wrong)


def test_an_answer_that_the_ledger_does_not_take_is_not_asked_for_anew(tmp_path: Path) -> None:
    """A new request could be over before somebody sees it, and the candidate be promoted."""
    (tmp_path / "ledger.db").mkdir()

    with pytest.raises(AirflowFailException, match=r"the answer was not recorded: .*Clear the task with those after"):
        resume(tmp_path, event("Reject"))


def test_an_answer_is_about_the_run_that_has_waited_whatever_its_xcom_says(tmp_path: Path) -> None:
    resume(tmp_path, event("Reject"), replace(PROPOSAL, dag_id="other", run_id="another"))

    ledger = client(tmp_path, pipeline="bert", module_root=PROJECT_ROOT)
    assert ledger.verdict(dag_id="bert", run_id=RUN_ID) is not None
    assert ledger.verdict(dag_id="other", run_id="another") is None


def test_nobody_is_asked_about_a_model_with_the_numbers_of_another(tmp_path: Path) -> None:
    """Airflow would show the first request again, after the run was trained anew."""
    root = write_module_root(tmp_path / "snapshot")
    task = operator(
        tmp_path,
        environment=replace(environment(tmp_path), module_root=root),
        parameters={"day": "2026-11-05", "models": str(tmp_path / "models")},
    )
    asked_before = Store({ASKED_ABOUT: "c0de in place of 2026110401"})
    context: Any = {
        "run_id": RUN_ID,
        "ti": MadeUpTry("Approval", xcom_push=lambda _key, _value: None),
        "task_state_store": asked_before,
    }

    with pytest.raises(
        AirflowFailException, match=r"asked about model c0de in place of 2026110401 before.*Trigger a new run"
    ):
        task.execute(context)
