"""Compares the newest day with the day before (drift), and the window with the champion's data (skew)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tfx_modules.data import features
from tfx_modules.settings.settings import DRIFT, SKEW, Distances, ValidationSettings
from tfx_modules.validation import distance, profile
from tfx_modules.validation.distance import Distance
from tfx_modules.validation.profile import Days, Profile


@dataclass(frozen=True)
class Dated:
    """A set of reviews and the days that it is of."""

    first: str
    last: str
    profile: Profile

    @property
    def name(self) -> str:
        """Like ``2026-11-05``, or ``2026-10-23 to 2026-11-05``."""
        return self.last if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True)
class DataComparison:
    """Two sets of reviews, compared feature by feature."""

    kind: str
    """DRIFT or SKEW."""
    newer: Dated
    older: Dated
    distances: Sequence[Distance]

    @property
    def rows(self) -> int:
        """Rows of the smaller set."""
        return min(self.newer.profile.rows, self.older.profile.rows)

    def describe(self, item: Distance) -> str:
        """Describe a distance that is too great, with numbers."""
        verb = "drifted" if self.kind == DRIFT else "differs from the champion's data,"
        where = f"{self.newer.name} against {self.older.name}"
        return f"{item.name} {verb} {_apart(item)} (Jensen-Shannon, {where}{self._widest_change(item)})"

    def _widest_change(self, item: Distance) -> str:
        """Name the class whose share has changed most; not for the vocabulary, whose buckets mean nothing to people."""
        name = item.feature
        if name == features.VOCABULARY:
            return ""
        new, old = self.newer.profile.shares(name), self.older.profile.shares(name)
        place = max(range(len(new)), key=lambda n: abs(new[n] - old[n])) if item.place is None else item.place
        return (
            f"; {profile.class_name(name, place, self.newer.profile.labels)}: {new[place]:.0%} against {old[place]:.0%}"
        )


def _apart(item: Distance) -> str:
    digits = next((d for d in (2, 3, 4) if f"{item.value:.{d}f}" != f"{item.limit:.{d}f}"), 6)
    return f"{item.value:.{digits}f} > {item.limit:.{digits}f}"


def window(days: Days) -> Dated | None:
    """Merge all days into one set; None where there are none with a date."""
    dated = [day for day in days if day]
    return Dated(min(dated), max(dated), profile.add(days.values())) if dated else None


def drift(days: Days, newest: str, settings: ValidationSettings) -> DataComparison | None:
    """Compare the newest day with the last one before it that has reviews; None where there is no such pair."""
    earlier = [day for day in days if day and day < newest]
    if newest not in days or not earlier:
        return None
    before = max(earlier)
    new, old = Dated(newest, newest, days[newest]), Dated(before, before, days[before])
    return _compare(DRIFT, new, old, settings.drift)


def skew(days: Days, champion: Days, settings: ValidationSettings) -> DataComparison | None:
    """Compare the window with the champion's; None where either has no reviews."""
    new, old = window(days), window(champion)
    return _compare(SKEW, new, old, settings.skew) if new and old else None


def to_json(comparisons: Sequence[DataComparison]) -> str:
    """Write the distances as JSON: by kind and feature, of a multilabel task's labels each; with its limit."""
    found = {
        made.kind.lower(): {item.name: {"value": item.value, "limit": item.limit} for item in made.distances}
        for made in comparisons
    }
    return json.dumps(found, sort_keys=True)


def _compare(kind: str, newer: Dated, older: Dated, allowed: Distances) -> DataComparison:
    return DataComparison(kind, newer, older, distance.compare(newer.profile, older.profile, allowed))
