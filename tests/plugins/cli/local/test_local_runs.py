"""What `run-local` decides before a node runs: where the run keeps everything, its parameters, and its nodes."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Param
from airflow_bert_service.cli.local import parameters, pipelines
from airflow_bert_service.cli.local.folder import local_settings, used_alone
from airflow_bert_service.cli.local.steps import INTERRUPTED, LocalRun, nodes_up_to, run_nodes
from airflow_bert_service.cli.main import main
from airflow_bert_service.dag.parameters import USE_CACHE, node_parameters, run_parameters
from airflow_bert_service.exceptions import RunConfError, SettingsError
from airflow_bert_service.pipeline.execution_options import ApprovalTerms
from airflow_bert_service.pipeline.plan import NodePlan, ParameterPlan, ParameterType, PipelinePlan
from airflow_bert_service.settings.settings import FeedName, Settings, settings_from

TEXT = ParameterType.STRING
NODES = (
    NodePlan("Reviews", "Reviews", (), (ParameterPlan("input_base", TEXT, has_default=False),)),
    NodePlan("Statistics", "Statistics", ("Reviews",)),
    NodePlan("Trainer", "Trainer", ("Reviews",)),
    NodePlan("Pusher", "Pusher", ("Trainer",)),
)
PLAN = PipelinePlan("films", NODES, Path("/compiled/films.json"), Path("/modules"))
REFRESHED = {
    "data_date": "2026-11-05",
    "first_day": "2026-10-23",
    "input_base": "/spans",
    "range_config": "{}",
    "span_versions": "{}",
    "holdout": '{"name": "own"}',
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a service whose state is in use."""
    state = tmp_path / "state"
    (state / "models").mkdir(parents=True)
    return settings_from({"root": str(tmp_path), "state": str(state), "node_socket": str(state / "socket")})


def test_a_local_run_has_metadata_ledger_and_models_of_its_own_and_the_feed_of_the_service(settings: Settings) -> None:
    local = local_settings(settings, None)

    folder = settings.state / "local"
    assert local.models_of("films") == folder / "models" / "films"
    assert (local.ledger, local.metadata) == (
        f"sqlite:///{folder}/ledger/ledger.db",
        f"sqlite:///{folder}/metadata/mlmd.db",
    )
    assert (local.pipeline_root, local.spans) == (folder / "pipeline", folder / "spans")
    assert (local.node_socket, local.model_servers, local.notifications) == (None, (), ())
    assert (local.source, local.feed, local.window_days) == (settings.source, settings.feed, settings.window_days)


def test_a_local_run_keeps_its_artifacts_in_its_folder(settings: Settings) -> None:
    stores = settings_from({"artifact_store": "s3://bucket/artifacts", "artifact_folder": "/scratch"}).artifacts
    local = local_settings(replace(settings, artifacts=stores), None)
    assert (local.artifacts.artifact_store, local.pipeline_root) == ("", settings.state / "local" / "pipeline")


def test_the_next_run_takes_the_folder_of_the_one_before(settings: Settings) -> None:
    first = local_settings(settings, None)
    (first.state / "ledger").mkdir()
    assert local_settings(settings, None) == first


def test_a_folder_with_other_files_is_refused_such_as_the_one_that_is_in_service(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"has files that no local run has made; allowed: a new or empty folder"):
        local_settings(settings, settings.state)
    assert [path.name for path in settings.state.iterdir()] == ["models"]


def test_the_state_folder_is_refused_also_where_it_is_empty_or_has_been_one_of_local_runs(tmp_path: Path) -> None:
    state = tmp_path / "home" / "state"
    settings = settings_from({"root": str(tmp_path), "state": str(state)})
    (tmp_path / "link").symlink_to(state)
    for root in (state, tmp_path / "home", tmp_path / "link", state / "models" / "films"):
        with pytest.raises(SettingsError, match=r"which is in service: the setting state is .*state; allowed: another"):
            local_settings(settings, root)
    assert not state.exists()
    local_settings(settings_from({"root": str(tmp_path), "state": str(tmp_path / "other")}), state)
    with pytest.raises(SettingsError, match="which is in service"):
        local_settings(settings, state)


def test_one_run_at_a_time_uses_a_folder(settings: Settings) -> None:
    folder = local_settings(settings, None).state
    message = "in which another local run is under way; allowed: one run at a time"
    with used_alone(folder), pytest.raises(SettingsError, match=message), used_alone(folder):
        pass
    with used_alone(folder):
        pass


def test_ctrl_c_before_the_nodes_process_has_handlers_ends_the_run_like_any_other(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -INT $$\n")
    python.chmod(0o755)
    assert run_nodes(python, tmp_path, [], verbose=False) == INTERRUPTED


def test_a_folder_that_cannot_be_made_is_named(settings: Settings) -> None:
    (settings.state / "file").touch()
    with pytest.raises(SettingsError, match=r"file/runs, which cannot be used \(Not a directory\)"):
        local_settings(settings, settings.state / "file" / "runs")


def test_the_nodes_get_what_the_dags_templates_say(settings: Settings) -> None:
    values = parameters.checked(run_parameters("some days"), {"train_steps": 20, "promote_older": True})
    templates = {**node_parameters(settings, "films", refresh_task_id="refresh_data"), "use_cache": USE_CACHE}

    made = parameters.rendered(
        templates, PLAN.id, run_id="local__1", parameters=values, refreshed=REFRESHED, user="somebody"
    )

    assert json.loads(made["promotion"]) == {
        "dag_id": "films",
        "run_id": "local__1",
        "data_date": "2026-11-05",
        "first_day": "2026-10-23",
        "older": "yes",
        "actor": "somebody",
    }
    assert json.loads(made["train_args"]) == {"splits": ["train"], "num_steps": 20}
    assert json.loads(made["push_destination"])["filesystem"]["base_directory"] == str(settings.models_of("films"))
    assert (made["tune"], made["use_cache"], made["holdout"]) == ("no", "True", '{"name": "own"}')
    assert parameters.of_node(NODES[0], made) == {"input_base": "/spans"}


def test_a_pipeline_that_asks_a_person_is_refused_before_anything_runs() -> None:
    terms = ApprovalTerms(dt.timedelta(hours=2), timeout_promotes=False)
    asking = NodePlan("Approval", "Approval", ("Trainer",), approval=terms)
    plan = replace(PLAN, nodes=(*NODES[:3], asking, replace(NODES[3], upstream=("Trainer", "Approval"))))

    for last in (None, "Pusher", "Approval"):
        with pytest.raises(
            SettingsError, match=r"node Approval of the pipeline films asks a person.*Airflow nobody can"
        ):
            nodes_up_to(plan, last)
    assert [node.id for node in nodes_up_to(plan, "Trainer")] == ["Reviews", "Trainer"]


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"train_step": 1}, r"'train_step', which is no parameter \(did you mean train_steps\?\)"),
        ({"train_steps": -1}, "-1 is less than the minimum of 0"),
        ({"data_date": "5.11.2026"}, "Allowed: a day from 1970-01-01"),
        ({"mode": "data_only"}, "has mode data_only; allowed: full. For a run that trains nothing, use --to-node"),
    ],
)
def test_a_conf_that_airflow_would_refuse_is_refused(conf: dict[str, Any], message: str) -> None:
    with pytest.raises(RunConfError, match=message):
        parameters.checked(run_parameters("some days"), conf)


def test_a_parameter_without_a_default_has_to_be_given() -> None:
    assert parameters.checked({"folder": Param(type="string")}, {"folder": "here"}) == {"folder": "here"}
    with pytest.raises(RunConfError, match="param folder: No value passed and Param has no default value"):
        parameters.checked({"folder": Param(type="string")}, {})


@pytest.mark.parametrize("text", ["{", "[1]", "5"])
def test_conf_is_a_json_object(text: str) -> None:
    with pytest.raises(RunConfError, match="allowed: a JSON object, like"):
        parameters.read_conf(text)


def test_a_run_up_to_a_node_has_those_that_it_needs() -> None:
    assert [node.id for node in nodes_up_to(PLAN, "Pusher")] == ["Reviews", "Trainer", "Pusher"]
    assert nodes_up_to(PLAN, None) == NODES
    with pytest.raises(SettingsError, match="no node of the pipeline films; allowed: Reviews, Statistics, Trainer"):
        nodes_up_to(PLAN, "Push")


def test_each_node_gets_a_request_of_the_node_command(settings: Settings) -> None:
    local = local_settings(settings, None)
    run = LocalRun(
        plan=PLAN, settings=local, run_id="local__1", nodes=NODES[:2], values={"input_base": "/spans"}, use_cache=False
    )

    first, second = (json.loads(path.read_text()) for path in run.write_requests())

    assert (first["node"], first["parameters"], first["use_cache"]) == ("Reviews", {"input_base": "/spans"}, False)
    assert (second["node"], second["parameters"]) == ("Statistics", {})
    assert {request["run_id"] for request in (first, second)} == {"local__1"}
    assert first["pipeline_root"] == str(local.pipeline_root)
    assert run.outcome(NODES[0]) is None


def test_a_further_pipeline_has_the_feed_and_the_rules_of_its_own_settings(tmp_path: Path) -> None:
    folder = tmp_path / "dags" / "bert_pipelines" / "tickets"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(
        'name = "tickets"\n[bert_service]\nfeed = "files"\nfiles_pattern = "/data/{date}.csv"\n'
        "first_day = 2026-11-01\nwindow_days = 3\n"
    )
    local = local_settings(pipelines.own_settings(folder), tmp_path / "runs")
    assert (local.feed, local.window_days) == (FeedName.FILES, 3)
    assert local.spans == tmp_path / "runs" / "pipelines" / "tickets" / "spans"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/missing/dags"], "the DAGs folder /missing/dags does not exist; allowed: a folder with DAG files"),
        (["--code", "mine"], "--code is mine, and there is no FILE:FUNCTION"),
        (["own.py:create", "--date", "2026-11-05"], "the pipeline of own.py:create is your own; allowed: --conf"),
        (["--date", "2026-11-31"], "--date is '2026-11-31'; allowed: a day like 2026-11-05"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__TFX_PYTHON", "/bin/sh")
    assert main(["run-local", "--root", str(tmp_path / "runs"), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_what_a_pipeline_of_the_users_own_pushes_is_not_promised_to_stay_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__TFX_PYTHON", "/bin/sh")
    assert main(["run-local", "--root", str(tmp_path / "runs"), "own.py:create", "--conf", "[]"]) == 1
    told = capsys.readouterr().out
    assert "What the components write elsewhere, as a Pusher of TFX does, they write there." in told
    assert "in service" not in told
