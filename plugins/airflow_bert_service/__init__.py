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
"""

__version__ = "0.1.0"
