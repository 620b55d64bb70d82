"""Measures the distance between two sets of reviews, and the distance that chance explains."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_modules.data import features
from tfx_modules.settings.settings import Distances
from tfx_modules.validation.profile import EDGES, SIZES, Profile, class_name

_CONFIDENCE = 0.999
_RARE = 100
"""Values; a class with more is well described by the large-sample limit."""
_NORMAL = statistics.NormalDist().inv_cdf(_CONFIDENCE)


@dataclass(frozen=True)
class Distance:
    """One feature of two sets of reviews, compared."""

    feature: str
    value: float
    """Jensen-Shannon divergence in bits, 0 to 1."""
    allowed: float
    """The setting."""
    chance: float
    """Distance that chance explains: 999 of 1,000 pairs of sets of these sizes, from the same reviews, are nearer."""
    place: int | None = None
    """Of a multilabel task, which class of the feature is compared; None: all of them."""
    label: str = ""
    """The class's name then."""

    @property
    def name(self) -> str:
        """The feature, and which of its classes, for people."""
        return f"{self.feature} {self.label}" if self.label else self.feature

    @property
    def limit(self) -> float:
        """The greatest value that passes, 1 at most. With small sets it may be 1, and then every value passes."""
        return min(1.0, self.allowed + self.chance)

    @property
    def is_too_great(self) -> bool:
        """Whether it is an anomaly."""
        return self.value > self.limit


def compare(newer: Profile, older: Profile, allowed: Distances) -> list[Distance]:
    """Compare two sets of reviews, feature by feature.

    TFDV measures the distances; the bounds of chance are added here, since TFDV has none.

    Args:
        newer: has reviews.
        older: has reviews.
        allowed: greatest distance of each feature.
    """
    names = [name for name in SIZES if newer.count(name) and older.count(name)]
    if (newer.labels, newer.has_sets) != (older.labels, older.has_sets):
        names.remove(features.SENTIMENT)  # shares of other labels say nothing of these
    of_labels = []
    if newer.has_sets and features.SENTIMENT in names:
        names.remove(features.SENTIMENT)
        of_labels = [_of_label(newer, older, place, allowed) for place in range(len(newer.labels) + 1)]
    measured = dict(_measure(newer, older, names))
    return [
        *of_labels,
        *(
            Distance(name, measured[name], getattr(allowed, name), chance(newer, older, name))
            for name in names
            if name in measured
        ),
    ]


def _of_label(newer: Profile, older: Profile, place: int, allowed: Distances) -> Distance:
    """Compare how many reviews have one label, and how many have not: labels in sets are no shares of one whole."""
    name = features.SENTIMENT
    new, old = (_with_and_without(item, place) for item in (newer, older))
    value = dict(_measure(new, old, [name]))[name]
    label = class_name(name, place, newer.labels)
    return Distance(name, value, allowed.sentiment, chance(new, old, name), place, label)


def _with_and_without(item: Profile, place: int) -> Profile:
    there = item.counts[features.SENTIMENT][place]
    return Profile(item.rows, {features.SENTIMENT: (there, item.rows - there)})


def chance(newer: Profile, older: Profile, name: str) -> float:
    """Return the distance between two samples of the same reviews that chance explains.

    Given how many values of both sets together a class has, chance decides which of them are whose: a binomial
    distribution. It gives the mean and the variance of each class's part of the divergence, exactly for rare classes,
    and by the large-sample limit, in which the divergence times 8 ln 2 / (1/n + 1/m) is chi-square with one degree of
    freedom for each class but one, for others. Their sum is taken for a chi-square distribution on another scale.

    Returns:
        The 99.9 % point of the divergence, in bits.
    """
    n, m = newer.count(name), older.count(name)
    totals = [a + b for a, b in zip(newer.counts[name], older.counts[name], strict=True) if a + b]
    if len(totals) < 2:
        return 0.0
    moments = {total: _moments(total, n, m) for total in set(totals)}
    # The sets' sizes are given, so that one class follows from the others.
    free = (len(totals) - 1) / len(totals)
    mean = free * sum(moments[total][0] for total in totals)
    variance = free * sum(moments[total][1] for total in totals)
    if not variance:  # one value against one: there is but one way to differ
        return mean
    return variance / (2 * mean) * _chi_square(2 * mean**2 / variance)


def _moments(total: int, n: int, m: int) -> tuple[float, float]:
    """Return mean and variance of the part of a class that has a number of values in both sets together."""
    if total > _RARE:
        scale = (1 / n + 1 / m) / (8 * math.log(2))
        return scale, 2 * scale**2
    share = n / (n + m)
    chances = [math.comb(total, x) * share**x * (1 - share) ** (total - x) for x in range(total + 1)]
    parts = [_part(x / n, (total - x) / m) for x in range(total + 1)]
    mean = sum(chance * part for chance, part in zip(chances, parts, strict=True))
    return mean, sum(chance * (part - mean) ** 2 for chance, part in zip(chances, parts, strict=True))


def _part(p: float, q: float) -> float:
    return sum(share * math.log2(2 * share / (p + q)) for share in (p, q) if share) / 2


def _chi_square(freedom: float) -> float:
    """Return the 99.9 % point, by Wilson and Hilferty's approximation."""
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + _NORMAL * math.sqrt(spread)) ** 3


def _measure(newer: Profile, older: Profile, names: Sequence[str]) -> Iterator[tuple[str, float]]:
    schema = schema_pb2.Schema()
    for name in names:
        feature = schema.feature.add(name=name, type=schema_pb2.INT if name in EDGES else schema_pb2.BYTES)
        feature.drift_comparator.jensen_shannon_divergence.threshold = 1.0
    anomalies = tfdv.validate_statistics(
        _statistics(newer, names), schema, previous_statistics=_statistics(older, names)
    )
    for info in anomalies.drift_skew_info:
        (measurement,) = info.drift_measurements
        yield info.path.step[0], measurement.value


def _statistics(profile: Profile, names: Sequence[str]) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Convert counts to TFDV's statistics, as far as its comparators read them."""
    made = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = made.datasets.add(num_examples=profile.rows)
    for name in names:
        feature = dataset.features.add()
        feature.path.step.append(name)
        if name in EDGES:
            feature.type = statistics_pb2.FeatureNameStatistics.INT
            _numeric(feature.num_stats, profile.counts[name])
        else:
            feature.type = statistics_pb2.FeatureNameStatistics.STRING
            _categorical(feature.string_stats, profile.counts[name])
    return made


def _numeric(stats: statistics_pb2.NumericStatistics, counts: Sequence[int]) -> None:
    stats.common_stats.num_non_missing = sum(counts)
    histogram = stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    for place, count in enumerate(counts):
        # Both sets have the same classes, so that their numbers do for their bounds; the last class has no upper one.
        histogram.buckets.add(low_value=place, high_value=place + 1, sample_count=count)


def _categorical(stats: statistics_pb2.StringStatistics, counts: Sequence[int]) -> None:
    stats.common_stats.num_non_missing = sum(counts)
    for place, count in enumerate(counts):
        if count:
            stats.rank_histogram.buckets.add(label=str(place), sample_count=count)
