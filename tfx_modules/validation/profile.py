"""Profiles of days of reviews: counts in fixed classes, which can be added up.

TFDV's own histograms have as many equal steps as fit between the least and the greatest value, so that one long review
makes another histogram of a day. Here the classes are fixed, and grow with the values.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfx_modules.data import features
from tfx_modules.settings.task import BINARY_SENTIMENT

FORMAT = 1
FILE = "days.json"
"""Name in the folder of an ExampleStatistics artifact."""

_LENGTHS = (0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
EDGES: Mapping[str, tuple[float, ...]] = {
    features.WORDS: _LENGTHS,
    features.CHARACTERS: (0, 1, *(5 * edge for edge in _LENGTHS[2:])),
    features.TAGS: (0, 1, 2, 3, 5, 9, 17, 33, 65),
    features.UNKNOWN_SHARE: (0.0, 1e-9, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
}
"""Least value of each class of a measure; the last class has no end."""

NO_SENTIMENT = "none"
"""The class of reviews without a known label; it comes after those of the labels."""


def sizes(labels: Sequence[str]) -> Mapping[str, int]:
    """Return the number of classes of each compared feature.

    Args:
        labels: the task's classes.
    """
    return {
        features.SENTIMENT: len(labels) + 1,
        **{name: len(edges) for name, edges in EDGES.items()},
        features.VOCABULARY: features.VOCABULARY_BUCKETS,
    }


SIZES = sizes(BINARY_SENTIMENT.classes)
"""The same for binary sentiment; the names are the same for every task."""


def class_name(name: str, place: int, labels: Sequence[str] = BINARY_SENTIMENT.classes) -> str:
    """Describe the values of a class in words.

    Args:
        name: the feature.
        place: the class.
        labels: the task's classes.
    """
    if name not in EDGES:
        return (*labels, NO_SENTIMENT)[place] if name == features.SENTIMENT else f"bucket {place}"
    edges = EDGES[name]
    low, high = edges[place], edges[place + 1] if place + 1 < len(edges) else None
    if name == features.UNKNOWN_SHARE:
        return "none" if place == 0 else f"up to {high:.0%}" if high else f"{low:.0%} or more"
    if high is None:
        return f"{low} or more"
    return f"{low}" if high == low + 1 else f"{low} to {high - 1}"


@dataclass(frozen=True)
class Profile:
    """Counts of a set of reviews."""

    rows: int
    counts: Mapping[str, tuple[int, ...]]
    """By feature, how many values are in each class. A review has one value of each, but many of the vocabulary, and
    of a multilabel task any number of labels."""
    labels: tuple[str, ...] = BINARY_SENTIMENT.classes
    """The task's classes, which the classes of the sentiment are, and one more for reviews without."""
    has_sets: bool = False
    """Whether a review may have several labels, or none: the task is a multilabel one."""

    def count(self, name: str) -> int:
        """Return the number of values of a feature."""
        return sum(self.counts[name])

    def shares(self, name: str) -> list[float]:
        """Return the share of each class, 0 where there are no values; of labels in sets, the share of the reviews."""
        total = self.rows if self.has_sets and name == features.SENTIMENT else self.count(name)
        return [count / total if total else 0.0 for count in self.counts[name]]


def empty(labels: tuple[str, ...]) -> Profile:
    """Return the profile of no review."""
    return Profile(0, {name: (0,) * size for name, size in sizes(labels).items()}, labels)


EMPTY = empty(BINARY_SENTIMENT.classes)
"""The same for binary sentiment."""
Days = Mapping[str, Profile]
"""By day, like ``2026-11-05``; by ``""`` what has no date."""


def labels_of(days: Days) -> tuple[str, ...]:
    """Return the task's classes that days were counted by; without days, those of binary sentiment."""
    return next((item.labels for item in days.values()), BINARY_SENTIMENT.classes)


def has_sets(days: Days) -> bool:
    """Return whether reviews may have several labels, or none."""
    return any(item.has_sets for item in days.values())


def add(profiles: Iterable[Profile]) -> Profile:
    """Merge the profiles of several sets of reviews, which have the same labels; of none, those of binary sentiment."""
    all_of_them = list(profiles) or [EMPTY]
    counts = {name: np.sum([item.counts[name] for item in all_of_them], axis=0) for name in SIZES}
    return Profile(
        sum(item.rows for item in all_of_them),
        {name: tuple(map(int, found)) for name, found in counts.items()},
        all_of_them[0].labels,
        all_of_them[0].has_sets,
    )


def to_json(days: Days) -> str:
    """Write days for ``from_json``."""
    return json.dumps({"format": FORMAT, "days": {day: _fields(item) for day, item in days.items()}})


def _fields(item: Profile) -> dict[str, Any]:
    """Return a profile's fields; what binary sentiment has is left out, as all files did before there were others."""
    fields = asdict(item)
    if item.labels == BINARY_SENTIMENT.classes:
        del fields["labels"]
    if not item.has_sets:
        del fields["has_sets"]
    return fields


def from_json(text: str) -> Days:
    """Read what ``to_json`` wrote."""
    return {
        day: Profile(
            item["rows"],
            {name: tuple(counts) for name, counts in item["counts"].items()},
            tuple(item.get("labels", BINARY_SENTIMENT.classes)),
            item.get("has_sets", False),
        )
        for day, item in json.loads(text)["days"].items()
    }
