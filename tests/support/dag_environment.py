"""Where the nodes of the DAGs in tests/support/dags run."""

import os
from pathlib import Path

from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.settings.settings import Settings

MODULE_ROOT = Path(os.environ["TEST_MODULE_ROOT"])
"""The folder that holds the ``tfx_modules`` of the test."""


def environment_of(settings: Settings) -> NodeEnvironment:
    """Return where nodes run: in processes of their own, with the test's ``tfx_modules``."""
    return NodeEnvironment(
        tfx_python=settings.tfx_python,
        node_socket=None,
        module_root=MODULE_ROOT,
        pipeline=settings.state / "small.json",
        pipeline_root=settings.pipeline_root,
        metadata=settings.metadata,
        metadata_wait_seconds=120,
        ledger=settings.ledger,
        outcomes=settings.outcomes,
    )
