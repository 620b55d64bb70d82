"""Whether a candidate is better than the champion, worse, or no different: what holds for any two models."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.evaluation.mcnemar import Difference, ModelComparison, Scores, compare

CHAMPION = 2026110301
LEVEL = 0.05
OPPOSITE = {
    Difference.BETTER: Difference.WORSE,
    Difference.WORSE: Difference.BETTER,
    Difference.NONE: Difference.NONE,
}

Rows = list[tuple[bool, float, float]]
"""By review: its label, the candidate's score, the champion's."""

rows = st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60)
levels = st.floats(0.001, 0.5)
counts = st.integers(0, 300)
comparisons = st.builds(
    ModelComparison,
    reviews=st.just("sample-v1"),
    both=st.integers(1, 300),
    only_candidate=counts,
    only_champion=counts,
    neither=counts,
)


def scores(labels: Sequence[bool], given_scores: Sequence[float], reviews: str = "sample-v1") -> Scores:
    return Scores(reviews, np.array(labels, bool), np.array(given_scores, float))


def compared(found: Rows) -> ModelComparison:
    labels, ours, theirs = zip(*found, strict=True)
    return compare(scores(labels, ours), scores(labels, theirs))


def counted(both: int, only_candidate: int, only_champion: int, neither: int) -> ModelComparison:
    return ModelComparison("sample-v1", both, only_candidate, only_champion, neither)


def swapped(made: ModelComparison) -> ModelComparison:
    return counted(made.both, made.only_champion, made.only_candidate, made.neither)


def test_each_review_is_counted_by_who_has_it_right() -> None:
    found = compared([(True, 0.9, 0.9), (True, 0.9, 0.1), (False, 0.9, 0.1), (False, 0.8, 0.7), (True, 0.5, 0.49)])
    assert (found.both, found.only_candidate, found.only_champion, found.neither) == (1, 2, 1, 1)
    assert (found.accuracy, found.champion_accuracy) == (0.6, 0.4)


@given(rows)
def test_the_four_counts_and_the_accuracies_are_those_of_the_reviews(found: Rows) -> None:
    made = compared(found)
    assert made.count == len(found)
    assert made.accuracy == pytest.approx(np.mean([(ours >= 0.5) == label for label, ours, _ in found]))
    assert made.champion_accuracy == pytest.approx(np.mean([(theirs >= 0.5) == label for label, _, theirs in found]))


@given(comparisons)
def test_p_is_a_probability_and_never_nought(made: ModelComparison) -> None:
    assert 0 < made.p <= 1


@given(comparisons, levels)
def test_with_the_models_swapped_it_says_the_opposite(made: ModelComparison, level: float) -> None:
    assert swapped(made).p == pytest.approx(made.p)
    assert swapped(made).difference(level) is OPPOSITE[made.difference(level)]


@given(rows.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_of_the_reviews_does_not_matter(orders: tuple[Rows, Rows]) -> None:
    assert compared(orders[0]) == compared(orders[1])


@given(rows, levels)
def test_a_model_is_no_different_from_itself(found: Rows, level: float) -> None:
    made = compared([(label, ours, ours) for label, ours, _ in found])
    assert (made.p, made.difference(level)) == (1, Difference.NONE)


@given(comparisons, counts, counts)
def test_reviews_that_both_have_right_or_both_wrong_say_nothing(made: ModelComparison, both: int, neither: int) -> None:
    more = counted(made.both + both, made.only_candidate, made.only_champion, made.neither + neither)
    assert more.p == made.p


@given(comparisons, levels)
def test_one_more_review_for_the_candidate_never_makes_it_look_worse(made: ModelComparison, level: float) -> None:
    order = [Difference.WORSE, Difference.NONE, Difference.BETTER]
    more = counted(made.both, made.only_candidate + 1, made.only_champion, made.neither)
    assert order.index(more.difference(level)) >= order.index(made.difference(level))


@given(comparisons, levels, levels)
def test_a_difference_at_a_strict_level_is_one_at_a_lax_level(made: ModelComparison, one: float, other: float) -> None:
    strict, lax = sorted((one, other))
    assert made.difference(strict) in (Difference.NONE, made.difference(lax))


@given(comparisons, levels)
def test_a_difference_has_the_accuracies_direction(made: ModelComparison, level: float) -> None:
    found = made.difference(level)
    assert found is not Difference.BETTER or made.accuracy > made.champion_accuracy
    assert found is not Difference.WORSE or made.accuracy < made.champion_accuracy


@pytest.mark.parametrize(
    ("only_candidate", "only_champion", "p"),
    # Two tails of Binomial(n, 1/2), by hand: 2 (1) / 2^5, 2 (1 + 10) / 2^10, all of it.
    [(5, 0, 2 / 32), (1, 9, 22 / 1024), (7, 7, 1), (0, 0, 1)],
)
def test_p_is_that_of_the_exact_test(only_candidate: int, only_champion: int, p: float) -> None:
    assert counted(10, only_candidate, only_champion, 3).p == pytest.approx(p)


def test_equal_models_differ_no_more_often_than_the_level_allows() -> None:
    """Among all ways in which 12 discordant reviews can fall, each as likely as another."""
    splits = np.array([bin(way).count("1") for way in range(1 << 12)])
    differ = [counted(50, int(n), 12 - int(n), 0).difference(LEVEL) is not Difference.NONE for n in range(13)]
    assert 0.01 < np.mean(np.array(differ)[splits]) <= LEVEL


@pytest.mark.parametrize(
    ("counts_", "line"),
    [
        ((300, 10, 30, 60), "accuracy 0.775 < 0.825 of 2026110301 on sample-v1, p = 0.0022"),
        ((300, 40, 10, 50), "accuracy 0.850 > 0.775 of 2026110301 on sample-v1, p < 0.001"),
        ((350, 15, 12, 23), "accuracy 0.912 vs 0.905 of 2026110301 on sample-v1, no difference (p = 0.7)"),
        ((300, 0, 0, 100), "accuracy 0.750 vs 0.750 of 2026110301 on sample-v1, no difference (p = 1)"),
        ((299_000, 140, 240, 620), "accuracy 0.9971 < 0.9975 of 2026110301 on sample-v1, p < 0.001"),
    ],
)
def test_a_comparison_is_one_line_with_numbers(counts_: tuple[int, int, int, int], line: str) -> None:
    assert counted(*counts_).describe(CHAMPION, LEVEL) == line


def test_scores_of_different_reviews_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"scores of sample-v1 \(2 reviews\) and sample-v2 \(2\); allowed: two of the"):
        compare(scores([True, False], [0.5, 0.5]), scores([True, False], [0.5, 0.5], "sample-v2"))
    with pytest.raises(ValueError, match="allowed: two of the same reviews"):
        compare(scores([True, False], [0.5, 0.5]), scores([True, True], [0.5, 0.5]))


@pytest.mark.parametrize(("labels", "found"), [([], []), ([True], [0.5, 0.5]), ([True, False], [0.5])])
def test_there_is_a_score_for_each_label(labels: list[bool], found: list[float]) -> None:
    with pytest.raises(ValueError, match="as many of each, one at least"):
        scores(labels, found)
