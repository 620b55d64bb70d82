"""Nodes get the values of the trigger form and of `refresh_data`, rendered by Airflow's own templates."""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError
from airflow.utils.types import DagRunType
from airflow_bert_service.dag.parameters import MOST_STEPS, USE_CACHE, node_parameters, run_parameters
from airflow_bert_service.dag.runner import node_environment
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.pipeline.plan import PipelinePlan
from airflow_bert_service.settings.settings import settings_from

RANGE = json.dumps({"static_range": {"start_span_number": 20749, "end_span_number": 20762}})
HOLDOUT = '{"name": "sample-v1", "path": "/data/sample-v1.csv", "sha256": "c0de"}'
VERSIONS = '{"2026-11-04": 2, "2026-11-05": 1}'


class XComs:
    """The part of a task instance that templates use."""

    def __init__(self, **results: object) -> None:
        self._results = results

    def xcom_pull(self, task_ids: str) -> object:
        return self._results[task_ids]


def rendered(tmp_path: Path, *, user: str | None = "anna", **params: Any) -> tuple[dict[str, str], str]:
    settings = settings_from({"state": str(tmp_path)})
    plan = PipelinePlan("small", (), tmp_path / "small.json", tmp_path)
    task = TfxNodeOperator(
        task_id="all",
        tfx_node="all",
        environment=node_environment(plan, settings),
        parameters=node_parameters(settings, "bert_sentiment", refresh_task_id="refresh_data"),
        use_cache=USE_CACHE,
    )
    form = ParamsDict(run_parameters("2026-10-16 to yesterday (UTC)"))
    form.update(params)
    context: Any = {
        "params": form.validate(),
        "ti": XComs(
            refresh_data={
                "input_base": str(tmp_path / "spans"),
                "range_config": RANGE,
                "span_versions": VERSIONS,
                "data_date": "2026-11-05",
                "first_day": "2026-10-23",
                "holdout": HOLDOUT,
            }
        ),
        "dag": DAG("bert_sentiment"),
        "run_id": 'it\'s "manual"',
        "dag_run": SimpleNamespace(triggering_user_name=user, run_type=DagRunType.BACKFILL_JOB),
    }
    task.render_template_fields(context)
    return dict(task.parameters), task.use_cache


def test_defaults_of_the_trigger_form(tmp_path: Path) -> None:
    parameters, use_cache = rendered(tmp_path)
    assert parameters["input_base"] == str(tmp_path / "spans")
    assert json.loads(parameters["range_config"]) == json.loads(RANGE)
    assert json.loads(parameters["span_versions"]) == json.loads(VERSIONS)
    assert json.loads(parameters["holdout"]) == json.loads(HOLDOUT)
    assert json.loads(parameters["train_args"]) == {"splits": ["train"], "num_steps": 0}
    assert parameters["tune"] == "no"
    assert json.loads(parameters["push_destination"]) == {
        "filesystem": {"base_directory": str(tmp_path / "models" / "bert_sentiment")}
    }
    assert use_cache == "True"


def test_what_the_form_says_reaches_the_nodes(tmp_path: Path) -> None:
    parameters, use_cache = rendered(tmp_path, tune=True, train_steps=120, use_cache=False)
    assert json.loads(parameters["train_args"])["num_steps"] == 120
    assert (parameters["tune"], use_cache) == ("yes", "False")


def test_the_ledger_is_told_what_the_run_is_about(tmp_path: Path) -> None:
    parameters, _ = rendered(tmp_path)
    assert json.loads(parameters["promotion"]) == {
        "dag_id": "bert_sentiment",
        "run_id": 'it\'s "manual"',
        "data_date": "2026-11-05",
        "first_day": "2026-10-23",
        "older": "no",
        "actor": "anna",
    }


def test_a_run_that_nobody_triggered_is_its_kind_s(tmp_path: Path) -> None:
    parameters, _ = rendered(tmp_path, user=None, promote_older=True)
    promotion = json.loads(parameters["promotion"])
    assert (promotion["actor"], promotion["older"]) == ("backfill", "yes")


@pytest.mark.parametrize(
    "wrong", [{"train_steps": -1}, {"tune": "perhaps"}, {"use_cache": None}, {"data_date": 5}, {"mode": "half"}]
)
def test_the_form_refuses_what_makes_no_sense(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError, match=r"is not of type|less than the minimum|is not one of"):
        rendered(tmp_path, **wrong)


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [
        ({"train_steps": MOST_STEPS + 1}, "a whole number from 0 to 1000000; 0 is the epochs set in settings.toml"),
        ({"train_steps": 0.5}, "a whole number from 0 to 1000000"),
        ({"train_steps": math.nan}, "a whole number from 0 to 1000000"),
        ({"data_date": "0001-01-01"}, "a day from 1970-01-01 to 2099-12-31, like 2026-11-05, or null"),
        ({"data_date": "20261105"}, "a day from 1970-01-01 to 2099-12-31"),
        ({"mode": "half"}, "full or data_only"),
        ({"tune": 1}, "true or false"),
        ({"promote_older": "yes"}, "true or false"),
        ({"use_cache": "false"}, "true or false"),
    ],
)
def test_what_is_refused_is_refused_with_what_is_allowed_and_what_to_do(
    tmp_path: Path, wrong: dict[str, Any], allowed: str
) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ParamValidationError) as raised:
        rendered(tmp_path, **wrong)
    message = re.sub(r"'\s+'", "", str(raised.value))  # Airflow breaks lines of the schema
    assert f"Invalid input for param {name}: {value!r}" in message
    assert f"Allowed: {allowed}" in message
    assert "Trigger the run anew with that." in message


@pytest.mark.parametrize("steps", [0, 1, 100_000, MOST_STEPS])
def test_several_epochs_of_the_largest_feeds_fit_into_the_bound_of_steps(tmp_path: Path, steps: int) -> None:
    parameters, _ = rendered(tmp_path, train_steps=steps)
    assert json.loads(parameters["train_args"])["num_steps"] == steps


def test_a_whole_number_that_is_written_with_a_point_is_one(tmp_path: Path) -> None:
    parameters, _ = rendered(tmp_path, train_steps=120.0)
    assert parameters["train_args"] == rendered(tmp_path, train_steps=120)[0]["train_args"]
