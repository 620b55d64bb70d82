"""What the node command is asked to do."""

import enum
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tfx_modules.exceptions import NodeError

FORMAT = 1
"""Version of the request's form."""

ParameterValue = str | int | float


class GpuUse(str, enum.Enum):
    """What a node has to do with GPUs."""

    NONE = "none"
    """It does not ask for one."""
    WANTED = "wanted"
    """Its log says whether TensorFlow sees one; without one it runs on the CPU."""
    REQUIRED = "required"
    """It fails where TensorFlow sees none."""


@dataclass(frozen=True)
class NodeRequest:
    """One run of one node. All paths are absolute."""

    pipeline: Path
    """The compiled pipeline's file."""
    node: str
    """The node's id."""
    run_id: str
    """TFX's pipeline run id; nodes of a run find each other's outputs by it."""
    pipeline_root: Path
    """Folder that artifacts go under."""
    metadata: str = field(repr=False)  # may hold a password
    """Address of the ML Metadata store, see ``connection``."""
    ledger: str = field(repr=False)  # likewise
    """Address of the ledger of promotions, see ``promotion.ledger``."""
    parameters: Mapping[str, ParameterValue]
    """Values of runtime parameters by name, as text or as what they are."""
    use_cache: bool
    """Whether outputs of an earlier execution with the same inputs may be taken."""
    gpu: GpuUse
    """Whether it looks for a GPU before the node runs, and must find one."""
    outcome: Path
    """Where the outcome is written."""


_FIELDS = frozenset({"format", *(declared.name for declared in fields(NodeRequest))})


def read_request(path: Path) -> NodeRequest:
    """Read a request file.

    Raises:
        NodeError: the file cannot be read, is not JSON, or is not a request.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"request {path} cannot be read ({error}); allowed: a JSON file. Pass the request's path."
        raise NodeError(msg) from error
    return parse_request(document)


def parse_request(document: object) -> NodeRequest:
    """Check a request's fields.

    Args:
        document: the JSON value.

    Raises:
        NodeError: a field is missing, unknown, or not what it should be.
    """
    if not isinstance(document, dict):
        raise NodeError(
            f"request is of type {type(document).__name__}; allowed: a JSON object. Send the request's fields."
        )
    if document.get("format") != FORMAT:
        raise _wrong("format", document.get("format"), str(FORMAT))
    if document.keys() != _FIELDS:
        odd = ", ".join(sorted(document.keys() ^ _FIELDS))
        msg = (
            f"request has missing or unknown fields: {odd}; allowed: {', '.join(sorted(_FIELDS))}. Send exactly these."
        )
        raise NodeError(msg)
    return NodeRequest(
        **{declared.name: _READ[declared.type](document, declared.name) for declared in fields(NodeRequest)}
    )


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not value:
        raise _wrong(name, value, "a text that is not empty")
    return value


def _path(document: Mapping[str, Any], name: str) -> Path:
    path = Path(_text(document, name))
    if not path.is_absolute():
        raise _wrong(name, str(path), "an absolute path")
    return path


def _flag(document: Mapping[str, Any], name: str) -> bool:
    value = document[name]
    if not isinstance(value, bool):
        raise _wrong(name, value, "true, false")
    return value


def _parameters(document: Mapping[str, Any], name: str) -> dict[str, ParameterValue]:
    values = document[name]
    if not isinstance(values, dict):
        raise _wrong(name, values, "a JSON object of names and values")
    for parameter, given in values.items():
        if isinstance(given, bool) or not isinstance(given, ParameterValue):
            raise _wrong(f"{name}.{parameter}", given, "a text or a number")
    return dict(values)


def _gpu(document: Mapping[str, Any], name: str) -> GpuUse:
    try:
        return GpuUse(document[name])
    except ValueError:
        raise _wrong(name, document[name], ", ".join(use.value for use in GpuUse)) from None


def _wrong(name: str, got: object, allowed: str) -> NodeError:
    return NodeError(f"request field {name} is {got!r}; allowed: {allowed}. Correct the request.")


_READ: Mapping[Any, Callable[[Mapping[str, Any], str], Any]] = {
    str: _text,
    Path: _path,
    bool: _flag,
    GpuUse: _gpu,
    Mapping[str, ParameterValue]: _parameters,
}
"""What reads a field, by the field's type."""
