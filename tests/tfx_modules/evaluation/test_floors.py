"""A model whose answers say nothing never passes, however high its accuracy is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, roc_auc_score

from tfx_modules.data.review_set import ReviewSet, review_set
from tfx_modules.evaluation import floors
from tfx_modules.evaluation.mcnemar import Scores
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.task import TaskKind, TaskSettings

GATE = GateSettings()


def mixed(negative: int, positive: int) -> ReviewSet:
    rows = [(f"film {n}", n >= negative) for n in range(negative + positive)]
    return review_set("the eval split", rows, "digest")


def broken(reviews: ReviewSet, values: list[float], gate: GateSettings = GATE) -> list[str]:
    scores = Scores(reviews.name, reviews.labels, np.array(values, np.float32))
    return list(floors.broken_floors(floors.measure(reviews, scores), gate))


def test_a_good_model_breaks_no_floor() -> None:
    assert broken(mixed(50, 50), [0.2] * 48 + [0.6] * 4 + [0.9] * 48) == []


def test_reviews_of_one_class_cannot_tell_whether_a_model_is_good() -> None:
    (line,) = broken(mixed(0, 40), [0.9] * 40)
    assert line.startswith("all 40 reviews of the eval split are positive, so they cannot tell whether a model is good")


@pytest.mark.parametrize("value", [0.5, 0.9, 1.0])
def test_a_model_that_always_answers_the_frequent_class_is_found_by_three_rules(value: float) -> None:
    assert broken(mixed(10, 90), [value] * 100) == [
        "accuracy 0.900 = 0.900 of always answering positive, on the eval split",
        "recall of negative 0.000 < 0.500, the floor of each class, on the eval split (10 reviews; gate.recall_floor)",
        "AUC 0.500 on the eval split is not above 0.5 by more than chance (p = 1)",
    ]


def test_the_recall_of_a_class_has_a_floor_however_few_reviews_it_has() -> None:
    reviews, scores = mixed(5, 95), [0.6, 0.6, 0.6, 0.1, 0.1, *[0.9] * 95]
    (line,) = broken(reviews, scores)
    assert line.startswith("recall of negative 0.400 < 0.500, the floor of each class")
    assert broken(reviews, scores, replace(GATE, recall_floor=0.4)) == []


def test_the_rule_of_the_majority_can_be_switched_off_for_rare_classes() -> None:
    reviews, scores = mixed(5, 95), [0.1] * 4 + [0.9] + [0.1] * 5 + [0.9] * 90
    assert broken(reviews, scores) == ["accuracy 0.940 < 0.950 of always answering positive, on the eval split"]
    assert broken(reviews, scores, replace(GATE, beat_majority=False)) == []


def test_no_setting_lets_scores_pass_that_say_nothing() -> None:
    lowest = GateSettings(accuracy_floor=0, recall_floor=0, slice_floor=0, beat_majority=False)
    assert broken(mixed(50, 50), [0.4, 0.6] * 50, lowest) == [
        "AUC 0.500 on the eval split is not above 0.5 by more than chance (p = 0.5)"
    ]
    assert broken(mixed(50, 50), [0.9] * 50 + [0.1] * 50, lowest) == [
        "AUC 0.000 on the eval split is not above 0.5 by more than chance (p = 1)"
    ]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.4, 0.5, 0.6, 0.9])), min_size=2, max_size=60))
def test_the_auc_is_that_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    labels, values = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], np.float32)
    found = floors.auc(values, labels)
    if labels.all() or not labels.any():
        assert found is None
    else:
        assert found is not None
        assert found.value == pytest.approx(roc_auc_score(labels, values))
        assert 0 <= found.p <= 1


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1, width=32))
def test_a_constant_model_never_passes(negative: int, positive: int, value: float) -> None:
    assert broken(mixed(negative, positive), [value] * (negative + positive), GateSettings(accuracy_floor=0))


TICKETS = TaskSettings(kind=TaskKind.MULTICLASS, labels=("billing", "fault", "order", "other"))


def tickets(*counts: int) -> ReviewSet:
    """So many reviews of each class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return review_set("own-v1", [(f"ticket {n}", int(label)) for n, label in enumerate(labels)], "digest", TICKETS)


def probabilities(answers: list[int], sure: float = 0.7) -> list[list[float]]:
    return [[sure if n == answer else (1 - sure) / 3 for n in range(4)] for answer in answers]


def broken_of_four(reviews: ReviewSet, values: list[list[float]], gate: GateSettings = GATE) -> list[str]:
    scores = Scores(reviews.name, reviews.labels, np.array(values, np.float32))
    return list(floors.broken_floors(floors.measure(reviews, scores), gate))


def test_a_good_model_of_four_classes_breaks_no_floor() -> None:
    answers = [0] * 20 + [1] * 18 + [2, 2] + [2] * 20 + [3] * 20
    assert broken_of_four(tickets(20, 20, 20, 20), probabilities(answers)) == []


def test_each_of_four_classes_has_a_recall_floor() -> None:
    answers = [0] * 30 + [1] * 30 + [2] * 30 + [2] * 4 + [3] * 2
    (line,) = broken_of_four(tickets(30, 30, 30, 6), probabilities(answers))
    assert line == ("recall of other 0.333 < 0.500, the floor of each class, on own-v1 (6 reviews; gate.recall_floor)")


@given(st.integers(0, 3), st.floats(0.25, 1, width=32), st.tuples(*[st.integers(1, 30)] * 4))
def test_a_constant_model_of_four_classes_never_passes(
    answer: int, sure: float, counts: tuple[int, int, int, int]
) -> None:
    reviews = tickets(*counts)
    values = probabilities([answer] * sum(counts), sure)
    lowest = GateSettings(accuracy_floor=0, recall_floor=0, slice_floor=0, beat_majority=False)
    assert broken_of_four(reviews, values, lowest), "the AUC of a class"
    assert any("of always answering" in line for line in broken_of_four(reviews, values))


def test_a_class_without_reviews_cannot_be_judged() -> None:
    (line,) = broken_of_four(tickets(10, 10, 0, 10), probabilities([0] * 10 + [1] * 10 + [3] * 10))
    assert line == (
        "no review of own-v1 is order, so it cannot tell whether a model is good; reviews of all classes are needed"
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_the_confusion_matrix_is_that_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    labels, answers = [row[0] for row in rows], [row[1] for row in rows]
    reviews = review_set("any", [("so", label) for label in labels], "digest", TICKETS)
    scores = Scores("any", reviews.labels, np.array(probabilities(answers), np.float32))
    found = floors.measure(reviews, scores).confusion()
    np.testing.assert_array_equal(found, confusion_matrix(labels, answers, labels=range(4)))
    assert scores.accuracy == pytest.approx(np.trace(found) / len(rows))
