"""Collects what a run's nodes have measured before its candidate is judged, for the verdict in the ledger.

What the gate measures of the model is not among it. Each part is read by itself: a number that nobody left, or that
cannot be read any more, is missing in the verdict, and changes nothing about it.
"""

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfx.types import standard_component_specs

from tfx_modules.model.record import training_record
from tfx_modules.reports.node_record import NodeRecord

TRAINING_SECONDS = "training_seconds"
"""Key of the time that the epochs of the training took, with their validations."""
ROWS = "rows"
"""Key of the counts of the data date's rows: ``used`` and ``rejected``."""
DISTANCES = "distances"
"""Key of the distances between data: by kind (``drift``, ``skew``) and feature ``value`` and ``limit``."""
TFLITE = "tflite"
"""Key of what was measured of the TFLite model beside the SavedModel, where the model is exported for it."""
_EXAMPLE_GEN = "tfx_modules.components.example_gen.CsvExampleGen"
_EXAMPLE_VALIDATOR = "tfx_modules.components.example_validator.ExampleValidator"
_TRAINER = "tfx_modules.components.trainer.Trainer"
_MANIFEST = "manifest.json"

_logger = logging.getLogger(__name__)


def of_run(nodes_of: Callable[[Collection[str]], Mapping[str, NodeRecord]]) -> dict[str, Any]:
    """Return what the nodes of a run have measured, as JSON values.

    Args:
        nodes_of: returns those nodes that have succeeded, of some components, by the path of the component's class.
    """
    try:
        nodes = nodes_of(KINDS)
    except Exception as error:  # noqa: BLE001 (a component of the user's may not even be imported here)
        _logger.warning("the ledger gets no measurements of this run: %s: %s", type(error).__name__, error)
        return {}
    found = {key: _read(key, read, nodes[kind]) for key, (kind, read) in _READERS.items() if kind in nodes}
    return {key: value for key, value in found.items() if value}


def _read(key: str, read: Callable[[NodeRecord], Any], node: NodeRecord) -> Any:
    try:
        return read(node)
    except Exception as error:  # noqa: BLE001 (of files that may be gone or of an earlier release; the verdict is the same)
        _logger.warning("the ledger gets no %s of this run: %s: %s", key, type(error).__name__, error)
        return None


def _training_seconds(trainer: NodeRecord) -> float | None:
    record = training_record.read(trainer.folder(standard_component_specs.MODEL_RUN_KEY))
    return record.fit.seconds if record else None


def _tflite(trainer: NodeRecord) -> dict[str, Any] | None:
    record = training_record.read(trainer.folder(standard_component_specs.MODEL_RUN_KEY))
    return asdict(record.tflite) if record and record.tflite else None


def _rows(example_gen: NodeRecord) -> dict[str, int] | None:
    """Return the counts of the newest day of the window, which is the data date."""
    versions = json.loads(example_gen.parameters["span_versions"])
    day = max(versions)
    if versions[day] is None:
        return None
    file = Path(example_gen.parameters["input_base"], day, f"v{versions[day]}", _MANIFEST)
    manifest = json.loads(file.read_text(encoding="utf-8"))
    return {"used": int(manifest["rows"]), "rejected": sum(manifest["rejected"].values())}


def _distances(validator: NodeRecord) -> Any:
    text = validator.output(standard_component_specs.ANOMALIES_KEY).properties.get("distances")
    return json.loads(text) if text else None


_READERS: dict[str, tuple[str, Callable[[NodeRecord], Any]]] = {
    TRAINING_SECONDS: (_TRAINER, _training_seconds),
    TFLITE: (_TRAINER, _tflite),
    ROWS: (_EXAMPLE_GEN, _rows),
    DISTANCES: (_EXAMPLE_VALIDATOR, _distances),
}
KINDS = frozenset(kind for kind, _ in _READERS.values())
"""The components whose measurements are collected."""
