"""The DAG file, loaded by Airflow's own DagBag from a folder laid out as `make compile` leaves it."""

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.pipeline.name import dag_ids
from airflow_bert_service.pipeline.source_digest import pipeline_digest, sources_digest
from airflow_bert_service.runs.mode import full_only

ROOT = Path(__file__).parents[2]
EDGES = {
    "CsvExampleGen": {"StatisticsGen", "Transform", "Evaluator", "InfraValidator", "Pusher"},
    "StatisticsGen": {"SchemaGen", "ExampleValidator"},
    "SchemaGen": {"ExampleValidator", "Transform"},
    "ChampionStatistics": {"ExampleValidator"},
    "ExampleValidator": {"Tuner", "Trainer"},
    "Transform": {"Tuner", "Trainer"},
    "LatestTuned": {"Tuner"},
    "Tuner": {"Trainer"},
    "Trainer": {"Evaluator", "InfraValidator", "Pusher"},
    "Resolver": {"Evaluator"},
    "Evaluator": {"InfraValidator", "Pusher"},
    "InfraValidator": {"Pusher"},
    "Pusher": set(),
}
PARAMETERS = {
    "CsvExampleGen": ["input_base", "range_config", "span_versions", "holdout"],
    "Tuner": ["tune"],
    "Trainer": ["train_args"],
    "Pusher": ["promotion", "holdout", "push_destination"],
}
HEAVY = ("tensorflow", "tfx", "keras", "apache_beam", "tfx_modules")


TYPES = {
    "ExampleValidator": "tfx_modules.components.example_validator.ExampleValidator",
    "Tuner": "tfx_modules.components.tuner.Tuner",
    "Trainer": "tfx_modules.components.trainer.Trainer",
    "Evaluator": "tfx.components.evaluator.component.Evaluator",
    "Pusher": "tfx_modules.components.pusher.Pusher",
}


def ir() -> dict[str, Any]:
    """The project's pipeline as far as this side reads it."""
    nodes = [
        {
            "node_info": {"id": node, "type": {"name": TYPES.get(node, f"tfx.{node}")}},
            "upstream_nodes": sorted(upstream for upstream, below in EDGES.items() if node in below),
            "parameters": {
                "parameters": {
                    name: {"runtime_parameter": {"name": name, "type": "STRING"}} for name in PARAMETERS.get(node, ())
                }
            },
        }
        for node in EDGES
    ]
    return {"pipeline_info": {"id": "bert_sentiment"}, "nodes": [{"pipeline_node": node} for node in nodes]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A snapshot: DAG file, IR, and sources that the IR was compiled from; and a sample feed of three days."""
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__ROOT", str(tmp_path))
    (tmp_path / "data").mkdir()
    rows = [f'{day},2026-10-{day},"A film, and how.",positive\n' for day in (16, 17, 18)]
    (tmp_path / "data" / "sample_reviews.csv").write_text("id,date,review,sentiment\n" + "".join(rows))
    sources = tmp_path / "tfx_modules"
    sources.mkdir()
    (sources / "__init__.py").write_text("")
    compiled = tmp_path / "dags" / "compiled"
    compiled.mkdir(parents=True)
    for file in (ROOT / "dags").glob("*.py"):
        shutil.copy(file, tmp_path / "dags")
    (compiled / "bert_sentiment.json").write_text(json.dumps(ir()))
    (compiled / "bert_sentiment.sha256").write_text(sources_digest(sources))
    return tmp_path


def load(project: Path) -> DagBag:
    return DagBag(project / "dags", bundle_path=project / "dags", bundle_name="test")


def loaded(project: Path, dag_id: str = "bert_sentiment") -> DAG:
    bag = load(project)
    assert bag.import_errors == {}
    return bag.dags[dag_id]


def test_tasks_and_edges(project: Path) -> None:
    dag = loaded(project)
    roots = {node for node in EDGES if not any(node in below for below in EDGES.values())}
    assert roots == {"CsvExampleGen", "ChampionStatistics", "LatestTuned", "Resolver"}
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {
        **EDGES,
        "refresh_data": roots,
        "ExampleValidator": {*EDGES["ExampleValidator"], "promoted_model", "notify_promotion"},
        "Pusher": {"promoted_model", "notify_promotion"},
        "promoted_model": set(),
        "notify_promotion": set(),
    }


def test_every_task_and_every_run_has_a_time_limit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"refresh": 1, "node": 2, "training": 3, "infra_validator": 4, "run": 5}
    for name, minutes in limits.items():
        monkeypatch.setenv(f"AIRFLOW__BERT_SERVICE__MAX_{name.upper()}_MINUTES", str(minutes))
    of_its_own = {"refresh_data": 1, "Tuner": 3, "Trainer": 3, "InfraValidator": 4}
    bag = load(project)
    assert (len(bag.dags), bag.import_errors) == (4, {})
    for dag in bag.dags.values():
        assert dag.dagrun_timeout == dt.timedelta(minutes=5)
        found = {task.task_id: task.execution_timeout for task in dag.tasks}
        assert found == {name: dt.timedelta(minutes=of_its_own.get(name, 2)) for name in found}


@pytest.mark.parametrize(("task_id", "counts"), [("promoted_model", True), ("notify_promotion", False)])
def test_the_result_of_a_run_is_sent_whatever_the_state_of_earlier_tasks(
    project: Path, task_id: str, counts: bool
) -> None:
    task = DagSerialization.from_dict(DagSerialization.to_dict(loaded(project))).get_task(task_id)
    assert (task.is_teardown, task.on_failure_fail_dagrun) == (True, counts)


def test_a_promotion_changes_the_asset_of_the_model(project: Path) -> None:
    promoted = loaded(project).get_task("promoted_model")
    assert [(asset.name, asset.uri) for asset in promoted.inlets] == [
        ("bert_sentiment_model", "x-bert-service://model/bert_sentiment")
    ]
    assert [alias.name for alias in promoted.outlets] == ["bert_sentiment_model_promotions"]


def test_the_form_and_the_page(project: Path) -> None:
    dag = loaded(project)
    assert dag.params.dump() == {
        "data_date": None,
        "mode": "full",
        "tune": False,
        "train_steps": 0,
        "promote_older": False,
        "use_cache": True,
    }
    described = str(dag.params.get_param("data_date").description)
    assert "the feed has 2026-10-16 to yesterday (UTC)" in described, "the same text on every day"
    assert dag.doc_md
    assert "data date" in dag.doc_md
    assert all(task.doc_md for task in dag.tasks if task.task_id in EDGES)


def test_a_run_for_the_data_only_skips_whatever_makes_a_model(project: Path) -> None:
    dag = loaded(project)
    stops = {task.task_id for task in dag.tasks if getattr(task, "_pre_execute_hook", None) is full_only}
    below = {task_id for stop in stops for task_id in dag.get_task(stop).get_flat_relative_ids(upstream=False)}
    data = {"refresh_data", "CsvExampleGen", "StatisticsGen", "SchemaGen", "ChampionStatistics", "ExampleValidator"}
    assert {task.task_id for task in dag.tasks} - stops - below == data


def test_nodes_that_leave_a_report_have_a_link_to_it(project: Path) -> None:
    kept = DagSerialization.from_dict(DagSerialization.to_dict(loaded(project)))
    links = {task.task_id: task.extra_links for task in kept.tasks if task.extra_links}
    assert links == {
        "ExampleValidator": ["Validation report"],
        "Tuner": ["Tuning report"],
        "Trainer": ["Training report"],
        "Evaluator": ["Evaluation report"],
        "Pusher": ["Promotion report"],
    }


def test_days_of_the_sample_feed(project: Path) -> None:
    dag = loaded(project)
    assert dag.start_date == dt.datetime(2026, 10, 16, tzinfo=dt.timezone.utc)
    assert dag.end_date is None, "an end date would leave later runs by hand waiting without end"
    assert isinstance(dag.timetable, DailyUntilTimetable)
    assert dag.timetable.last_day is None, "every day is one more"
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


def test_days_of_the_imdb_feed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__FEED", "imdb")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__IMDB_FIRST_DAY", "2026-01-01")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__IMDB_DAYS", "31")
    dag = loaded(project)
    assert dag.start_date == dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    assert isinstance(dag.timetable, DailyUntilTimetable)
    assert dag.timetable.last_day == dt.date(2026, 1, 31)


def test_airflow_can_keep_the_dag(project: Path) -> None:
    kept = DagSerialization.from_dict(DagSerialization.to_dict(loaded(project)))
    assert set(kept.task_dict) == {*EDGES, "refresh_data", "promoted_model", "notify_promotion"}


def test_a_stale_pipeline_is_an_import_error_that_names_the_command(project: Path) -> None:
    (project / "tfx_modules" / "model.py").write_text("changed = True\n")
    message = load(project).import_errors["bert_sentiment.py"]
    assert "is stale" in message
    assert "Run `make compile`" in message


def test_parsing_imports_no_tensorflow(project: Path) -> None:
    script = "import runpy, sys\n"
    script += f"sys.path.insert(0, {str(ROOT / 'plugins')!r})\n"
    script += f"runpy.run_path({str(project / 'dags' / 'bert_sentiment.py')!r})\n"
    script += f"print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip().splitlines()[-1:]) == (0, ["[]"]), done.stderr


COMPILED = ROOT / "dags" / "compiled" / "bert_sentiment.json"


def test_the_edges_above_are_those_of_the_compiled_pipeline() -> None:
    nodes = [entry["pipeline_node"] for entry in json.loads(COMPILED.read_text())["nodes"]]
    assert {node["node_info"]["id"]: set(node.get("downstream_nodes", ())) for node in nodes} == EDGES


def test_the_dags_are_named_after_the_pipeline_that_the_settings_name(project: Path) -> None:
    dags = project / "dags"
    (dags / "settings.toml").write_text('name = "film_sentiment"\n')
    errors = load(project).import_errors
    assert (
        "compiled/film_sentiment.sha256 is missing: the pipeline has not been compiled" in errors["bert_sentiment.py"]
    )

    renamed = {**ir(), "pipeline_info": {"id": "film_sentiment"}}
    (dags / "compiled" / "film_sentiment.json").write_text(json.dumps(renamed))
    digest = pipeline_digest(project / "tfx_modules", dags / "settings.toml")
    (dags / "compiled" / "film_sentiment.sha256").write_text(digest)

    dag = loaded(project, "film_sentiment")
    assert set(load(project).dags) == {*dag_ids("film_sentiment")}
    pushed: Any = dag.get_task("Pusher")
    assert pushed.parameters["push_destination"].endswith('/models/film_sentiment"}}')
    promoted: Any = dag.get_task("promoted_model")
    assert [(asset.name, asset.uri) for asset in promoted.inlets] == [
        ("film_sentiment_model", "x-bert-service://model/film_sentiment")
    ]
    told = [
        loaded(project, name).get_task(task)
        for name, task in (
            ("film_sentiment", "promoted_model"),
            ("film_sentiment", "notify_promotion"),
            ("film_sentiment_retention", "retention"),
            ("film_sentiment_rollback", "roll_back"),
        )
    ]
    assert [getattr(task, "pipeline", "") for task in told] == ["film_sentiment"] * 4


def test_a_rollback_is_triggered_by_hand_with_a_reason(project: Path) -> None:
    dag = loaded(project, "bert_sentiment_rollback")
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        "roll_back": {"promoted_model", "notify_promotion"},
        "promoted_model": set(),
        "notify_promotion": set(),
    }
    assert not dag.is_paused_upon_creation
    with pytest.raises(ParamValidationError, match="should be non-empty"):
        dag.params.validate()
    dag.params.update({"reason": "it is rude"})
    assert dag.params.validate() == {"version": None, "reason": "it is rude"}
