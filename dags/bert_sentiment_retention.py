"""Removes old model versions, artifacts, reviews, scores and logs.

The pipeline's settings are in ``settings.toml`` beside this file where there is one, else in ``tfx_modules``.
"""

from pathlib import Path

from airflow_bert_service.dag.retention_dag import retention_dag

dag = retention_dag(Path(__file__).parent)
