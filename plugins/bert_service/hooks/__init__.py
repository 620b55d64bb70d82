"""Clients of what is outside Airflow."""
