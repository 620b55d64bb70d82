"""Where nodes run."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class NodeEnvironment:
    """Where the nodes of one plan run, and where they leave what they make; the same for all of them."""

    tfx_python: Path
    node_socket: Path | None
    module_root: Path
    pipeline: Path
    code_version: str
    pipeline_root: Path
    metadata: str = field(repr=False)  # may hold a password
    ledger: str = field(repr=False)  # likewise
    outcomes: Path
