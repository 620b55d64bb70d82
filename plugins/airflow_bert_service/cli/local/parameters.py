"""Makes the parameters of a local run and of its nodes by the declarations and templates that the DAG has."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from airflow_bert_service.exceptions import RunConfError
from airflow_bert_service.pipeline.plan import NodePlan
from airflow_bert_service.runs.conf import check_conf
from airflow_bert_service.runs.mode import MODE, Mode

RUN_TYPE = "local"
"""Stands for Airflow's run type."""


def read_conf(text: str) -> dict[str, Any]:
    """Read ``--conf``.

    Raises:
        RunConfError: It is no JSON object.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _no_object(text) from error
    if not isinstance(found, dict):
        raise _no_object(text)
    return found


def checked(declared: Mapping[str, Param], conf: Mapping[str, Any], where: str = "--conf") -> dict[str, Any]:
    """Return the run's parameters, as Airflow makes them of a run's conf.

    Args:
        declared: The parameters with their defaults and limits.
        conf: Values by name.
        where: Where they come from, for errors.

    Raises:
        RunConfError: The conf has a key that is no parameter, a value is not allowed, or one without a default is
            missing.
    """
    check_conf(conf, declared.keys())
    found = ParamsDict(dict(declared))
    try:
        found.update(dict(conf))
        values: dict[str, Any] = dict(found.validate())
    except ParamValidationError as error:
        # Airflow's message has the schema on lines of its own, with what is allowed.
        raise RunConfError(f"{where} cannot be used: {' '.join(str(error).split())}") from error
    if values.get(MODE, Mode.FULL.value) != Mode.FULL.value:
        raise RunConfError(
            f"{where} has {MODE} {values[MODE]}; allowed: {Mode.FULL.value}. For a run that trains nothing, use "
            "--to-node ExampleValidator."
        )
    return values


def rendered(
    templates: Mapping[str, str],
    pipeline: str,
    *,
    run_id: str,
    parameters: Mapping[str, Any],
    refreshed: Mapping[str, object],
    user: str,
) -> dict[str, str]:
    """Render templates as the DAG's tasks do.

    Args:
        templates: By the name of what they are for.
        pipeline: The pipeline's name, which the DAG has.
        run_id: The run's.
        parameters: The run's.
        refreshed: What the data's refresh returned.
        user: Who runs it.
    """
    environment = SandboxedEnvironment(undefined=StrictUndefined)  # as Airflow's is
    context = {
        "params": parameters,
        "run_id": run_id,
        "dag": SimpleNamespace(dag_id=pipeline),
        "dag_run": SimpleNamespace(triggering_user_name=user, run_type=RUN_TYPE),
        "ti": SimpleNamespace(xcom_pull=lambda **_: refreshed),
    }
    return {name: environment.from_string(text).render(context) for name, text in templates.items()}


def of_node(node: NodePlan, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of the runtime parameters that a node has."""
    return {parameter.name: values[parameter.name] for parameter in node.parameters if parameter.name in values}


def _no_object(text: str) -> RunConfError:
    return RunConfError(
        f"--conf is {text!r}; allowed: a JSON object, like '{{\"train_steps\": 20}}'. Correct it, or leave it out."
    )
