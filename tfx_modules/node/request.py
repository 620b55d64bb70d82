"""What the node command is asked to do."""

import enum
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from tfx_modules.exceptions import NodeError

FORMAT = 1
"""Version of the request's form."""

ParameterValue = str | int | float
Count = Annotated[int, "0 or more"]
StoreAddress = Annotated[str, "of an object store, or empty"]
_STORE = re.compile(r"(?:(?:s3|gs)://[A-Za-z0-9_.-]+|file://)(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.=+-]+)+")
"""The settings allow no ``file://``: it is for tests, whose store is a folder that is there as long as they run."""


class GpuUse(enum.StrEnum):
    """How a node uses GPUs."""

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
    metadata_wait_seconds: int
    """How long it waits for a connection to the store, and for its turn to write to it; PostgreSQL only."""
    ledger: str = field(repr=False)  # likewise
    """Address of the ledger of promotions, see ``promotion.ledger``."""
    parameters: Mapping[str, ParameterValue]
    """Values of runtime parameters by name, as text or as what they are."""
    use_cache: bool
    """Whether outputs of an earlier execution with the same inputs may be taken."""
    gpu: GpuUse
    """Whether it looks for a GPU before the node runs, and must find one."""
    shown_errors: Count
    """How many of the examples that a model gets wrong its reports show, with their texts; 0: none."""
    outcome: Path
    """Where the outcome is written."""
    artifact_store: StoreAddress = ""
    """Address that artifacts are kept at, like ``s3://bucket/folder``; empty: they are in ``pipeline_root`` alone."""
    artifact_copies_gb: Count = 0
    """Gigabytes that copies of stored artifacts may have in ``pipeline_root``; 0: no limit."""


_TYPES = {declared.name: declared.type for declared in fields(NodeRequest)}
_FIELDS = frozenset({"format", *_TYPES})
_DEFAULTS = {"shown_errors": 0, "artifact_store": "", "artifact_copies_gb": 0}
"""Of fields that a request may lack."""


def read_request(path: Path) -> NodeRequest:
    """Read a request file.

    Raises:
        NodeError: the file cannot be read, is not JSON, or is not a request.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"request {path} cannot be read ({error}); allowed: a JSON file. Pass the request's path."
        raise NodeError(msg) from error
    return parse_request(fields)


def parse_request(fields: object) -> NodeRequest:
    """Check a request's fields.

    Args:
        fields: the JSON value.

    Raises:
        NodeError: a field is missing, unknown, or not what it should be.
    """
    if not isinstance(fields, dict):
        raise NodeError(
            f"request is of type {type(fields).__name__}; allowed: a JSON object. Send the request's fields."
        )
    if fields.get("format") != FORMAT:
        raise _wrong("format", fields.get("format"), str(FORMAT))
    fields = {**_DEFAULTS, **fields}
    if fields.keys() != _FIELDS:
        odd = ", ".join(sorted(fields.keys() ^ _FIELDS))
        msg = (
            f"request has missing or unknown fields: {odd}; allowed: {', '.join(sorted(_FIELDS))}. Send exactly these."
        )
        raise NodeError(msg)
    return NodeRequest(**{name: _READ[kind](fields, name) for name, kind in _TYPES.items()})


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value:
        raise _wrong(name, value, "a text that is not empty")
    return value


def _path(fields: Mapping[str, Any], name: str) -> Path:
    path = Path(_text(fields, name))
    if not path.is_absolute():
        raise _wrong(name, str(path), "an absolute path")
    return path


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields[name]
    if not isinstance(value, bool):
        raise _wrong(name, value, "true, false")
    return value


def _seconds(fields: Mapping[str, Any], name: str) -> int:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(name, value, "a whole number of 1 or more")
    return value


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _wrong(name, value, "a whole number of 0 or more")
    return value


def _store(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or (value and not _STORE.fullmatch(value)):
        # What is no such address may have a password in it.
        raise NodeError(
            f"request field {name} is no address of a store; allowed: an empty text, s3://BUCKET/FOLDER, "
            "gs://BUCKET/FOLDER, without credentials. Correct the request."
        )
    return value


def _parameters(fields: Mapping[str, Any], name: str) -> dict[str, ParameterValue]:
    values = fields[name]
    if not isinstance(values, dict):
        raise _wrong(name, values, "a JSON object of names and values")
    for parameter, given in values.items():
        if isinstance(given, bool) or not isinstance(given, ParameterValue):
            raise _wrong(f"{name}.{parameter}", given, "a text or a number")
    return dict(values)


def _gpu(fields: Mapping[str, Any], name: str) -> GpuUse:
    try:
        return GpuUse(fields[name])
    except ValueError:
        raise _wrong(name, fields[name], ", ".join(use.value for use in GpuUse)) from None


def _wrong(name: str, got: object, allowed: str) -> NodeError:
    return NodeError(f"request field {name} is {got!r}; allowed: {allowed}. Correct the request.")


_READ: Mapping[Any, Callable[[Mapping[str, Any], str], Any]] = {
    str: _text,
    Path: _path,
    bool: _flag,
    int: _seconds,
    Count: _count,
    StoreAddress: _store,
    GpuUse: _gpu,
    Mapping[str, ParameterValue]: _parameters,
}
"""What reads a field, by the field's type."""
