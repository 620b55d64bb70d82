"""Writes and reads the state of a training, so that it can go on where a killed one was."""

import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfx_modules.common.files import sync

FILE = "training.npz"
_STATE = "state"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Position:
    """How far a training is."""

    step: int = 0
    """Steps that are done."""
    best: float | None = None
    """The highest accuracy on the eval split after an epoch; None before there was any."""
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Keras' metrics by name, one value for each epoch that is done."""


def write(classifier: keras.Model, position: Position, folder: Path, *, made_by: str) -> None:
    """Write weights, optimizer and the seeds of dropout; what was there before stays until the new file is whole.

    Args:
        classifier: compiled, its optimizer built.
        position: where it is.
        folder: is there.
        made_by: what the training is made by, as text: only a training with the same text goes on with this one.
    """
    state = json.dumps({"made_by": made_by, "position": asdict(position)})
    values: dict[str, Any] = {str(number): value for number, value in enumerate(_values(classifier))}
    values[_STATE] = np.array(state)
    part = folder / f".{FILE}"
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, **values)
    sync(part)
    part.replace(folder / FILE)


def read(classifier: keras.Model, folder: Path, *, made_by: str) -> Position | None:
    """Give a classifier the state of a training.

    Args:
        classifier: compiled, its optimizer built.
        folder: the one that was written into.
        made_by: as in :func:`write`.

    Returns:
        Where it is; None where there is none, or one of another training, which the log then says.
    """
    file = folder / FILE
    try:
        with np.load(file) as found:
            state = json.loads(str(found[_STATE]))
            if state["made_by"] != made_by:
                _logger.warning("%s is of another training; this one begins anew", file)
                return None
            variables = _variables(classifier)
            values = [found[str(number)] for number in range(len(found.files) - 1)]
            if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
                _logger.warning("%s has variables of other forms; training begins anew", file)
                return None
    except FileNotFoundError:
        return None
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError) as error:
        _logger.warning("%s cannot be read (%r); training begins anew", file, error)
        return None
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return Position(**state["position"])


def _variables(classifier: keras.Model) -> list[Any]:
    """Return all variables that the next step depends on: weights, the seeds of dropout, the optimizer's."""
    return [*classifier.trainable_variables, *classifier.non_trainable_variables, *classifier.optimizer.variables]


def _values(classifier: keras.Model) -> list[Any]:
    return [variable.numpy() for variable in _variables(classifier)]
