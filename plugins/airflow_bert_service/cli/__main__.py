"""`python -m airflow_bert_service.cli`: the command of :mod:`airflow_bert_service.cli.main`."""

from airflow_bert_service.cli.main import run

if __name__ == "__main__":
    run()
