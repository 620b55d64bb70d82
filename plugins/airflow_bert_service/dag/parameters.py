"""What a run can be told, and what its nodes are told.

A run's parameters come from the trigger form. The nodes' come from them and from ``refresh_data``'s result, as Jinja
templates; their names are those of the pipeline's runtime parameters (``tfx_modules/pipeline/runtime_parameters.py``).
"""

import json
from collections.abc import Mapping

from airflow.sdk import Param
from airflow_bert_service.runs.mode import MODE, Mode
from airflow_bert_service.settings.settings import Settings

USE_CACHE = "{{ params.use_cache }}"
"""Template of whether nodes may reuse outputs of earlier runs."""


def run_parameters() -> dict[str, Param]:
    """Return the fields of the trigger form, with their defaults and limits."""
    return {
        "data_date": Param(
            default=None,
            type=["null", "string"],
            format="date",
            title="Data date",
            description="Last day of the window of reviews. Empty: the day of the run.",
        ),
        MODE: Param(
            default=Mode.FULL.value,
            type="string",
            enum=[mode.value for mode in Mode],
            title="Mode",
            description="full: the whole way. data_only: bring the reviews in and validate them; train nothing.",
        ),
        "tune": Param(
            default=False,
            type="boolean",
            title="Tune",
            description="Search hyperparameters first. Otherwise the last ones found are used, else the defaults.",
        ),
        "train_steps": Param(
            default=0,
            type="integer",
            minimum=0,
            title="Training steps",
            description="Batches to train on. 0: as many as the epochs of tfx_modules/settings.toml take.",
        ),
        "promote_older": Param(
            default=False,
            type="boolean",
            title="Promote an older date",
            description="Let the model take the place of one of newer data, if it is good enough. It is recorded as "
            "superseded otherwise.",
        ),
        "use_cache": Param(
            default=True,
            type="boolean",
            title="Use the cache",
            description="Take the outputs of an earlier run with the same code and inputs, where there are any.",
        ),
    }


def node_parameters(settings: Settings, *, refresh_task_id: str) -> Mapping[str, str]:
    """Return a template for each runtime parameter of the pipeline.

    Args:
        settings: Where models are published.
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
        "train_args": '{"splits": ["train"], "num_steps": {{ params.train_steps }} }',
        "tune": "{{ 'yes' if params.tune else 'no' }}",
        "promotion": f"{{{{ {_promotion(refreshed)} | tojson }}}}",
        "push_destination": json.dumps({"filesystem": {"base_directory": str(settings.models)}}),
    }


def _promotion(refreshed: str) -> str:
    """Return a Jinja expression of what the ledger is told of the run."""
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
