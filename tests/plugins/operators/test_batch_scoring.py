"""Scoring a day as Airflow sees it: the operator, the DAG file, and a run of it with a version that is in service."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, RetryAction
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.types import DagRunType
from airflow_bert_service.bundle.snapshots import SnapshotStore
from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.exceptions import FeedError, MissingDayError, ScoringError
from airflow_bert_service.operators.scoring.late_feed import WAIT, LateFeedPolicy, tries_within
from airflow_bert_service.operators.scoring.operator import BatchScoringOperator
from airflow_bert_service.operators.scoring.parameters import scoring_parameters
from airflow_bert_service.promotion.asset import scores_asset
from airflow_bert_service.runs.annotations import FAILURE, VERDICT
from airflow_bert_service.settings.settings import settings_from
from airflow_bert_service.settings.time_limits import TimeLimitSettings
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import ValidationError, validate

from tests.plugins.conftest import MODULE_ROOT
from tests.plugins.tries import MadeUpTry
from tests.support.airflow_home import AIRFLOW_HOME, PROJECT_ROOT
from tests.support.migrated_database import put_migrated_database

TFX_PYTHON = PROJECT_ROOT / ".venv" / "tfx" / "bin" / "python"
with_tfx = pytest.mark.skipif(not TFX_PYTHON.exists(), reason="the TFX environment is not built; `make setup` does it")
ASSET = scores_asset("bert_sentiment")
NOON = dt.datetime(2026, 11, 6, 12, tzinfo=dt.timezone.utc)


class TaskContext(dict[str, Any]):
    """A task's context, of a run for the 5th of November, that keeps what is pushed and emitted."""

    def __init__(self, **conf: object) -> None:
        self.of_try = MadeUpTry("score")
        self.event = SimpleNamespace(extra={})
        run = SimpleNamespace(run_type="manual", run_after=NOON, logical_date=None, data_interval_start=None, conf=conf)
        super().__init__(
            dag=DAG("bert_sentiment_scoring", params=scoring_parameters("2026-10-16 to today")),
            dag_run=run,
            params=conf,
            ti=self.of_try,
            outlet_events={ASSET: self.event},
        )


def context_of(**conf: object) -> Any:
    return TaskContext(**conf)


def operator(state: Path, *, model: str = "live") -> BatchScoringOperator:
    return BatchScoringOperator(
        task_id="score",
        settings=settings_from({"state": str(state), "tfx_python": sys.executable}),
        pipeline="bert_sentiment",
        module_root=MODULE_ROOT,
        asset=ASSET,
        model=model,
    )


def test_a_days_scores_are_returned_emitted_and_told_on_the_runs_note(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    context = context_of()
    report = operator(tmp_path / "score").execute(context)

    assert (report["day"], report["version"], report["engine"]) == ("2026-11-05", 2026110401, "OpenVINO (int8)")
    assert report["file"].endswith("/scores/bert_sentiment/date=2026-11-05/scores.jsonl")
    assert context.event.extra == report
    scored = report["labels"]["positive"]
    assert context.of_try.left[VERDICT].startswith(
        f"scored {scored} of {report['rows']} texts of 2026-11-05 with 20261104"
    )
    shown = "".join(capfd.readouterr())
    assert "2 texts, 20 a second" in shown
    assert "it is slow" in shown


def test_the_data_date_is_the_parameters(tmp_path: Path) -> None:
    context = context_of(data_date="2026-11-03")
    assert operator(tmp_path / "score").execute(context)["day"] == "2026-11-03"


@pytest.mark.parametrize(
    ("act", "conf", "model", "message"),
    [
        ("score", {"modell": "live"}, "live", r"'modell', which is no parameter \(did you mean model\?\)"),
        ("score", {"data_date": "yesterday"}, "live", "parameter data_date is 'yesterday'; allowed: a day like"),
        ("score", {}, "None", "model is 'None'; allowed: live, live_on_date, or a version"),
        ("refuse", {}, "2026110402", "2026110402 was never in service"),
    ],
)
def test_what_another_try_cannot_mend_is_not_tried_again(
    tmp_path: Path, act: str, conf: dict[str, object], model: str, message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        operator(tmp_path / act, model=model).execute(context_of(**conf))


@pytest.mark.parametrize(
    ("act", "conf", "kind"),
    [("fail", {}, ScoringError), ("score", {"data_date": "2026-10-01"}, MissingDayError)],
)
def test_what_may_pass_is_tried_again_and_emits_nothing(
    tmp_path: Path, act: str, conf: dict[str, object], kind: type[Exception]
) -> None:
    context = context_of(**conf)
    with pytest.raises(kind):
        operator(tmp_path / act).execute(context)
    assert context.event.extra == {}
    assert set(context.of_try.left) == {FAILURE}


@pytest.mark.parametrize("model", ["live", "live_on_date", "2026110501"])
def test_the_form_takes_models(model: str) -> None:
    validate(model, scoring_parameters("")["model"].schema)


@pytest.mark.parametrize("model", ["", "newest", "0", "live ", None, 2026110501])
def test_the_form_refuses_other_models(model: object) -> None:
    with pytest.raises(ValidationError):
        validate(model, scoring_parameters("")["model"].schema)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A copy of the project's sources, as the DAG bundle makes one; of the DAG files, this one only."""
    copy = SnapshotStore(tmp_path / "bundle").copy_sources(PROJECT_ROOT)
    for file in (copy / "dags").glob("*.py"):
        if file.name != "bert_sentiment_scoring.py":
            file.unlink()
    return copy


def load(dags: Path) -> DAG:
    bag = DagBag(dags, bundle_path=dags, bundle_name="test")
    assert bag.import_errors == {}
    return bag.dags["bert_sentiment_scoring"]


def test_the_dag_needs_no_compiled_pipeline_and_runs_the_snapshots_own_command(snapshot: Path) -> None:
    (task,) = load(snapshot / "dags").tasks
    assert isinstance(task, BatchScoringOperator)
    assert task.module_root == snapshot
    assert (snapshot / "tfx_modules" / "scoring" / "__main__.py").is_file()


def test_the_dag_begins_paused_and_has_a_run_for_each_day_of_the_feed(snapshot: Path) -> None:
    dag = load(snapshot / "dags")
    assert (dag.is_paused_upon_creation, dag.catchup) == (True, False)
    assert dag.params.dump() == {"data_date": None, "model": "live"}
    assert dag.start_date == dt.datetime(2026, 10, 16, tzinfo=dt.timezone.utc)
    assert isinstance(dag.timetable, DailyUntilTimetable)
    assert dag.timetable.description == "Every day at midnight UTC"
    assert "scores/bert_sentiment/date=2026-11-05" in str(dag.doc_md)


def test_days_are_scored_one_at_a_time_also_in_a_backfill_unless_the_setting_says_more(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Airflow counts a backfill's tasks by this limit, and its runs by none of the DAG's.
    assert load(snapshot / "dags").get_task("score").max_active_tis_per_dag == 1
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__SCORED_DAYS_AT_ONCE", "3")
    kept = DagSerialization.from_dict(DagSerialization.to_dict(load(snapshot / "dags")))
    assert kept.get_task("score").max_active_tis_per_dag == 3


def test_a_late_day_is_asked_for_each_hour_and_the_last_try_ends_within_the_runs_limit(snapshot: Path) -> None:
    dag = load(snapshot / "dags")
    task = dag.get_task("score")
    assert (task.retries, task.retry_delay) == (22, dt.timedelta(minutes=1))
    assert isinstance(task.retry_policy, LateFeedPolicy)
    assert dag.max_active_runs > 1, "a day that waits must not keep others from being scored"


@given(run=st.floats(0.01, 5000), node=st.floats(0.01, 500))
def test_waits_fit_into_the_limits(run: float, node: float) -> None:
    limits = TimeLimitSettings(max_run_minutes=run, max_node_minutes=node)
    tries = tries_within(limits)
    assert tries["retries"] >= 1
    waited = tries["retries"] * WAIT + limits.node
    assert ("retry_policy" in tries) == (limits.run >= limits.node + WAIT)
    if "retry_policy" in tries:
        assert waited <= limits.run < waited + WAIT


@pytest.mark.parametrize(
    ("run_type", "error", "try_number", "expected"),
    [
        ("scheduled", MissingDayError("no reviews"), 1, (RetryAction.RETRY, WAIT)),
        ("scheduled", FeedError("it does not answer"), 21, (RetryAction.RETRY, WAIT)),
        ("scheduled", ScoringError("it failed"), 1, (RetryAction.DEFAULT, None)),
        ("scheduled", ScoringError("it failed"), 2, (RetryAction.FAIL, None)),
        ("backfill", MissingDayError("no reviews"), 1, (RetryAction.DEFAULT, None)),
        ("backfill", MissingDayError("no reviews"), 2, (RetryAction.FAIL, None)),
        ("manual", MissingDayError("no reviews"), 2, (RetryAction.FAIL, None)),
    ],
)
def test_only_a_scheduled_run_waits_and_only_for_its_feed(
    run_type: str, error: Exception, try_number: int, expected: tuple[RetryAction, dt.timedelta | None]
) -> None:
    context: Any = {"dag_run": SimpleNamespace(run_type=DagRunType(run_type))}
    found = LateFeedPolicy(22).evaluate(error, try_number, 22, context)
    assert (found.action, found.retry_delay) == expected


def test_the_task_of_a_run_that_is_cleared_is_tried_again_once() -> None:
    context: Any = {"dag_run": SimpleNamespace(run_type=DagRunType.MANUAL)}
    # Airflow has cleared it after two tries: the next one is the third, and 22 more may follow.
    found = [LateFeedPolicy(22).evaluate(ScoringError("it failed"), number, 24, context).action for number in (3, 4)]
    assert found == [RetryAction.DEFAULT, RetryAction.FAIL]


def test_airflow_can_keep_the_dag_and_no_password_is_in_it(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__LEDGER", "postgresql://me:secret@db/ledger")
    kept = DagSerialization.to_dict(load(snapshot / "dags"))
    assert "secret" not in json.dumps(kept)
    (task,) = DagSerialization.from_dict(kept).task_dict.values()
    assert [outlet.name for outlet in task.outlets] == ["bert_sentiment_scores"]


RUN = """
import datetime as dt, json, sys
sys.path.insert(0, sys.argv[1])
from bert_sentiment_scoring import dag

day = dt.datetime(2026, 11, 5, tzinfo=dt.timezone.utc)
run = dag.test(logical_date=day, run_conf={"model": "live_on_date"})
report = run.get_task_instance("score").xcom_pull(task_ids="score")

from airflow.models.asset import AssetEvent
from airflow.utils.session import create_session
from sqlalchemy import select

with create_session() as session:
    found = select(AssetEvent).where(AssetEvent.source_run_id == run.run_id, AssetEvent.source_dag_id == dag.dag_id)
    events = [event.extra for event in session.scalars(found)]
print(json.dumps({"state": str(run.state), "report": report, "events": events}))
"""


@pytest.mark.slow
@with_tfx
def test_airflow_runs_it_and_the_command_scores_the_day_anew(snapshot: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    _call([str(TFX_PYTHON), "-m", "tests.tfx_modules.scoring.published", str(state)], {}, PROJECT_ROOT)
    environment = {
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(snapshot / "dags"),
        "AIRFLOW__BERT_SERVICE__STATE": str(state),
        "AIRFLOW__BERT_SERVICE__TFX_PYTHON": str(TFX_PYTHON),
    }
    put_migrated_database(AIRFLOW_HOME)

    printed = _call([sys.executable, "-c", RUN, str(snapshot / "dags")], environment, tmp_path)

    told = json.loads(printed.splitlines()[-1])
    report = told["report"]
    assert (told["state"], told["events"]) == ("success", [report])
    assert (report["day"], report["version"], report["engine"]) == (
        "2026-11-05",
        2026110401,
        "TensorFlow (as exported)",
    )
    file = Path(report["file"])
    assert file == state / "scores" / "bert_sentiment" / "date=2026-11-05" / "scores.jsonl"
    before = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["row"] for row in before] == list(range(1, report["rows"] + 1))
    assert len(report["digest"]) == 64
    assert {(row["version"], row["digest"], row["engine"]) for row in before} == {
        (2026110401, report["digest"], report["engine"])
    }

    command = [sys.executable, "-m", "airflow_bert_service.cli", "score", "--date", "2026-11-05"]
    said = _call(command, environment, tmp_path)

    assert f"texts of 2026-11-05 with 2026110501: {report['labels']['negative']} negative" in said
    assert said.splitlines()[-1] == str(file)
    after = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["version"] for row in after] == [2026110501] * len(before)
    kept = ("row", "id", "label", "score", "error")
    assert [[row[name] for name in kept] for row in after] == [[row[name] for name in kept] for row in before]
    assert [path.name for path in file.parent.iterdir()] == ["scores.jsonl"]


def _call(command: list[str], environment: dict[str, str], folder: Path) -> str:
    variables = {**os.environ, **environment}
    done = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
