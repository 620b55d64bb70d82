"""Programs of the containers beside Airflow and the model server: the worker's start, and health checks.

The image of the model server has nothing of :mod:`scripts` but this package, and Python 3.11.
"""
