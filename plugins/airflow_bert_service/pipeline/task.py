"""Reads the pipeline's task, the table ``[task]`` in ``settings.toml``: which labels its reviews have.

The TFX side declares the table (``tfx_modules/settings/task.py``) and refuses one that cannot be used when the
pipeline is compiled. This side needs the labels to judge a feed's rows, and has the same rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipeline.labels import normal_label, problem
from airflow_bert_service.pipeline.name import settings_document, settings_file

BINARY, MULTICLASS, MULTILABEL = "binary", "multiclass", "multilabel"
KINDS = (BINARY, MULTICLASS, MULTILABEL)
"""What ``kind`` may be."""
KEYS = ("kind", "labels", "positive", "threshold")


@dataclass(frozen=True)
class Task:
    """What a pipeline's model tells of a text. Not what a source calls the labels: that is a setting of this side."""

    kind: str = BINARY
    labels: tuple[str, ...] = ("negative", "positive")
    """In the settings' order."""
    positive: str = "positive"
    """The label that the served score is the probability of; of a binary task."""
    threshold: float = 0.5
    """From this probability on a text has a label; of a multilabel task."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            SettingsError: One is not allowed.
        """
        if self.kind not in KINDS:
            raise _refused("kind", f"is {self.kind!r}; allowed: {', '.join(KINDS)}")
        if wrong := problem(self.labels):
            raise _refused("labels", wrong)
        self._check_threshold()
        if self.kind != BINARY:
            if self.positive != Task.positive:
                raise _refused("positive", f"is {self.positive!r}; allowed: none, with task.kind {self.kind}")
            if self.has_sets and any(label.startswith("[") for label in self.labels):
                allowed = "labels that do not begin with [, with task.kind multilabel: sets are written as lists"
                raise _refused("labels", f"is {list(self.labels)!r}; allowed: {allowed}")
            return
        if len(self.labels) != 2:
            raise _refused("labels", f"is {list(self.labels)!r}; allowed: two labels, with task.kind binary")
        if self.positive not in self.labels:
            allowed = f"one of task.labels, {', '.join(self.labels)}"
            raise _refused("positive", f"is {self.positive!r}; allowed: {allowed}")

    def _check_threshold(self) -> None:
        given: object = self.threshold
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        if not is_number or not 0 < self.threshold < 1:
            raise _refused("threshold", f"is {given!r}; allowed: a number above 0 and below 1")
        if self.threshold != Task.threshold and not self.has_sets:
            raise _refused("threshold", f"is {self.threshold!r}; allowed: none, with task.kind {self.kind}")

    @property
    def has_sets(self) -> bool:
        """Whether a text may have several labels, or none."""
        return self.kind == MULTILABEL

    @property
    def is_default(self) -> bool:
        """Whether it is the task of settings that say nothing of a task."""
        return self == BINARY_SENTIMENT

    def label_of(self, name: str) -> str | None:
        """Return the label that a name means, however it is written; None: it means none."""
        wanted = normal_label(name)
        return next((label for label in self.labels if normal_label(label) == wanted), None)


BINARY_SENTIMENT = Task()
"""The task of settings that say nothing of one."""


def pipeline_task(dags: Path) -> Task:
    """Read the pipeline's task.

    Args:
        dags: The folder of the DAG files, or that of a further pipeline.

    Returns:
        The table ``[task]``; without it, or without a file, binary sentiment.

    Raises:
        SettingsError: The file cannot be read, or is not TOML, or a value is not allowed.
    """
    path = settings_file(dags)
    table = settings_document(path).get("task", {})
    try:
        return _task(table)
    except SettingsError as error:
        raise SettingsError(f"{error} The file is {path}.") from error


def _task(table: object) -> Task:
    if not isinstance(table, Mapping):
        raise SettingsError(f"setting task is {table!r}; allowed: a table. Write [task].")
    if unknown := sorted(set(table) - set(KEYS)):
        raise SettingsError(
            f"setting task has the unknown key {', '.join(unknown)}; known: {', '.join(KEYS)}. Rename or remove it."
        )
    values: dict[str, Any] = dict(table)
    if "labels" in values:
        if not isinstance(values["labels"], list):
            raise _refused("labels", f"is {values['labels']!r}; allowed: a list")
        values["labels"] = tuple(values["labels"])
    return Task(**values)


def _refused(key: str, wrong: str) -> SettingsError:
    return SettingsError(f"setting task.{key} {wrong}. Correct it, or leave it out.")
