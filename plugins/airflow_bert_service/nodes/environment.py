"""Where nodes run."""

from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.nodes.request import PipelinePlaces


@dataclass(frozen=True, kw_only=True)
class NodeEnvironment(PipelinePlaces):
    """Where the nodes of one plan run, and where they leave what they make; the same for all of them."""

    tfx_python: Path
    node_socket: Path | None
    module_root: Path
    outcomes: Path
