"""Declares the task: which labels reviews have, and what the model tells of them. And hands it on.

Components get it in their configuration, and each model has it in a file of its folder.

A task that is the default's is left out of what components get, so that settings without ``[task]`` compile to what
they always did. A model without the file was made before there was one, or elsewhere: its labels are the default's.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from tfx_modules.exceptions import SettingsError
from tfx_modules.settings.labels import problem
from tfx_modules.settings.reading.declared import SettingsGroup, refused
from tfx_modules.settings.reading.limits import Limit, StrictlyBetween
from tfx_modules.settings.reading.naming import named
from tfx_modules.settings.reading.reader import build

KEY = "task"
"""Name of the task in the configuration of a component."""
PLACE = "assets.extra/task.json"
"""Where the task is in the folder of a model, which SavedModels keep for what is not theirs."""


class TaskKind(StrEnum):
    """What the model tells of a text."""

    BINARY = "binary"
    """Which of two labels it has. The score is the probability of ``positive``."""
    MULTICLASS = "multiclass"
    """Which of several labels it has. The score is the probability of the label that is answered."""
    MULTILABEL = "multilabel"
    """Which of several labels it has: any number of them, or none. Each has a probability of its own."""


@dataclass(frozen=True)
class TaskSettings(SettingsGroup):
    """What the model tells of a text (``docs/how-to/own-labels.md``). The Airflow side reads it too."""

    kind: TaskKind = TaskKind.BINARY
    """What the model tells."""
    labels: tuple[str, ...] = ("negative", "positive")
    """The labels: different texts of up to 100 characters, two of them with ``binary``, else 2 to 50.
    What a source calls them is another setting, ``labels`` in ``[bert_service]``."""
    positive: str = "positive"
    """The label that the served ``score`` is the probability of; only with ``binary``."""
    threshold: Annotated[float, StrictlyBetween(0, 1)] = 0.5
    """From this probability on a text has a label, whichever it is; only with ``multilabel``. Lower, more labels are
    found, and more that are wrong."""

    def __post_init__(self) -> None:
        """Check the labels."""
        super().__post_init__()
        if wrong := problem(self.labels):
            raise SettingsError(f"{named('task.labels')} {wrong}. {Limit.advice}.")
        if self.threshold != TaskSettings.threshold and not self.has_sets:
            raise refused("task.threshold", self.threshold, f"none, with task.kind {self.kind.value}")
        if self.kind is not TaskKind.BINARY:
            if self.positive != TaskSettings.positive:
                raise refused("task.positive", self.positive, f"none, with task.kind {self.kind.value}")
            if self.has_sets and any(label.startswith("[") for label in self.labels):
                allowed = "labels that do not begin with [, with task.kind multilabel: sets are written as lists"
                raise refused("task.labels", list(self.labels), allowed)
            return
        if len(self.labels) != 2:
            raise refused("task.labels", list(self.labels), "two labels, with task.kind binary")
        if self.positive not in self.labels:
            raise refused("task.positive", self.positive, f"one of task.labels, {', '.join(self.labels)}")

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels by the number that model and examples have for each; of a binary task ``positive`` is the last."""
        if self.kind is not TaskKind.BINARY:
            return self.labels
        return (*(label for label in self.labels if label != self.positive), self.positive)

    @property
    def has_sets(self) -> bool:
        """Whether a text may have several labels, or none."""
        return self.kind is TaskKind.MULTILABEL

    @property
    def measure(self) -> str:
        """What the share of texts that a model has right is called: of label sets, it has all labels of them right."""
        return "exact match" if self.has_sets else "accuracy"

    @property
    def logit(self) -> float:
        """The logit of the threshold."""
        return math.log(self.threshold / (1 - self.threshold))

    @property
    def is_default(self) -> bool:
        """Whether it is the task of settings that say nothing of a task."""
        return self == BINARY_SENTIMENT

    def is_comparable_with(self, other: "TaskSettings") -> bool:
        """Whether models of both tasks can be compared: they answer the same labels, and mean the same by a score.

        Their thresholds may differ: what is right for one is right for the other, and each answers by its own.
        """
        if self.kind is not TaskKind.BINARY:
            return (self.kind, set(self.labels)) == (other.kind, set(other.labels))
        return (self.kind, self.classes) == (other.kind, other.classes)

    @property
    def outputs(self) -> int:
        """Numbers that the model computes for a text: one logit of a binary task, else one of each label."""
        return 1 if self.kind is TaskKind.BINARY else len(self.labels)

    def describe(self) -> str:
        """Return the task in words, like ``ham, spam (score of spam)``."""
        if self.kind is not TaskKind.BINARY:
            chosen = "" if self.threshold == TaskSettings.threshold else f", from {self.threshold:g} on"
            return f"{', '.join(self.labels)} ({self.kind.value}{chosen})"
        return f"{', '.join(self.classes)} (score of {self.positive})"


BINARY_SENTIMENT = TaskSettings()
"""The task of settings that say nothing of one."""


def to_config(task: TaskSettings) -> dict[str, Any]:
    """Return what a component's configuration has for a task; nothing for the default's."""
    return {} if task.is_default else {KEY: _fields(task)}


def from_config(config: Mapping[str, Any]) -> TaskSettings:
    """Return the task of a component's configuration."""
    return build(TaskSettings, config.get(KEY, {}))


def to_parameter(task: TaskSettings) -> str | None:
    """Return a task as the value of an execution property; None for the default's."""
    return None if task.is_default else to_json(task)


def from_parameter(value: str | None) -> TaskSettings:
    """Return the task of an execution property that may be missing."""
    return build(TaskSettings, json.loads(value)) if value else BINARY_SENTIMENT


def to_json(task: TaskSettings) -> str:
    """Return a task as text; the same task gives the same one."""
    return json.dumps(_fields(task), sort_keys=True)


def _fields(task: TaskSettings) -> dict[str, Any]:
    """Return a task as JSON values; the default threshold is left out, since code of releases before knows no other."""
    return {
        name: value for name, value in asdict(task).items() if name != "threshold" or value != TaskSettings.threshold
    }


def of_model(folder: Path) -> TaskSettings:
    """Read the task of a model.

    Args:
        folder: A SavedModel's.

    Returns:
        What ``to_json`` wrote into it; the default's where it has no such file.

    Raises:
        SettingsError: The file holds something else.
        OSError: It cannot be read.
    """
    path = folder / PLACE
    try:
        return build(TaskSettings, json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return BINARY_SENTIMENT
    except (ValueError, TypeError, AttributeError, SettingsError) as error:
        raise SettingsError(f"{path} is no task of a model: {error}. Put the model's own file back.") from error
