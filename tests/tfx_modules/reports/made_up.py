"""Makes what nodes leave, without running them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfx_modules.reports.node_record import NodeRecord


@dataclass(frozen=True)
class Made:
    """An artifact in a folder."""

    uri: str
    properties: Mapping[str, Any] = field(default_factory=dict)


def record(
    outputs: Mapping[str, Made], inputs: Mapping[str, Made] | None = None, parameters: Mapping[str, str] | None = None
) -> NodeRecord:
    """A node with one artifact of each key."""
    return NodeRecord(
        pipeline="tiny",
        inputs={key: (made,) for key, made in (inputs or {}).items()},
        outputs={key: (made,) for key, made in outputs.items()},
        parameters=parameters or {},
    )


def folder(parent: Path, name: str) -> Path:
    """A new folder."""
    made = parent / name
    made.mkdir()
    return made
