"""Defines the run's parameters, and the templates of the nodes' runtime parameters.

A run's parameters come from the trigger form. The nodes' come from them and from ``refresh_data``'s result, as Jinja
templates; their names are those of the pipeline's runtime parameters (``tfx_modules/pipeline/runtime_parameters.py``).
"""

import json
from collections.abc import Mapping

from airflow.sdk import Param

from airflow_bert_service.runs.conf import remedy
from airflow_bert_service.runs.data_date import FIRST, LAST, PATTERN
from airflow_bert_service.runs.mode import MODE, Mode
from airflow_bert_service.settings.settings import Settings

USE_CACHE = "{{ params.use_cache }}"
"""Template of whether nodes may reuse outputs of earlier runs."""
MOST_STEPS = 1_000_000
"""Batches that a run may train on at most: more than anybody needs, and still a number that TFX can hold."""


def run_parameters(days: str) -> dict[str, Param]:
    """Return the fields of the trigger form, with their defaults and limits.

    Args:
        days: The feed's days in words; the same ones on every day, or every day would make a new version of the DAG.
    """
    return {
        "data_date": Param(
            default=None,
            type=["null", "string"],
            format="date",
            pattern=PATTERN,
            title="Data date",
            description=f"The last day of the reviews that the run trains on; the feed has {days}. Empty: the date of "
            "the run; of a run that is triggered now, yesterday (UTC). Leave it empty in a backfill.",
            **remedy(f"a day from {FIRST} to {LAST}, like 2026-11-05, or null"),
        ),
        MODE: Param(
            default=Mode.FULL.value,
            type="string",
            enum=[mode.value for mode in Mode],
            title="Mode",
            description="full: run the whole pipeline. data_only: ingest and validate the reviews, and train nothing.",
            **remedy(" or ".join(mode.value for mode in Mode)),
        ),
        "tune": Param(
            default=False,
            type="boolean",
            title="Tune",
            description="Search for hyperparameters before training. Off: the run uses the last ones that a search "
            "found, or the defaults.",
            **remedy("true or false"),
        ),
        "train_steps": Param(
            default=0,
            type="integer",
            minimum=0,
            maximum=MOST_STEPS,
            title="Training steps",
            description=f"The number of batches to train on, up to {MOST_STEPS:,}. 0: train for the epochs set in "
            "settings.toml.",
            **remedy(f"a whole number from 0 to {MOST_STEPS}; 0 is the epochs set in settings.toml"),
        ),
        "promote_older": Param(
            default=False,
            type="boolean",
            title="Promote an older date",
            description="Promote the candidate, if it passes the gates, even when the champion was trained on newer "
            "data. Off: the ledger then records the candidate as superseded.",
            **remedy("true or false"),
        ),
        "use_cache": Param(
            default=True,
            type="boolean",
            title="Use the cache",
            description="Reuse the outputs of an earlier run with the same code and inputs, where there are any.",
            **remedy("true or false"),
        ),
    }


def node_parameters(settings: Settings, pipeline: str, *, refresh_task_id: str) -> Mapping[str, str]:
    """Return a template for each runtime parameter of the pipeline.

    Args:
        settings: Where models are published.
        pipeline: The pipeline's name; its models are published in a folder of that name.
        refresh_task_id: The task whose XCom says which days the run reads.

    Returns:
        Templates by name of the runtime parameter.
    """
    refreshed = f"ti.xcom_pull(task_ids={refresh_task_id!r})"
    return {
        "input_base": f"{{{{ {refreshed}['input_base'] }}}}",
        "range_config": f"{{{{ {refreshed}['range_config'] }}}}",
        "span_versions": f"{{{{ {refreshed}['span_versions'] }}}}",
        "holdout": f"{{{{ {refreshed}['holdout'] }}}}",
        "train_args": '{"splits": ["train"], "num_steps": {{ params.train_steps | int }} }',
        "tune": "{{ 'yes' if params.tune else 'no' }}",
        "promotion": f"{{{{ {_promotion(refreshed)} | tojson }}}}",
        "push_destination": json.dumps({"filesystem": {"base_directory": str(settings.models_of(pipeline))}}),
    }


def _promotion(refreshed: str) -> str:
    """Return a Jinja expression of the run's facts that the ledger records."""
    fields = {
        "dag_id": "dag.dag_id",
        "run_id": "run_id",
        "data_date": f"{refreshed}['data_date']",
        "first_day": f"{refreshed}['first_day']",
        "older": "'yes' if params.promote_older else 'no'",
        "actor": "dag_run.triggering_user_name or dag_run.run_type ~ ''",
    }
    pairs = (f"{name!r}: {expression}" for name, expression in fields.items())
    return f"{{{', '.join(pairs)}}}"
