"""What the Airflow side asks of the node command."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

FORMAT = 1
"""Version of the request's form; the node command refuses others."""
_LEFT_OUT = frozenset({"shown_errors", "artifact_store", "artifact_copies_gb"})
"""Fields that a request lacks where they have their defaults."""


class GpuUse(str, Enum):
    """How a node uses GPUs."""

    NONE = "none"
    """It does not ask for one."""
    WANTED = "wanted"
    """Its log says whether TensorFlow sees one; without one it runs on the CPU."""
    REQUIRED = "required"
    """It fails where TensorFlow sees none."""


@dataclass(frozen=True, kw_only=True)
class NodeRun:
    """What varies from run to run of a node."""

    node: str
    """The node's id."""
    run_id: str
    """Airflow's run id; it is TFX's pipeline run id too, so that nodes of a run find each other's outputs."""
    parameters: Mapping[str, str]
    """Values of the node's runtime parameters as text."""
    use_cache: bool
    """Whether the outputs of an earlier execution with the same inputs may be taken."""
    gpu: GpuUse = GpuUse.NONE
    """Whether the node looks for a GPU before it runs, and must find one."""


@dataclass(frozen=True, kw_only=True)
class PipelinePlaces:
    """What is the same for all nodes of one plan: the pipeline, and where it keeps what."""

    pipeline: Path
    """The compiled pipeline's file."""
    pipeline_root: Path
    """Folder that artifacts go under."""
    metadata: str = field(repr=False)  # may hold a password
    """Address of the ML Metadata store."""
    metadata_wait_seconds: int
    """How long a node waits for a connection to the store, and for its turn to write to it."""
    ledger: str = field(repr=False)  # likewise
    """Address of the ledger of promotions."""
    shown_errors: int = 0
    """How many of the examples that a model gets wrong its reports show, with their texts; 0: none."""
    artifact_store: str = ""
    """Address that artifacts are kept at; empty: they are in ``pipeline_root`` alone."""
    artifact_copies_gb: int = 0
    """Gigabytes that copies of stored artifacts may have in ``pipeline_root``; 0: no limit."""


@dataclass(frozen=True, kw_only=True)
class NodeRequest(NodeRun, PipelinePlaces):
    """One run of one node."""

    outcome: Path
    """Where the node command writes the outcome."""

    def to_json(self) -> dict[str, object]:
        """Return the request as JSON values.

        A field that has its default is left out, so that code of releases that do not know it reads the request, too: a
        run that is pinned to its version of the DAG bundle goes on after an upgrade.
        """
        values = asdict(self)
        values = {name: value for name, value in values.items() if value or name not in _LEFT_OUT}
        paths = {name: str(value) for name, value in values.items() if isinstance(value, Path)}
        return {"format": FORMAT, **values, **paths, "parameters": dict(self.parameters), "gpu": self.gpu.value}

    def write(self, path: Path) -> None:
        """Write the request to a file."""
        path.write_text(json.dumps(self.to_json()), encoding="utf-8")
