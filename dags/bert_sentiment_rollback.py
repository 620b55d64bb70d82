"""Puts an earlier model version back in service, in seconds.

The pipeline's settings are in ``settings.toml`` beside this file where there is one, else in ``tfx_modules``.
"""

from pathlib import Path

from airflow_bert_service.dag.rollback_dag import rollback_dag

dag = rollback_dag(Path(__file__).parent)
