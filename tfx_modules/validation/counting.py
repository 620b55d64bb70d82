"""Counts the reviews of each day, in Beam, batch by batch."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.arrow import array_util

from tfx_modules.data import features
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings
from tfx_modules.validation import profile

_Numbers = npt.NDArray[np.int64]
_KINDS = {
    features.DATE: schema_pb2.BYTES,
    features.SENTIMENT: schema_pb2.BYTES,
    features.WORDS: schema_pb2.INT,
    features.CHARACTERS: schema_pb2.INT,
    features.TAGS: schema_pb2.INT,
    features.UNKNOWN_SHARE: schema_pb2.FLOAT,
    features.VOCABULARY: schema_pb2.INT,
}


def schema() -> schema_pb2.Schema:
    """Return the features that are counted; a reader that knows them leaves out the others."""
    made = schema_pb2.Schema()
    for name, kind in _KINDS.items():
        made.feature.add(name=name, type=kind)
    return made


Table = dict[str, _Numbers]
"""By day: the number of rows, then the counts of all classes of all features, int64 [1 + classes]."""


def count(batch: pa.RecordBatch, labels: Sequence[str] = BINARY_SENTIMENT.classes) -> Table:
    """Count a batch of examples.

    Args:
        batch: columns of lists, as TFX reads examples; those of ``schema``.
        labels: the task's classes.
    """
    days, day_of_row = _days(batch)
    rows = np.bincount(day_of_row, minlength=len(days))[:, np.newaxis]
    columns = [
        _sentiments(batch, labels, day_of_row, len(days))
        if name == features.SENTIMENT
        else _count(batch, name, day_of_row, len(days))
        for name in profile.SIZES
    ]
    table = np.concatenate([rows, *columns], axis=1)
    return {day: table[n] for n, day in enumerate(days)}


def _profile(numbers: _Numbers, task: TaskSettings) -> profile.Profile:
    ends = np.cumsum([1, *profile.sizes(task.classes).values()])
    rows, *counts = np.split(numbers, ends[:-1])
    by_feature = {name: tuple(map(int, found)) for name, found in zip(profile.SIZES, counts, strict=True)}
    return profile.Profile(int(rows[0]), by_feature, task.classes, task.has_sets)


def _days(batch: pa.RecordBatch) -> tuple[list[str], _Numbers]:
    """Return the days of a batch, ``""`` the first, and which of them each row belongs to."""
    rows, values = _column(batch, features.DATE)
    coded = values.dictionary_encode()
    found = ["", *(_day(value) for value in coded.dictionary.to_pylist())]
    days = sorted(set(found))
    place = np.array([days.index(day) for day in found])
    day_of_row = np.zeros(batch.num_rows, np.int64)  # "" comes first
    day_of_row[rows] = place[coded.indices.to_numpy(zero_copy_only=False) + 1]
    return days, day_of_row


def _day(value: bytes) -> str:
    try:
        return dt.date.fromisoformat(value.decode("utf-8", "replace")).isoformat()
    except ValueError:
        return ""


def _count(batch: pa.RecordBatch, name: str, day_of_row: _Numbers, days: int) -> _Numbers:
    """Return int64 [days, classes]."""
    rows, values = _column(batch, name)
    classes = _classes(name, values.to_numpy(zero_copy_only=False))
    return _by_day(day_of_row[rows], classes, days, profile.SIZES[name])


def _sentiments(batch: pa.RecordBatch, labels: Sequence[str], day_of_row: _Numbers, days: int) -> _Numbers:
    """Return int64 [days, classes]; a row without a known sentiment counts too, and one with several in each."""
    rows, values = _column(batch, features.SENTIMENT)
    coded = values.dictionary_encode()
    known = {value.encode(): place for place, value in enumerate(labels)}
    none = len(labels)
    places = np.array([*(known.get(value, none) for value in coded.dictionary.to_pylist()), none])
    found = places[coded.indices.to_numpy(zero_copy_only=False)]
    rows, found = rows[found < none], found[found < none]
    without = np.setdiff1d(np.arange(batch.num_rows), rows)
    of_rows, classes = np.concatenate([rows, without]), np.concatenate([found, np.full(len(without), none)])
    return _by_day(day_of_row[of_rows], classes, days, none + 1)


def _by_day(day: _Numbers, classes: _Numbers, days: int, size: int) -> _Numbers:
    return np.bincount(day * size + classes, minlength=days * size).reshape(days, size)


def _classes(name: str, values: _Numbers) -> _Numbers:
    if name == features.VOCABULARY:
        return values.astype(np.int64)
    return np.searchsorted(np.array(profile.EDGES[name]), values, side="right") - 1


def _column(batch: pa.RecordBatch, name: str) -> tuple[_Numbers, pa.Array]:
    """Return a column's values and the row of each."""
    column = batch.column(batch.schema.get_field_index(name))
    return array_util.GetFlattenedArrayParentIndices(column).to_numpy(), column.flatten()


class CountDays(beam.CombineFn):  # type: ignore[misc]
    """Counts the reviews of each day in record batches.

    Args:
        task: the pipeline's, with the labels.
    """

    def __init__(self, task: TaskSettings = BINARY_SENTIMENT) -> None:
        super().__init__()
        self._task = task

    def create_accumulator(self) -> Table:
        """Begin with no day."""
        return {}

    def add_input(self, accumulator: Table, batch: pa.RecordBatch, *_: Any) -> Table:
        """Add a batch."""
        return self.merge_accumulators([accumulator, count(batch, self._task.classes)])

    def merge_accumulators(self, accumulators: Iterable[Table], *_: Any) -> Table:
        """Merge accumulators."""
        merged: Table = {}
        for table in accumulators:
            for day, numbers in table.items():
                merged[day] = merged[day] + numbers if day in merged else numbers
        return merged

    def extract_output(self, accumulator: Table, *_: Any) -> profile.Days:
        """Return the days in order, those without reviews left out."""
        days = {day: _profile(numbers, self._task) for day, numbers in sorted(accumulator.items())}
        return {day: item for day, item in days.items() if item.rows}
