"""Counts of days, and the distances between them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_modules.data import features
from tfx_modules.settings.settings import Distances
from tfx_modules.validation import counting, distance, profile
from tfx_modules.validation.profile import EMPTY, Profile

ROWS = st.fixed_dictionaries(
    {
        "date": st.sampled_from([b"2026-11-04", b"2026-11-05", b"2026-13-01", b"\xff", None]),
        "sentiment": st.sampled_from([b"negative", b"positive", b"neutral", None]),
        "words": st.integers(0, 10_000),
        "characters": st.integers(0, 10_000),
        "tags": st.integers(0, 100),
        "unknown_share": st.sampled_from([0.0, 0.005, 0.01, 0.5, 1.0]),
        "vocabulary": st.lists(st.integers(0, 255), unique=True, max_size=9),
    }
)
KINDS = {
    "date": pa.binary(),
    "sentiment": pa.binary(),
    "words": pa.int64(),
    "characters": pa.int64(),
    "tags": pa.int64(),
    "unknown_share": pa.float32(),
    "vocabulary": pa.int64(),
}
VALID = {b"2026-11-04": "2026-11-04", b"2026-11-05": "2026-11-05"}


def batch(rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Rows in the form in which TFX reads examples: a list a cell, null for a missing one."""

    def cell(value: Any) -> Any:
        return value if value is None or isinstance(value, list) else [value]

    columns = [pa.array([cell(row[name]) for row in rows], pa.list_(kind)) for name, kind in KINDS.items()]
    return pa.RecordBatch.from_arrays(columns, list(KINDS))


def counted(batches: Sequence[pa.RecordBatch]) -> profile.Days:
    combiner = counting.CountDays()
    accumulators = [combiner.add_input(combiner.create_accumulator(), item) for item in batches]
    return combiner.extract_output(combiner.merge_accumulators(accumulators))


@settings(max_examples=60)
@given(st.lists(ROWS, min_size=1, max_size=30), st.integers(0, 30))
def test_every_row_is_counted_in_its_day_however_batches_are_cut(rows: list[dict[str, Any]], cut: int) -> None:
    days = counted([batch(part) for part in (rows[:cut], rows[cut:]) if part])
    expected: dict[str, int] = {}
    for row in rows:
        day = VALID.get(row["date"], "")
        expected[day] = expected.get(day, 0) + 1
    assert {day: item.rows for day, item in days.items()} == expected
    assert days == counted([batch(rows)])
    for item in days.values():
        assert all(item.count(name) == item.rows for name in profile.SIZES if name != features.VOCABULARY)
    assert profile.add(days.values()).count("vocabulary") == sum(len(row["vocabulary"]) for row in rows)


@settings(max_examples=60)
@given(st.lists(ROWS, min_size=1, max_size=10))
def test_days_come_back_from_json(rows: list[dict[str, Any]]) -> None:
    days = counted([batch(rows)])
    assert profile.from_json(profile.to_json(days)) == days


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("words", 0, "0"),
        ("words", 1, "1"),
        ("words", 24, "24 to 31"),
        ("words", 31, "24 to 31"),
        ("words", 9999, "4096 or more"),
        ("unknown_share", 0.0, "none"),
        ("unknown_share", 0.005, "up to 1%"),
        ("unknown_share", 1.0, "80% or more"),
    ],
)
def test_a_value_is_in_the_expected_class(name: str, value: float, expected: str) -> None:
    row = {"date": b"2026-11-05", "sentiment": b"negative", "words": 1, "characters": 1, "tags": 0}
    days = counted([batch([{**row, "unknown_share": 0.0, "vocabulary": [], name: value}])])
    place = days["2026-11-05"].counts[name].index(1)
    assert profile.class_name(name, place) == expected


def sample(weights: Sequence[float], count: int, name: str, seed: int = 0) -> Profile:
    """A set of reviews that has one feature."""
    chances = np.array(weights) / sum(weights)
    places = np.random.default_rng(seed).choice(len(weights), size=count, p=chances)
    counts = np.bincount(places, minlength=profile.SIZES[name])
    return replace(EMPTY, rows=count, counts={**EMPTY.counts, name: tuple(map(int, counts))})


def exact(shares: Sequence[float], other: Sequence[float]) -> float:
    """Jensen-Shannon divergence in bits, by its definition."""

    def kl(p: Sequence[float], q: Sequence[float]) -> float:
        return sum(a * math.log2(a / b) for a, b in zip(p, q, strict=True) if a)

    middle = [(a + b) / 2 for a, b in zip(shares, other, strict=True)]
    return (kl(shares, middle) + kl(other, middle)) / 2


@settings(max_examples=40)
@given(st.sampled_from(list(profile.SIZES)), st.integers(0, 99), st.integers(1, 300), st.integers(1, 300))
def test_the_distance_is_jensen_shannons(name: str, seed: int, n: int, m: int) -> None:
    weights = list(np.random.default_rng(seed).random(profile.SIZES[name]))
    new, old = sample(weights, n, name, seed), sample(weights[::-1], m, name, seed + 1)
    (found,) = distance.compare(new, old, Distances())
    assert found.value == pytest.approx(exact(new.shares(name), old.shares(name)), abs=1e-5)


def test_sets_with_nothing_in_common_are_one_apart_and_equal_ones_nothing() -> None:
    new, old = sample([1, 0, 0], 70, "sentiment"), sample([0, 1, 0], 70, "sentiment")
    assert [item.value for item in distance.compare(new, old, Distances())] == pytest.approx([1.0])
    assert [item.value for item in distance.compare(new, new, Distances())] == pytest.approx([0.0])


def test_a_feature_that_a_set_lacks_is_not_compared() -> None:
    assert distance.compare(EMPTY, sample([1, 0, 0], 70, "sentiment"), Distances()) == []


@pytest.mark.parametrize("name", ["sentiment", "words", "vocabulary"])
@pytest.mark.parametrize(("n", "m"), [(70, 70), (1000, 70), (5000, 5000)])
def test_chance_alone_seldom_passes_its_bound(name: str, n: int, m: int) -> None:
    if name == features.VOCABULARY:
        n, m = 20 * n, 20 * m  # a review has many words
    weights = [1 / (1 + place) for place in range(profile.SIZES[name])]
    strict = Distances(**dict.fromkeys(profile.SIZES, 0.0))
    pairs = [(sample(weights, n, name, seed), sample(weights, m, name, seed + 1000)) for seed in range(200)]
    found = [item for new, old in pairs for item in distance.compare(new, old, strict)]
    assert len(found) == 200
    assert sum(item.is_too_great for item in found) <= 3, "of 1,000 about one"
    assert max(item.value / item.limit for item in found) > 0.5, "the bound is no larger than it has to be"


def test_more_reviews_make_a_sharper_limit() -> None:
    weights = [1.0] * 256
    limits = [
        distance.chance(sample(weights, n, "vocabulary"), sample(weights, n, "vocabulary", 1), "vocabulary")
        for n in (100, 1000, 10_000)
    ]
    assert limits == sorted(limits, reverse=True)


def test_a_single_long_review_changes_next_to_nothing() -> None:
    words = sample([0, 0, 0, 0, 0, 1, 1, 1], 70, "words")
    counts = list(words.counts["words"])
    counts[-1] = 1  # of more than 4,000 words
    longer = replace(words, rows=71, counts={**words.counts, "words": tuple(counts)})
    (found,) = distance.compare(longer, words, Distances())
    assert found.value < 0.02
