"""The gate of a multilabel task: no model that says nothing passes, and no label gets worse unseen."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binomtest
from tensorflow_model_analysis.metrics.metric_types import StandardMetricInputs

from tfx_modules.data.review_set import ReviewSet, answers, review_set
from tfx_modules.evaluation import floors
from tfx_modules.evaluation.eval_config import eval_config
from tfx_modules.evaluation.exact_match import ExactMatchOfLabels
from tfx_modules.evaluation.label_comparison import compare_labels, holm
from tfx_modules.evaluation.mcnemar import Difference, Scores, compare
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.task import TaskKind, TaskSettings

TICKETS = TaskSettings(kind=TaskKind.MULTILABEL, labels=("billing", "fault", "order"))
LOWEST = GateSettings(accuracy_floor=0, slice_floor=0)
SETS = [(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 1, 0)]


def reviews(rows: Sequence[tuple[int, ...]]) -> ReviewSet:
    return review_set("own-v1", [(f"ticket {n}", row) for n, row in enumerate(rows)], "digest", TICKETS)


def scores(found: ReviewSet, values: Any) -> Scores:
    return Scores(found.name, found.labels, np.asarray(values, np.float32))


def broken(found: ReviewSet, values: Any, gate: GateSettings = GateSettings()) -> list[str]:  # noqa: B008 (frozen)
    return list(floors.broken_floors(floors.measure(found, scores(found, values)), gate))


def sure(labels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.where(labels, 0.9, 0.1).astype(np.float32)


def test_a_good_model_breaks_no_floor_and_has_right_what_has_all_labels_right() -> None:
    found = reviews(SETS * 20)
    values = sure(found.labels)
    values[:4, 0] = 1 - values[:4, 0]
    assert broken(found, values) == []
    made = scores(found, values)
    assert (made.accuracy, made.measure) == (0.95, "exact match")
    assert answers(values, sets=True).shape == (80, 3)


def test_a_text_has_a_label_from_the_task_s_threshold_on_and_each_model_answers_by_its_own() -> None:
    """What a model gives 0.3 is a label at 0.3, and none at 0.5; the champion is right by what it was served with."""
    lower = replace(TICKETS, threshold=0.3)
    rows = SETS * 20
    found = review_set("own-v1", [(f"ticket {n}", row) for n, row in enumerate(rows)], "digest", lower)
    values = np.where(found.labels, 0.3, 0.2).astype(np.float32)
    ours = Scores(found.name, found.labels, values, lower.threshold)
    theirs = Scores(found.name, found.labels, values, TICKETS.threshold)
    assert (ours.accuracy, theirs.accuracy) == (1.0, 0.25), "one of four texts has no label"
    assert list(floors.broken_floors(floors.measure(found, ours), GateSettings())) == []
    assert compare(ours, theirs).difference(0.05) is Difference.BETTER
    billing, fault, order = compare_labels(ours, theirs, lower.classes)
    assert [one.made.only_candidate for one in (billing, fault, order)] == [40, 40, 20]


def test_the_evaluator_counts_by_the_task_s_threshold_as_the_model_does() -> None:
    lower = replace(TICKETS, threshold=0.3)
    config = eval_config(GateSettings(), lower)
    by_name = {
        one.class_name: json.loads(one.config) for spec in config.metrics_specs for one in spec.metrics if one.config
    }
    assert by_name["ExactMatchOfLabels"] == {"threshold": 0.3}
    assert by_name["Precision"] == by_name["Recall"] == by_name["F1Score"] == {"thresholds": [0.3]}
    (computation,) = ExactMatchOfLabels(**by_name["ExactMatchOfLabels"]).computations()
    combiner = computation.combiner
    counted = combiner.create_accumulator()
    for scores_of_one in ([0.3, 0.1, 0.9], [0.29, 0.1, 0.9]):
        extracts = {"labels": [1, 0, 1], "predictions": np.array(scores_of_one, np.float32), "example_weights": [1.0]}
        found = StandardMetricInputs({name: np.array(value) for name, value in extracts.items()})
        counted = combiner.add_input(counted, found)
    assert list(combiner.extract_output(counted).values()) == [0.5]


def test_slices_by_label_overlap_and_those_of_the_text_do_not() -> None:
    sizes = {name: int(rows.sum()) for name, rows in reviews(SETS * 20).slices().items()}
    assert sizes == {
        "label=billing": 40,
        "label=fault": 40,
        "label=order": 20,
        "length=short": 80,
        "question=no": 80,
    }


@given(
    st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=2, max_size=40),
    st.tuples(*[st.floats(0, 1, width=32)] * 3),
    st.booleans(),
    st.floats(0, 1),
)
def test_a_model_that_always_answers_the_same_never_passes(
    rows: list[tuple[int, ...]], always: tuple[float, ...], beat: bool, floor: float
) -> None:
    found = reviews(rows)
    assert broken(found, [always] * len(rows), replace(LOWEST, beat_majority=beat, recall_floor=floor))


def test_a_constant_model_is_told_by_each_rule() -> None:
    lines = broken(reviews([(0, 0, 0)] * 17 + SETS[1:]), [(0.1, 0.2, 0.3)] * 20)
    assert lines[:4] == [
        "exact match 0.850 = 0.850 of always answering no label, on own-v1",
        "recall of billing 0.000 < 0.500, the floor of each label, on own-v1 (2 reviews; gate.recall_floor)",
        "recall of fault 0.000 < 0.500, the floor of each label, on own-v1 (2 reviews; gate.recall_floor)",
        "recall of order 0.000 < 0.500, the floor of each label, on own-v1 (1 reviews; gate.recall_floor)",
    ]
    assert [line.startswith(f"AUC of {label} 0.500") for line, label in zip(lines[4:], TICKETS.labels, strict=True)]
    everything = broken(reviews(SETS * 5), [(0.9, 0.9, 0.9)] * 20)
    assert "recall of reviews without order 0.000 < 0.500, the floor of each label, on own-v1 (15 reviews; " in (
        "".join(everything)
    )


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([(0, 1, 0), (1, 0, 0)], "no review of own-v1 has the label order, so it cannot tell whether"),
        ([(1, 1, 0), (1, 0, 1)], "no review of own-v1 lacks the label billing, so it cannot tell whether"),
    ],
)
def test_a_set_without_a_label_or_with_nothing_else_cannot_tell(rows: list[tuple[int, ...]], line: str) -> None:
    found = reviews(rows * 20)
    assert broken(found, sure(found.labels))[0].startswith(line)


def test_holm_adjusts_as_published() -> None:
    # The example of R's documentation of p.adjust has these, rounded.
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.03, 0.005]) == pytest.approx([0.03, 0.01])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_adjusted_values_keep_their_order_and_are_between_the_plain_ones_and_bonferroni_s(values: list[float]) -> None:
    found = holm(values)
    for plain, adjusted in zip(values, found, strict=True):
        assert plain <= adjusted <= min(1.0, plain * len(values))
    order = np.argsort(values, kind="stable")
    assert np.all(np.diff(np.array(found)[order]) >= 0)


def test_a_label_that_got_worse_is_found_though_the_exact_match_hides_it() -> None:
    """Ten reviews lose a label that others gain: all in all as many are right."""
    found = reviews(SETS * 25)
    ours, theirs = sure(found.labels), sure(found.labels)
    ours[:12, 0] = 1 - ours[:12, 0]
    theirs[50:62, 1] = 1 - theirs[50:62, 1]
    candidate, champion = scores(found, ours), scores(found, theirs)
    assert compare(candidate, champion).difference(0.05) is Difference.NONE
    billing, fault, order = compare_labels(candidate, champion, TICKETS.classes)
    assert [one.difference(0.05) for one in (billing, fault, order)] == [
        Difference.WORSE,
        Difference.BETTER,
        Difference.NONE,
    ]
    assert billing.describe(7) == (
        "accuracy on the label billing 0.880 < 1.000 of 7 on own-v1, p = 0.0015 (Holm, of 3 labels)"
    )
    assert billing.p == pytest.approx(3 * binomtest(0, 12).pvalue)


def test_one_of_twenty_labels_looks_worse_by_chance_and_does_not_count() -> None:
    task = TaskSettings(kind=TaskKind.MULTILABEL, labels=tuple(f"l{n}" for n in range(20)))
    found = review_set("own-v1", [(f"t{n}", tuple(int(n % 20 != m) for m in range(20))) for n in range(60)], "", task)
    ours = sure(found.labels)
    ours[:6, 0] = 1 - ours[:6, 0]
    first, *_ = compare_labels(scores(found, ours), scores(found, sure(found.labels)), task.classes)
    assert binomtest(0, 6).pvalue < 0.05
    assert first.difference(0.05) is Difference.NONE


@given(st.data())
def test_models_of_sets_are_compared_text_by_text(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=1, max_size=20))
    assume(rows)
    found = reviews(rows)
    ours, theirs = (
        np.array(
            data.draw(
                st.lists(st.tuples(*[st.sampled_from([0.1, 0.5, 0.9])] * 3), min_size=len(rows), max_size=len(rows))
            )
        )
        for _ in range(2)
    )
    made = compare(scores(found, ours), scores(found, theirs))
    right = [tuple(int(value >= 0.5) for value in values) == row for values, row in zip(ours, rows, strict=True)]
    assert made.both + made.only_candidate == sum(right)
    assert made.describe(7, 0.05).startswith("exact match ")
