import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.promotion.exceptions import VersionsExhaustedError
from tfx_modules.promotion.versions import MOST_PER_DAY, data_date, next_version, version_number

NOVEMBER_5 = dt.date(2026, 11, 5)
days = st.dates(min_value=dt.date(1000, 1, 1))
sequences = st.integers(1, MOST_PER_DAY)


def test_the_number_is_the_data_date_and_a_sequence() -> None:
    assert version_number(NOVEMBER_5, 1) == 2026110501


@given(days, sequences)
def test_the_number_tells_the_data_date(day: dt.date, sequence: int) -> None:
    assert data_date(version_number(day, sequence)) == day


@given(days, sequences, days, sequences)
def test_the_largest_number_is_the_newest_data_s(one: dt.date, first: int, other: dt.date, second: int) -> None:
    assert (version_number(one, first) < version_number(other, second)) == ((one, first) < (other, second))


@pytest.mark.parametrize("version", [0, 1, 1764000000, 2026110500, 2026023101, 2**63 - 1])
def test_other_numbers_have_no_data_date(version: int) -> None:
    assert data_date(version) is None


@given(days, st.frozensets(st.integers(1, 98)), st.frozensets(st.integers(0, 2**63 - 1)))
def test_the_next_number_is_above_all_of_its_date(day: dt.date, used: frozenset[int], others: frozenset[int]) -> None:
    others = frozenset(item for item in others if data_date(item) != day)
    made = next_version(day, {version_number(day, item) for item in used} | others)

    assert made == version_number(day, max(used, default=0) + 1)


def test_a_date_has_99_versions() -> None:
    with pytest.raises(VersionsExhaustedError, match=r"version 100 of data date 2026-11-05 .* allowed: 1 to 99"):
        next_version(NOVEMBER_5, [2026110599])
