"""Scores the texts of each day with a version of the model.

The pipeline's settings are in ``settings.toml`` beside this file where there is one, else in ``tfx_modules``.
"""

from pathlib import Path

from airflow_bert_service.dag.scoring.scoring_dag import scoring_dag

dag = scoring_dag(Path(__file__).parent)
