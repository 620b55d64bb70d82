"""Where the tests' nodes run: the stand-in module root, this interpreter, a state folder of the test's own."""

import sys
from pathlib import Path

from airflow_bert_service.nodes.environment import NodeEnvironment

from tests.plugins.conftest import MODULE_ROOT


def environment(state: Path, *, python: str = sys.executable, socket: Path | None = None) -> NodeEnvironment:
    return NodeEnvironment(
        tfx_python=Path(python),
        node_socket=socket,
        module_root=MODULE_ROOT,
        pipeline=state / "small.json",
        pipeline_root=state / "pipeline",
        metadata=f"sqlite:///{state}/mlmd.db",
        metadata_wait_seconds=120,
        ledger=f"sqlite:///{state}/ledger.db",
        outcomes=state / "outcomes",
    )
