"""Describes a node that has ended, for its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class Artifact(Protocol):
    """An artifact as ML Metadata knows it."""

    @property
    def uri(self) -> str:
        """Where it is."""

    @property
    def properties(self) -> Mapping[str, Any]:
        """Declared and custom properties."""


@dataclass(frozen=True)
class NodeRecord:
    """A node that has succeeded; its outputs may be those of an earlier run, taken from the cache."""

    pipeline: str
    """Name of the pipeline."""
    inputs: Mapping[str, Sequence[Artifact]]
    outputs: Mapping[str, Sequence[Artifact]]
    parameters: Mapping[str, str]
    """The node's execution properties that are texts, as JSON documents are."""
    shown_errors: int = 0
    """How many of the examples that a model gets wrong a page shows, with their texts; 0: none."""

    def input(self, key: str) -> Artifact | None:
        """Return the first input of a key; None where there is none."""
        return next(iter(self.inputs.get(key, ())), None)

    def output(self, key: str) -> Artifact:
        """Return the first output of a key, which the node always has."""
        return self.outputs[key][0]

    def folder(self, key: str) -> Path:
        """Return the folder of the first output of a key."""
        return Path(self.output(key).uri)
