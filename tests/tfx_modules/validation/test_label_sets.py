"""Days of a multilabel task: each label is counted, compared and asked for by itself."""

from typing import Any

import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from tests.tfx_modules.validation.test_profiles import batch
from tfx_modules.components.example_gen import to_example
from tfx_modules.components.schema_gen import tighten
from tfx_modules.data import features
from tfx_modules.data.text_statistics import Measures
from tfx_modules.settings.labels import set_text
from tfx_modules.settings.settings import DRIFT, Distances, ValidationSettings
from tfx_modules.settings.task import TaskKind, TaskSettings
from tfx_modules.validation import comparison, counting, distance, profile, verdict
from tfx_modules.validation.profile import Days, Profile

TICKETS = TaskSettings(kind=TaskKind.MULTILABEL, labels=("billing", "fault", "order"))
DAY, BEFORE = "2026-11-05", "2026-11-04"


def row(labels: list[bytes], day: str = DAY) -> dict[str, Any]:
    measures = {"words": 3, "characters": 9, "tags": 0, "unknown_share": 0.0, "vocabulary": [1]}
    return {"date": day.encode(), "sentiment": labels or None, **measures}


def counted(batches: list[pa.RecordBatch]) -> Days:
    combiner = counting.CountDays(TICKETS)
    return combiner.extract_output(combiner.merge_accumulators([combiner.add_input({}, one) for one in batches]))


@settings(max_examples=50)
@given(
    st.lists(
        st.lists(st.sampled_from([b"billing", b"fault", b"order", b"other"]), unique=True), min_size=1, max_size=30
    )
)
def test_a_review_counts_for_each_of_its_labels_and_without_a_known_one_for_none(found: list[list[bytes]]) -> None:
    days = counted([batch([row(labels)]) for labels in found])
    assert days == counted([batch([row(labels) for labels in found])])
    names = [label.encode() for label in TICKETS.labels]
    expected = [sum(name in labels for labels in found) for name in names]
    expected.append(sum(not set(labels) & set(names) for labels in found))
    assert list(days[DAY].counts[features.SENTIMENT]) == expected
    assert days[DAY].shares(features.SENTIMENT) == [count / len(found) for count in expected]
    assert profile.from_json(profile.to_json(days)) == days


def test_the_file_of_days_of_one_label_says_nothing_of_sets() -> None:
    assert "has_sets" not in profile.to_json({DAY: profile.EMPTY})
    assert "has_sets" in profile.to_json(counted([batch([row([b"fault"])])]))


def of(billing: int, fault: int, order: int, none: int, rows: int = 400) -> Profile:
    filled = profile.empty(TICKETS.classes)
    counts = {**filled.counts, features.SENTIMENT: (billing, fault, order, none)}
    return Profile(rows, counts, TICKETS.classes, has_sets=True)


def test_drift_is_found_label_by_label() -> None:
    """Twice as many labels of each kind have the same shares of one another; of the reviews they have not."""
    newer, older = of(200, 200, 360, 40), of(100, 200, 180, 40)
    found = {one.name: one for one in distance.compare(newer, older, Distances())}
    assert list(found) == ["sentiment billing", "sentiment fault", "sentiment order", "sentiment none"]
    assert [one.is_too_great for one in found.values()] == [False, False, True, False]
    compared = comparison.drift({BEFORE: older, DAY: newer}, DAY, ValidationSettings())
    assert compared
    (finding,) = verdict.judge([], [compared], ValidationSettings()).findings
    assert finding.anomaly.kind == DRIFT
    assert "sentiment order drifted" in finding.anomaly.text
    assert "order: 90% against 45%" in finding.anomaly.text


def test_sets_are_not_compared_with_single_labels() -> None:
    single = Profile(400, of(100, 100, 100, 100).counts, TICKETS.classes)
    assert [one for one in distance.compare(of(1, 2, 3, 4), single, Distances()) if one.feature == "sentiment"] == []


def test_a_window_needs_reviews_with_each_label_and_without() -> None:
    found = [one.text for one in verdict.rare_classes(of(0, 19, 390, 5), ValidationSettings())]
    needed = "20 or more are needed (validation.minimum_class_rows)"
    assert found == [
        f"0 of 400 reviews in the window have the label billing; {needed}",
        f"19 of 400 reviews in the window have the label fault; {needed}",
        f"10 of 400 reviews in the window do not have the label order; {needed}",
    ]


def example(sentiment: str) -> tf.train.Example:
    measures = Measures(words=2, characters=9, tags=0, unknown_share=0.0, vocabulary=())
    return to_example({"id": "a", "date": DAY, "review": "Late.", "sentiment": sentiment}, measures, TICKETS)


@pytest.mark.parametrize(
    ("sentiment", "words", "numbers"),
    [
        (set_text(["billing", "order"]), [b"billing", b"order"], [1, 0, 1]),
        (set_text([]), [], [0, 0, 0]),
        (set_text(["billing", "refund"]), [b"billing", b"refund"], []),
        ("billing", [b"billing"], []),
        ("[[1]]", [b"[[1]]"], []),
        ("", [], []),
    ],
)
def test_an_example_has_each_label_in_words_and_a_number_for_each_class(
    sentiment: str, words: list[bytes], numbers: list[int]
) -> None:
    found = example(sentiment).features.feature
    assert list(found[features.SENTIMENT].bytes_list.value) == words
    assert list(found[features.LABEL].int64_list.value) == numbers


def test_the_schema_asks_for_a_number_of_each_class_and_known_labels() -> None:
    by_name = {one.name: one for one in tighten(schema_pb2.Schema(), TICKETS).feature}
    label, sentiment = by_name[features.LABEL], by_name[features.SENTIMENT]
    assert (label.value_count.min, label.value_count.max, label.int_domain.max) == (3, 3, 1)
    assert label.presence.min_fraction == 1
    assert list(sentiment.string_domain.value) == list(TICKETS.labels)
    assert not sentiment.HasField("presence"), "a review without any label is fine"
