"""Trains a BERT sentiment model on dated reviews, and publishes it when it passes the gates.

The pipeline's settings are in ``settings.toml`` beside this file where there is one, else in ``tfx_modules``.
"""

from pathlib import Path

from airflow_bert_service.dag.training_dag import training_dag

dag = training_dag(Path(__file__).parent)
