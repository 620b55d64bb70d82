"""``python -m airflow_bert_service.cli.kubeflow.refresh_data``: the first task of a run on Kubeflow Pipelines.

It refreshes the data of the run's window as the task ``refresh_data`` does on Airflow, and returns the values of the
nodes' runtime parameters, by the templates that the DAG has. The compiled spec calls it in the worker image.
"""

import argparse
import datetime as dt
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_bert_service.cli.local.parameters import checked, rendered
from airflow_bert_service.cli.places import dags_folder
from airflow_bert_service.dag.parameters import node_parameters, run_parameters
from airflow_bert_service.exceptions import BertServiceError, RunConfError
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.ingestion.refresh import WindowRefresh
from airflow_bert_service.pipeline.folders import usable_pipelines
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.pipeline.task import pipeline_task
from airflow_bert_service.pipelines.settings import pipeline_settings
from airflow_bert_service.runs.data_date import PARAMETER, RunFacts, data_date
from airflow_bert_service.settings.settings import load_settings

ACTOR = "kubeflow"
"""Who triggered the run, for the ledger: Kubeflow Pipelines tells a container of no user."""
RUN_ID = "run_id"
"""As ``tfx_modules/kubeflow/values.py`` has it."""
_LAUNCHED = "gcp_resources"
"""Output at Vertex AI, as ``tfx_modules/kubeflow/values.py`` has it; what starts the container there writes it."""
_REFRESH = "refresh_data"
_INTEGERS = ("train_steps",)
"""JSON of Kubeflow Pipelines has no whole numbers."""

_logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Refresh the data, and write the values where Kubeflow Pipelines reads them; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_bert_service.cli.kubeflow.refresh_data", description=__doc__
    )
    parser.add_argument("--pipeline", required=True, help="the pipeline's name")
    parser.add_argument("--executor-input", required=True, help="what Kubeflow Pipelines puts in the place of {{$}}")
    flags = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", force=True)
    # As Airflow's own commands do: connections are looked up in secrets backends too.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    try:
        given, places = _read(flags.executor_input)
        values = refresh(flags.pipeline, given)
        for name, place in places.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(values[name], encoding="utf-8")
    except BertServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def refresh(pipeline: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Refresh the data of a run's window.

    Args:
        pipeline: The pipeline's name.
        given: The run's parameters, and ``run_id``.

    Returns:
        The values of the nodes' runtime parameters.

    Raises:
        BertServiceError: A parameter is not allowed, or the data cannot be refreshed.
    """
    run_id = str(given[RUN_ID])
    if "{{" in run_id:
        raise RunConfError(
            f"the run's id is {run_id}, which this Kubeflow Pipelines has not filled in; needed: 2.5.0 or newer. The "
            "ledger tells runs apart by it. Install a newer one."
        )
    folder = _folder(pipeline)
    settings = pipeline_settings(folder)
    conf = {key: _value(key, value) for key, value in given.items() if key != RUN_ID}
    parameters = checked(run_parameters(make_feed(settings).days_in_words), conf, "the run of Kubeflow Pipelines")
    now = dt.datetime.now(dt.timezone.utc)
    day = data_date(RunFacts(run_type="manual", run_after=now, data_date=parameters[PARAMETER]))
    refreshed = WindowRefresh(settings, pipeline_task(folder), _logger).refresh(day)
    return rendered(
        node_parameters(settings, pipeline, refresh_task_id=_REFRESH),
        pipeline,
        run_id=run_id,
        parameters=parameters,
        refreshed=refreshed,
        user=ACTOR,
    )


def _folder(pipeline: str) -> Path:
    dags = dags_folder(load_settings())
    if pipeline == pipeline_name(dags):
        return dags
    known = usable_pipelines(dags)
    if pipeline not in known:
        raise RunConfError(
            f"the spec is of the pipeline {pipeline}, and the image has {', '.join(known)}; allowed: an image with the "
            "settings file that the spec was compiled from. Build the image anew, and compile with it."
        )
    return known[pipeline]


def _value(name: str, value: Any) -> Any:
    if name == PARAMETER:
        return value or None
    return int(value) if name in _INTEGERS and isinstance(value, float) and value.is_integer() else value


def _read(text: str) -> tuple[dict[str, Any], dict[str, Path]]:
    """Return the parameters of an executor input, and the files that its outputs go into."""
    try:
        document = json.loads(text)
        given = dict(document["inputs"]["parameterValues"])
        places = {
            name: Path(item["outputFile"])
            for name, item in document["outputs"]["parameters"].items()
            if name != _LAUNCHED
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunConfError(
            f"--executor-input is {text[:500]!r} ({error!r}); allowed: what Kubeflow Pipelines puts in the place of "
            "{{$}}. Run the compiled spec, unchanged."
        ) from error
    return given, places


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
