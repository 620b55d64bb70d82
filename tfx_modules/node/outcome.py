"""How a node ended, as a file for whoever asked."""

import enum
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfx_modules.common.files import write_atomically

FORMAT = 1
"""Version of the outcome's form."""


class NodeState(enum.StrEnum):
    """Ways for a node to end."""

    COMPLETE = "complete"
    """It ran."""
    CACHED = "cached"
    """An earlier execution had the same inputs, and its outputs were taken."""
    REUSED = "reused"
    """It had succeeded in this same run before."""
    SKIPPED = "skipped"
    """It ran and had nothing to do: the Pusher, with a model that was not blessed."""
    BLOCKED = "blocked"
    """It ran and found the data unfit; another try would find the same."""
    FAILED = "failed"
    """It did not come to its end; another try may."""


SUCCESSES = frozenset({NodeState.COMPLETE, NodeState.CACHED, NodeState.REUSED, NodeState.SKIPPED})


@dataclass(frozen=True)
class Artifact:
    """An artifact as ML Metadata knows it: where it is, not what is in it."""

    id: int
    type: str
    uri: str
    properties: Mapping[str, Any]
    """Declared and custom properties, as JSON values."""


@dataclass(frozen=True)
class Outcome:
    """How one run of one node ended."""

    node: str
    state: NodeState
    execution_id: int | None = None
    """None where the node did not come as far as an execution."""
    outputs: Mapping[str, tuple[Artifact, ...]] = field(default_factory=dict)
    """Artifacts by output key."""
    reason: str = ""
    """One line; empty when there is nothing to say."""

    @property
    def exit_code(self) -> int:
        """0 for an end that lets the run go on, else 1."""
        return 0 if self.state in SUCCESSES else 1

    def write(self, path: Path) -> None:
        """Write the outcome; a reader sees all of it or none."""
        fields = {"format": FORMAT, **asdict(self), "state": self.state.value}
        write_atomically(path, json.dumps(fields, indent=1) + "\n")
