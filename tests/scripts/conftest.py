"""Airflow, where a test here imports it, gets a home of its own."""

from tests.support import airflow_home

__all__ = ["airflow_home"]
