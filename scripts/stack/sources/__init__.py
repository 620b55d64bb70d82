"""Tells which version of the pipeline's sources is in service, and waits for the one on disk.

watch.py    tells of changes while the stack runs
runs.py     waits before a command that begins runs
service.py  compares sources on disk, DAG bundle and Airflow
bundle.py   finds the DAG bundle whose versions count
"""
