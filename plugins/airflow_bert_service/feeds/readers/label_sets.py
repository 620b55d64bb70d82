"""Reads the labels of rows that may have any number of them, as those of a multilabel task do."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from airflow_bert_service.pipeline.labels import normal_label, set_text

_YES, _NO = frozenset({"1", "true"}), frozenset({"0", "false"})
"""What a column of one label says, as ``normal_label`` writes it."""


@dataclass(frozen=True)
class LabelSets:
    """Reads what a source has for the labels of a row: a list, a text with a separator, or a column of each label."""

    labels: Mapping[str, str]
    """The pipeline's label by what the source calls it, as ``normal_label`` writes it."""
    order: tuple[str, ...]
    """The pipeline's labels, in the order of its settings."""
    separator: str
    """What stands between the labels of a text."""

    def read(self, value: object) -> str | None:
        """Return the labels as spans have them; None: one of them is unknown, or the value is no set of labels.

        Args:
            value: A list of labels; a text with one, several or none; values by the columns of labels.
        """
        found = [self.labels.get(normal_label(name)) for name in self._names(value)]
        return None if None in found else set_text(label for label in self.order if label in found)

    def unknown(self, value: object) -> object:
        """Return what is wrong with a value that :meth:`read` does not take: its unknown labels, as a text."""
        wrong = [name for name in self._names(value) if normal_label(name) not in self.labels]
        return self.separator.join(name if isinstance(name, str) else repr(name) for name in wrong)

    def _names(self, value: object) -> list[object]:
        if isinstance(value, Mapping):
            return [_of_column(column, said) for column, said in value.items() if normal_label(said) not in _NO]
        if isinstance(value, str):
            return list(self._of_text(value))
        return value if isinstance(value, list) else [value]

    def _of_text(self, text: str) -> list[str] | list[object]:
        if normal_label(text) in self.labels:
            return [text]  # a label may have the separator in it
        if text.lstrip().startswith("["):
            with suppress(ValueError, RecursionError):
                return list(json.loads(text))
        return [part.strip() for part in text.split(self.separator) if part.strip()]


def _of_column(column: str, said: object) -> str:
    """Return the label of a column that says neither no nor nothing; with what it says, where that is not yes."""
    return column if normal_label(said) in _YES else f"{column}={said}"
