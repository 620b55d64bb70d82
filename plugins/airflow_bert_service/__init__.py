"""BERT as a Service on Airflow: everything that runs in Airflow's own environment.

Nothing here imports TensorFlow, TFX or the pipeline's code; the compiled pipeline is read as data, and nodes run in the
TFX environment behind :mod:`airflow_bert_service.clients.node`.
"""

__version__ = "0.1.0"
