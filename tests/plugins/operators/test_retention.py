"""Retention as Airflow sees it: settings, the operator over the TFX side's real command, and the DAG file."""

import datetime as dt
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.types import DagRunType
from airflow_bert_service.bundle.snapshots import SnapshotStore
from airflow_bert_service.clients.retention import RetentionClient, RetentionFlags, RetentionReport, RetentionRequest
from airflow_bert_service.exceptions import RetentionError, SettingsError
from airflow_bert_service.operators.retention import RetentionOperator, retention_parameters
from airflow_bert_service.settings.retention import RetentionSettings
from airflow_bert_service.settings.settings import Settings, settings_from

from tests.plugins.conftest import MODULE_ROOT
from tests.plugins.tries import MadeUpTry
from tests.support.airflow_home import AIRFLOW_HOME, PROJECT_ROOT
from tests.support.migrated_database import put_migrated_database

TFX_PYTHON = PROJECT_ROOT / ".venv" / "tfx" / "bin" / "python"
with_tfx = pytest.mark.skipif(not TFX_PYTHON.exists(), reason="the TFX environment is not built; `make setup` does it")
DRY_RUN = RetentionFlags(dry_run=True)
SHARE_OF_ONE = "--max-removed-share=1.0"
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc).timestamp()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_from({"state": str(tmp_path), "keep_span_days": "90"})


def _log(base: Path, dag: str) -> Path:
    log = base / f"dag_id={dag}" / "run_id=old" / "task_id=Trainer" / "attempt=1.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("a line\n")
    os.utime(log, (LONG_AGO, LONG_AGO))
    return log


def operator(settings: Settings, is_dry_run: str) -> RetentionOperator:
    return RetentionOperator(
        task_id="retention",
        settings=settings,
        pipeline="bert_sentiment",
        module_root=PROJECT_ROOT,
        is_dry_run=is_dry_run,
        max_removed_share="",
        is_clock_trusted="False",
    )


def context_of(conf: dict[str, object] | None = None) -> Any:
    return {
        "dag": DAG("bert_sentiment_retention", params=retention_parameters()),
        "dag_run": SimpleNamespace(run_type=DagRunType.SCHEDULED, conf=conf),
        "ti": MadeUpTry("retention"),
    }


@with_tfx
def test_the_log_is_the_table_and_the_totals_are_returned(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path / "logs"))
    ours = _log(tmp_path / "logs", "bert_sentiment")
    foreign = _log(tmp_path / "logs", "bert_sentiment_of_somebody_else")
    context = context_of()

    would = operator(settings, "True").execute(context)
    assert ours.exists()
    gone = operator(settings, "False").execute(context)

    total = {"count": 1, "bytes": 7}
    assert would == {"dry_run": True, "log": total, "all": total}
    assert gone == {"dry_run": False, "log": total, "all": total}
    assert not ours.exists()
    assert foreign.exists()
    shown = "".join(capfd.readouterr())
    assert "KIND  WHAT" in shown
    assert "dag_id=bert_sentiment/run_id=old" in shown
    assert "Would remove: log 1 (7 B); 7 B in all." in shown
    assert "Removed: log 1 (7 B); 7 B in all." in shown


@with_tfx
def test_the_command_beside_airflow_prints_the_table(tmp_path: Path) -> None:
    log = _log(tmp_path / "logs", "bert_sentiment")
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(tmp_path / "logs"),
        "AIRFLOW__BERT_SERVICE__STATE": str(tmp_path),
    }
    command = [sys.executable, "-m", "airflow_bert_service.cli", "retention"]

    shown = [
        subprocess.run(
            [*command, *more], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
        ).stdout.splitlines()[-1]
        for more in (["--dry-run"], [], [])
    ]

    assert shown == [
        "Would remove: log 1 (7 B); 7 B in all.",
        "Removed: log 1 (7 B); 7 B in all.",
        "There was nothing to remove.",
    ]
    assert not log.exists()


@pytest.mark.parametrize(
    ("kind", "conf", "rendered"),
    [
        (DagRunType.SCHEDULED, None, "False"),
        (DagRunType.BACKFILL_JOB, {}, "False"),
        (DagRunType.MANUAL, None, "True"),
        (DagRunType.MANUAL, {"dry_run": False}, "False"),
        (DagRunType.SCHEDULED, {"dry_run": True}, "True"),
    ],
)
def test_a_manual_run_is_a_dry_run_unless_the_form_says_otherwise(
    settings: Settings, kind: DagRunType, conf: dict[str, bool] | None, rendered: str
) -> None:
    task = RetentionOperator(task_id="retention", settings=settings, pipeline="bert_sentiment", module_root=MODULE_ROOT)
    context: Any = {"dag_run": SimpleNamespace(run_type=kind, conf=conf)}

    task.render_template_fields(context)

    assert task.is_dry_run == rendered


def test_something_else_than_yes_or_no_is_refused(settings: Settings) -> None:
    context = context_of()
    with pytest.raises(SettingsError, match=r"is_dry_run became 'perhaps'; allowed: True, False"):
        operator(settings, "perhaps").execute(context)


@pytest.mark.parametrize(
    ("conf", "arguments"),
    [
        (None, []),
        ({"dry_run": False, "max_removed_share": None, "trust_clock": False}, []),
        ({"dry_run": True, "max_removed_share": 1, "trust_clock": True}, ["--dry-run", "--trust-clock", SHARE_OF_ONE]),
    ],
)
def test_a_run_by_hand_may_remove_more_at_once_and_trust_the_clock(
    settings: Settings, conf: dict[str, object] | None, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RetentionFlags] = []

    def run(_: RetentionClient, __: RetentionRequest, flags: RetentionFlags) -> RetentionReport:
        asked.append(flags)
        return RetentionReport(dry_run=False, table="", totals={})

    monkeypatch.setattr(RetentionClient, "run", run)
    task = RetentionOperator(task_id="retention", settings=settings, pipeline="bert_sentiment", module_root=MODULE_ROOT)
    context = context_of(conf)

    task.render_template_fields(context)
    task.execute(context)

    assert [flags.texts for flags in asked] == [arguments]


@pytest.mark.parametrize("share", ["0", "1.5", "all"])
def test_a_share_that_is_none_is_refused(settings: Settings, share: str) -> None:
    task = RetentionOperator(
        task_id="retention",
        settings=settings,
        pipeline="bert_sentiment",
        module_root=MODULE_ROOT,
        is_dry_run="True",
        max_removed_share=share,
        is_clock_trusted="False",
    )
    context = context_of()
    with pytest.raises(
        SettingsError, match=rf"max_removed_share became '{share}'; allowed: a number above 0 and up to"
    ):
        task.execute(context)


@with_tfx
def test_the_command_beside_airflow_adopts_an_environment(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__BERT_SERVICE__STATE": str(tmp_path),
        "BERT_SERVICE_PROGRAM": "",
    }
    command = [sys.executable, "-m", "airflow_bert_service.cli"]
    subprocess.run([*command, "models", "live"], env=environment, cwd=tmp_path, check=False, timeout=120)
    (tmp_path / "spans").mkdir()

    done = subprocess.run(
        [*command, "retention", "adopt"], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["BEFORE", "AFTER", "PLACE"]
    assert done.stdout.splitlines()[-1] == "These places are of one environment now."
    assert (tmp_path / "spans" / ".environment").is_file()


def _request(folder: Path, act: str, ledger: str = "sqlite:////l.db") -> RetentionRequest:
    (folder / act).mkdir(exist_ok=True)
    settings = settings_from({"state": str(folder / act), "ledger": ledger})
    return RetentionRequest.of(settings, "bert_sentiment", [Path("/logs")])


def _client(python: Path = Path(sys.executable)) -> RetentionClient:
    return RetentionClient(tfx_python=python, module_root=MODULE_ROOT)


def test_the_request_goes_to_standard_input_and_shows_no_password(tmp_path: Path) -> None:
    request = _request(tmp_path, "echo", "postgresql://me:secret@db/ledger")

    assert "secret" not in repr(request)
    assert json.loads(request.to_json()) == {
        "format": 3,
        "rules": {
            "keep_versions": 5,
            "keep_span_days": 0,
            "keep_span_versions": 0,
            "keep_artifact_days": 30,
            "keep_score_days": 0,
            "keep_log_days": 30,
            "keep_max_removed_share": 0.5,
        },
        "ledger": "postgresql://me:secret@db/ledger",
        "metadata": f"sqlite:///{tmp_path}/echo/metadata/mlmd.db",
        "name": "bert_sentiment",
        "models": f"{tmp_path}/echo/models/bert_sentiment",
        "pipeline": f"{tmp_path}/echo/pipeline",
        "spans": f"{tmp_path}/echo/spans",
        "scores": f"{tmp_path}/echo/scores/bert_sentiment",
        "logs": ["/logs"],
    }


def test_the_error_of_a_failed_command_is_its_last_line_without_addresses(tmp_path: Path) -> None:
    message = (
        r"^tfx_modules\.retention: the ledger at the ledger cannot be used; look at the database\. \(exit code 1\)$"
    )
    with pytest.raises(RetentionError, match=message):
        _client().run(_request(tmp_path, "fail", "postgresql://me:secret@db/ledger"), DRY_RUN)


@pytest.mark.parametrize("act", ["echo", "babble"])
def test_something_else_than_a_report_is_refused(tmp_path: Path, act: str) -> None:
    with pytest.raises(RetentionError, match=r"printed something else than a report .* Use a tfx_modules of the same"):
        _client().run(_request(tmp_path, act), DRY_RUN)


def test_a_missing_tfx_environment_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"tfx_python is '/missing/python', .* Run `make setup`"):
        _client(Path("/missing/python")).run(_request(tmp_path, "echo"), DRY_RUN)


def test_a_cancelled_task_stops_the_command(tmp_path: Path) -> None:
    client, request = _client(), _request(tmp_path, "hang")

    def cancel_when_it_runs() -> None:
        while not request.spans.exists():
            time.sleep(0.02)
        client.cancel()

    canceller = threading.Thread(target=cancel_when_it_runs)
    canceller.start()
    with pytest.raises(
        RetentionError, match=r"was stopped: its task was cancelled\. The next run continues from there"
    ):
        client.run(request, RetentionFlags(dry_run=False))
    canceller.join()


def test_the_defaults_keep_reviews_and_let_the_rest_go_after_a_month() -> None:
    assert settings_from({}).retention == RetentionSettings(
        keep_versions=5, keep_span_days=0, keep_span_versions=0, keep_artifact_days=30, keep_log_days=30
    )
    assert settings_from({"keep_versions": "0", "keep_span_days": "14"}).retention.keep_span_days == 14


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"keep_versions": "-1"}, r"keep_versions is -1; allowed: 0 or more"),
        ({"keep_max_removed_share": "0"}, r"keep_max_removed_share is 0\.0; allowed: above 0 and up to 1"),
        ({"keep_max_removed_share": "1.1"}, r"keep_max_removed_share is 1\.1; allowed: above 0 and up to 1"),
        ({"keep_max_removed_share": "half"}, r"keep_max_removed_share is 'half'; allowed: a number"),
        ({"keep_log_days": "a month"}, r"keep_log_days is 'a month'; allowed: a whole number"),
        ({"keep_span_days": "13"}, r"keep_span_days is 13, and window_days is 14; allowed: 0 \(all\), or window_days"),
    ],
)
def test_values_that_are_not_allowed(values: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_from(values)


def load(dags: Path) -> DAG:
    bag = DagBag(dags, bundle_path=dags, bundle_name="test")
    # Others need the compiled pipeline, which is not here.
    assert "bert_sentiment_retention.py" not in bag.import_errors
    return bag.dags["bert_sentiment_retention"]


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A copy of the project's sources, as the DAG bundle makes one; of the DAG files, this one only."""
    copy = SnapshotStore(tmp_path / "bundle").copy_sources(PROJECT_ROOT)
    (copy / "dags" / "bert_sentiment.py").unlink()
    return copy


def test_in_a_snapshot_the_dag_runs_the_snapshots_own_command(snapshot: Path) -> None:
    dag = load(snapshot / "dags")
    (task,) = dag.tasks
    assert isinstance(task, RetentionOperator)
    assert task.module_root == snapshot
    assert (snapshot / "tfx_modules" / "retention" / "__main__.py").is_file()


def test_the_dag_begins_paused_runs_daily_and_asks_in_its_form(snapshot: Path) -> None:
    dag = load(snapshot / "dags")
    assert (dag.is_paused_upon_creation, dag.catchup, dag.max_active_runs) == (True, False, 1)
    assert dag.params.dump() == {"dry_run": True, "max_removed_share": None, "trust_clock": False}
    assert dag.doc_md


def test_airflow_can_keep_the_dag_and_no_password_is_in_it(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__LEDGER", "postgresql://me:secret@db/ledger")
    kept = DagSerialization.to_dict(load(snapshot / "dags"))
    assert "secret" not in json.dumps(kept)
    assert set(DagSerialization.from_dict(kept).task_dict) == {"retention"}


@with_tfx
def test_airflow_runs_it(snapshot: Path, tmp_path: Path) -> None:
    log = _log(AIRFLOW_HOME / "logs", "bert_sentiment")
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(snapshot / 'dags')!r})\n"
        "from bert_sentiment_retention import dag\n"
        "run = dag.test(run_conf={'dry_run': False})\n"
        "print(run.get_task_instance('retention').xcom_pull(task_ids='retention'))\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(snapshot / "dags"),
        "AIRFLOW__BERT_SERVICE__STATE": str(tmp_path / "state"),
    }
    put_migrated_database(AIRFLOW_HOME)
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'log': {'count': 1, 'bytes': 7}" in done.stdout.splitlines()[-1], done.stdout
    assert not log.exists()
