"""Rows go through the encoder in passes of like length, each of them once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.engines.passes import (
    LENGTH_STEP,
    MOST_TOKENS,
    MOST_TOKENS_WITH_AMX,
    PASS_TOKENS,
    Array,
    passes,
    rows_of_pass,
)

TOKENS = 512
LENGTHS = st.lists(st.integers(0, TOKENS), max_size=60)


def ids_of(lengths: list[int], tokens: int = TOKENS) -> Array:
    """Rows of ones, with padding at their ends."""
    return (np.arange(tokens)[np.newaxis] < np.array(lengths, int)[:, np.newaxis]).astype(np.int32)


@given(LENGTHS)
def test_each_row_is_in_one_pass_with_all_its_tokens(lengths: list[int]) -> None:
    cut = list(passes(ids_of(lengths)))
    assert sorted(row for each in cut for row in each.rows.tolist()) == list(range(len(lengths)))
    assert all(lengths[row] <= each.tokens for each in cut for row in each.rows)


@given(LENGTHS)
def test_a_pass_has_no_more_padding_than_another_pass_would_cost(lengths: list[int]) -> None:
    for each in passes(ids_of(lengths)):
        counted = [max(lengths[row], 0) for row in each.rows]
        longest = max(1, *counted) if len(counted) > 1 else max(1, counted[0])
        assert len(counted) == 1 or longest * len(counted) - sum(counted) <= PASS_TOKENS
        assert len(counted) == 1 or each.tokens * len(counted) <= MOST_TOKENS


@given(LENGTHS)
def test_longest_rows_come_first(lengths: list[int]) -> None:
    in_order = [lengths[row] for each in passes(ids_of(lengths)) for row in each.rows]
    assert in_order == sorted(lengths, reverse=True)


@pytest.mark.parametrize(("length", "tokens"), [(0, 16), (1, 16), (16, 16), (17, 32), (500, 512), (512, 512)])
def test_lengths_are_rounded_up_so_that_shapes_are_few(length: int, tokens: int) -> None:
    assert [each.tokens for each in passes(ids_of([length]))] == [tokens]
    assert tokens % LENGTH_STEP == 0


def test_no_pass_is_longer_than_the_rows_are_wide() -> None:
    assert [each.tokens for each in passes(ids_of([20], tokens=20))] == [20]


def test_without_rows_there_are_no_passes() -> None:
    assert list(passes(ids_of([]))) == []


@given(st.lists(st.integers(0, TOKENS), min_size=1, max_size=60).map(lambda lengths: sorted(lengths, reverse=True)))
def test_a_pass_ends_before_the_first_row_that_does_not_fit(lengths: list[int]) -> None:
    taken = rows_of_pass(np.array(lengths))
    assert 1 <= taken <= len(lengths)
    if taken < len(lengths):
        longest = max(1, lengths[0])
        padding = longest * (taken + 1) - sum(lengths[: taken + 1])
        rounded = -(-longest // LENGTH_STEP) * LENGTH_STEP
        assert padding > PASS_TOKENS or rounded * (taken + 1) > MOST_TOKENS


@pytest.mark.parametrize("most", [MOST_TOKENS, MOST_TOKENS_WITH_AMX])
def test_many_empty_rows_are_no_longer_pass_than_others(most: int) -> None:
    cut = list(passes(ids_of([2] * 1000), most))
    assert max(len(each.rows) * each.tokens for each in cut) == most
