"""BERT as a Service on Airflow: everything that runs in Airflow's own environment.

Layers, each knowing only those below it::

    cli/           the commands
    bundle/        the DAG bundle: snapshots of DAG files, compiled pipeline and tfx_modules
    dag/           makes an Airflow DAG of a compiled pipeline
    operators/     the tasks
    notifiers/     messages about promotions: mail, Slack, webhook
    ingestion/     writes reviews as spans, and keeps the holdout
    feeds/         where reviews come from
    webui/         reports and links in Airflow's UI
    clients/       run commands of the TFX environment: nodes, promotions, retention
    runs/          what a run is about (mode, data date), and what its tasks leave for people
    settings/      the section [bert_service] of airflow.cfg
    nodes/         the contract of the node command: request and outcome
    pipeline/      the compiled pipeline as data, and the command that compiles it
    promotion/     events of the promotion ledger
    files.py       files that several processes share
    sqlite.py      connections to Airflow's database where it is SQLite
    exceptions.py  every error that this side raises

Nothing here imports TensorFlow, TFX or ``tfx_modules``: the compiled pipeline is read as data, and nodes run in the TFX
environment behind :mod:`airflow_bert_service.clients.node`. Importing this package imports nothing.

A DAG file of a user's own TFX pipeline needs these names, which are imported when they are asked for::

    from airflow_bert_service import AirflowDagRunner, AirflowPipelineConfig, load_pipeline
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_bert_service.dag.config import AirflowPipelineConfig, NodeSettings
    from airflow_bert_service.dag.runner import AirflowDagRunner
    from airflow_bert_service.pipeline.users_pipeline import load_pipeline

__all__ = ["AirflowDagRunner", "AirflowPipelineConfig", "NodeSettings", "load_pipeline"]
__version__ = "0.1.0"

_MODULES = {
    "AirflowDagRunner": "dag.runner",
    "AirflowPipelineConfig": "dag.config",
    "NodeSettings": "dag.config",
    "load_pipeline": "pipeline.users_pipeline",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public: {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
