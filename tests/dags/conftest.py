from tests.support import airflow_home

__all__ = ["airflow_home"]
