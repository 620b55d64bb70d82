"""Operators of the DAG."""
