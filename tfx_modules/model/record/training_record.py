"""Writes what a training was and what was measured of its model, beside the curves that TensorBoard shows.

The file ``training.json`` in the folder of the Trainer's output ``model_run``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfx_modules.common.files import write_atomically
from tfx_modules.exceptions import NodeError

FILE = "training.json"
FORMAT = 2
"""Version of the file's form."""
_OF_ONE_PRECISION = 1
"""The form before, which had one ``precision`` for each engine."""


@dataclass(frozen=True)
class Fit:
    """How the classifier was fitted."""

    device: str
    """What it ran on, in words."""
    train_examples: int
    """Labelled examples of the train split."""
    eval_examples: int
    """Labelled examples of the eval split."""
    batch_size: int
    """Examples in a step."""
    steps: int
    """Steps that were asked for, over all epochs."""
    epochs: int
    seconds: float
    """Time of all epochs with their validations."""
    examples_per_second: float | None
    """Over all steps but the first, which TensorFlow prepares in; None where there was no other."""
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Keras' metrics by name (``loss``, ``val_accuracy``), one value for each epoch. With ``update_freq`` Keras writes
    those of some epochs only for TensorBoard."""


@dataclass(frozen=True)
class EngineChoice:
    """The precisions that the model was exported in for one engine, and what was measured for the choice."""

    engine: str
    """``TensorFlow``, ``OpenVINO`` or ``TFLite``."""
    precisions: tuple[str, ...]
    """The chosen ones."""
    reason: str
    """Why, in words."""
    measured_on: str = ""
    """Name of the reviews that the accuracies are of; empty where none was measured."""
    accuracies: Mapping[str, float] = field(default_factory=dict)
    """The accuracy of each precision that was measured."""


@dataclass(frozen=True, kw_only=True)
class LiteMeasures:
    """What was measured of the TFLite model, and of the SavedModel on the same rows in the same process."""

    precision: str
    """``int8`` or ``float32``."""
    measured_on: str
    """Name of the reviews."""
    n: int
    """How many of them."""
    accuracy: float
    savedmodel_accuracy: float
    score_difference: float
    """The greatest difference of a score from the SavedModel's."""
    latency_ms: float
    """Median time from a text's ids to its logits, one text at a time."""
    savedmodel_latency_ms: float
    bytes: int
    """Size of the TFLite model's file."""
    savedmodel_bytes: int


@dataclass(frozen=True)
class TrainingRecord:
    """One training."""

    hyperparameters: Mapping[str, float]
    tuned: bool
    """Whether a search found the hyperparameters; else they are the settings'."""
    fit: Fit
    engines: tuple[EngineChoice, ...]
    tflite: LiteMeasures | None = None
    """None: the model was not exported for TFLite."""


def write(record: TrainingRecord, folder: Path) -> None:
    """Write the record into a folder that is there."""
    write_atomically(folder / FILE, json.dumps({"format": FORMAT, **asdict(record)}, indent=1) + "\n")


def read(folder: Path) -> TrainingRecord | None:
    """Read the record of a training.

    Args:
        folder: of the Trainer's output ``model_run``.

    Returns:
        None where there is none: releases before this one wrote none.

    Raises:
        NodeError: the file holds something else.
    """
    file = folder / FILE
    try:
        return _parsed(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise NodeError(f"{file} is no record of a training: {error!r}. Run the Trainer without the cache.") from error


def _parsed(made: Any) -> TrainingRecord:
    if made["format"] not in (_OF_ONE_PRECISION, FORMAT):
        raise ValueError(f"format {made['format']!r}; allowed: {_OF_ONE_PRECISION}, {FORMAT}")
    engines = tuple(_engine(each, made["format"]) for each in made["engines"])
    tflite = LiteMeasures(**made["tflite"]) if made.get("tflite") else None
    return TrainingRecord(made["hyperparameters"], made["tuned"], Fit(**made["fit"]), engines, tflite)


def _engine(made: dict[str, Any], format_: int) -> EngineChoice:
    precisions = [made.pop("precision")] if format_ == _OF_ONE_PRECISION else made.pop("precisions")
    return EngineChoice(precisions=tuple(precisions), **made)
