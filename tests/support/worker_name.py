"""Gives each Celery worker on this machine a name, as each has on a machine of its own (`[core] hostname_callable`)."""

import os

VARIABLE = "BERT_SERVICE_TEST_WORKER"


def worker_name() -> str:
    """Return what the worker is called."""
    return os.environ[VARIABLE]
