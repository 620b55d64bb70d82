"""A day is refused, too, where so many rows with one label cannot be used that it would be learnt from a rest."""

import datetime as dt
import math
import re
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import BadInputError
from airflow_bert_service.feeds import RawRow, screen
from airflow_bert_service.feeds.readers.label_sets import LabelSets
from airflow_bert_service.feeds.readers.screening import Rejected
from airflow_bert_service.ingestion.label_shares import TYPOS, LabelShare, chance_of, too_bad
from airflow_bert_service.ingestion.span_store import Change, SpanStore
from hypothesis import given
from hypothesis import strategies as st

DAY = dt.date(2026, 11, 5)
LABELS = {"billing": "billing", "fault": "fault"}
SHARE = 0.05
Row = tuple[str, object]
"""A text and its label."""


def rows_of(*rows: Row) -> list[RawRow]:
    return [RawRow(n, f"r{n}", text, label, f"row {n}") for n, (text, label) in enumerate(rows, start=1)]


def write(folder: Path, rows: list[RawRow], sets: LabelSets | None = None, share: float = SHARE) -> int:
    """Write a day; return how many of its rows can be used."""
    store = SpanStore(folder, share, ("billing", "fault"), has_sets=sets is not None)
    screened = screen(rows, day=DAY, labels=LABELS, sets=sets)
    return store.write(DAY, screened, source="files").manifest.rows


def texts(count: int, label: object, start: str = "Text") -> list[Row]:
    return [(f"{start} {n}, {label}.", label) for n in range(count)]


def test_a_rare_label_that_is_mostly_lost_refuses_a_day_with_few_bad_rows(tmp_path: Path) -> None:
    rows = rows_of(*texts(200, "billing"), *texts(3, "fault"), *[("", "fault")] * 7)
    with pytest.raises(
        BadInputError,
        match=r"7 of 210 rows cannot be used, a share of 0\.03333, 7 of 10 with the label 'fault'; "
        r"allowed: 0\.05, of each label too, and one usable row at least\. By reason: no_text 7\.",
    ):
        write(tmp_path, rows)
    assert not (tmp_path / str(DAY)).exists()
    assert len((tmp_path / "refused" / f"{DAY}.jsonl").read_text().splitlines()) == 7


def test_a_day_that_was_accepted_with_the_same_rows_stays_so(tmp_path: Path) -> None:
    rows = rows_of(*texts(200, "billing"), *texts(3, "fault"), *[("", "fault")] * 7)
    screened = list(screen(rows, day=DAY, labels=LABELS))
    unlabelled = [one._replace(sentiment="") if isinstance(one, Rejected) else one for one in screened]
    written = SpanStore(tmp_path, SHARE).write(DAY, unlabelled, source="files")  # as by a release before
    assert written.change is Change.NEW
    again = SpanStore(tmp_path, SHARE).write(DAY, screened, source="files")
    assert (again.version, again.change) == (1, Change.UNCHANGED)
    with pytest.raises(BadInputError, match="7 of 11 with the label 'fault'"):
        write(tmp_path, [*rows, RawRow(500, "r500", "One more.", "fault", "row 500")])
    with pytest.raises(BadInputError, match=r"a share of 0\.03333; allowed: 0\.01,"):
        SpanStore(tmp_path, 0.01).write(DAY, screened, source="files")


@pytest.mark.parametrize(("lost", "kept"), [(1, 3), (2, 10), (8, 92)])
def test_what_chance_explains_does_not(tmp_path: Path, lost: int, kept: int) -> None:
    rows = rows_of(*texts(400, "billing"), *texts(kept, "fault"), *[("", "fault")] * lost)
    assert write(tmp_path, rows) == 400 + kept


def test_bad_rows_of_all_labels_alike_are_counted_as_ever(tmp_path: Path) -> None:
    rows = rows_of(*texts(960, "billing"), *texts(96, "fault"), *[("", "billing")] * 40, *[("", "fault")] * 4)
    assert write(tmp_path, rows) == 960 + 96


def test_a_label_that_the_source_calls_otherwise_refuses_the_day(tmp_path: Path) -> None:
    rows = rows_of(*texts(200, "billing"), *texts(6, "falt"), *texts(4, "Falt ", "More"))
    with pytest.raises(
        BadInputError,
        match=r"10 of 210 rows cannot be used, a share of 0\.04762, 10 with the unknown label 'falt', beside 0 "
        r"usable with 'fault'; allowed: 0\.05, of each label too, .* unknown_label 10\. Unknown labels",
    ):
        write(tmp_path / "all", rows)
    with pytest.raises(BadInputError, match="10 with the unknown label 'falt', beside 10 usable with 'fault'"):
        write(tmp_path / "half", [*rows, *renamed(texts(10, "fault", "Old"))])


def renamed(rows: list[Row]) -> list[RawRow]:
    """Rows with ids of their own."""
    return [one._replace(id=f"more-{one.id}") for one in rows_of(*rows)]


@pytest.mark.parametrize("label", ["falt", "", None, "null"])
def test_a_few_typos_and_rows_without_a_label_do_not(tmp_path: Path, label: object) -> None:
    count = 2 if label == "falt" else 9
    rows = rows_of(*texts(200, "billing"), *texts(count, label))
    assert write(tmp_path / "no fault", rows) == 200
    many = rows_of(*texts(2000, "billing"), *texts(1000, "fault"), *texts(9, "falt"))
    assert write(tmp_path / "many", many) == 3000


def test_rows_that_contradict_each_other_count_for_their_labels_and_rows_that_come_twice_do_not(tmp_path: Path) -> None:
    both: list[Row] = [(f"Both {n}.", one) for n in range(8) for one in LABELS]
    rows = rows_of(*texts(400, "billing"), *texts(4, "fault"), *both)
    with pytest.raises(BadInputError, match=r"16 of 420 rows .* 8 of 12 with the label 'fault'; .*contradicting_lab"):
        write(tmp_path / "contradicting", rows)
    # A source that delivers at least once may repeat a batch: nothing is lost.
    few = rows_of(*texts(400, "billing"), *texts(4, "fault"))
    again = [few[-1]._replace(number=500 + n) for n in range(8)]
    assert write(tmp_path / "twice", few + again) == 404


def test_rows_that_have_the_id_of_a_row_with_another_label_are_lost_to_theirs(tmp_path: Path) -> None:
    numbered_per_label = rows_of(*texts(1000, "billing")) + rows_of(*texts(10, "fault"))
    with pytest.raises(BadInputError, match=r"10 of 1010 rows .* 10 of 10 with the label 'fault'; .* duplicate_id 10"):
        write(tmp_path / "numbered", numbered_per_label)
    sets = LabelSets(LABELS, tuple(LABELS), ",")
    few = rows_of(*texts(400, "billing"), *texts(4, "fault, billing"))
    again = [few[-1]._replace(number=500 + n, sentiment=["billing", "fault"]) for n in range(8)]
    assert write(tmp_path / "same set", few + again, sets) == 404
    others = [one._replace(sentiment="fault") for one in again]
    with pytest.raises(BadInputError, match="8 of 12 with the label 'fault'"):
        write(tmp_path / "other set", few + [one._replace(text=f"Other {one.number}.") for one in others], sets)


def test_a_row_with_several_labels_counts_for_each(tmp_path: Path) -> None:
    sets = LabelSets(LABELS, tuple(LABELS), ",")
    lost: list[Row] = [*[("", "billing, fault")] * 6, *[("", "")] * 2]
    rows = rows_of(*texts(300, "billing"), *texts(100, ""), *texts(4, ["fault"]), *lost)
    with pytest.raises(BadInputError, match=r"8 of 412 rows cannot be used, a share of \S+, 6 of 10 with the label 'f"):
        write(tmp_path, rows, sets)


# An unknown label, whatever the day


def refused(usable: dict[str, int], unknown: dict[str, int], share: float = SHARE) -> tuple[LabelShare, ...]:
    return too_bad(usable, {}, unknown, share, labels=tuple(usable), has_sets=False)


DAYS = st.dictionaries(st.sampled_from([f"label {n}" for n in range(30)]), st.integers(0, 100_000), min_size=1)
SHARES = st.floats(0, 1)


@given(DAYS, st.dictionaries(st.text(max_size=3), st.integers(1, TYPOS)), SHARES)
def test_two_typos_pass_on_any_day(usable: dict[str, int], unknown: dict[str, int], share: float) -> None:
    assert refused(usable, unknown, share) == ()


def test_typos_of_a_large_day_pass_beside_a_label_that_has_no_row() -> None:
    usable = {f"label {n}": 5000 for n in range(19)} | {"rare": 0}
    assert refused(usable, {"lable 1": 4, "labl 2": 60}) == ()
    assert [str(one) for one in refused(usable, {"lable 1": 4, "rar": 500})] == [
        "500 with the unknown label 'rar', beside 0 usable with 'rare'"
    ]


@pytest.mark.parametrize(
    ("usable", "count"),
    [
        ({"billing": 120, "fault": 0, "sales": 81}, 9),
        ({"billing": 800, "fault": 0}, 10),
        ({"billing": 98_000, "fault": 0}, 2000),
        ({"billing": 500, "fault": 500}, 500),
    ],
)
def test_a_renamed_label_refuses_the_day(usable: dict[str, int], count: int) -> None:
    assert [one.label for one in refused(usable, {"falt": count})] == ["falt"]


@given(DAYS, st.data(), st.floats(0.001, 0.2))
def test_a_renamed_label_of_ordinary_size_refuses_any_day(
    usable: dict[str, int], data: st.DataObject, share: float
) -> None:
    renamed_label = data.draw(st.sampled_from(sorted(usable)))
    others = sum(usable.values()) - usable[renamed_label]
    # As many rows as the others have on average, and a dozen at least.
    count = max(12, math.ceil(others / max(1, len(usable) - 1)))
    found = refused(usable | {renamed_label: 0}, {"new name": count}, share)
    assert [one.label for one in found] == ["new name"]


@given(DAYS, st.dictionaries(st.text(max_size=3), st.integers(1, 1000)), st.floats(0.001, 1))
def test_the_share_that_is_said_to_be_enough_is(usable: dict[str, int], unknown: dict[str, int], share: float) -> None:
    if found := refused(usable, unknown, share):
        enough = max(one.enough for one in found)
        assert share < enough <= 1
        assert refused(usable, unknown, enough) == ()


@pytest.mark.parametrize(
    "rows", [[*texts(6, "falt"), *texts(20, "fault", "Old")], texts(12, "spam"), [("", "fault")] * 7]
)
def test_the_message_names_what_lets_the_day_pass(tmp_path: Path, rows: list[Row]) -> None:
    day = rows_of(*texts(200, "billing"), *texts(13, "fault"), *rows)
    with pytest.raises(
        BadInputError, match=r"Correct the delivery, or .*raise \[bert_service\] max_bad_share to"
    ) as told:
        write(tmp_path, day, share=0.01)
    offer = re.search(r"max_bad_share to (0\.\d+)\.$", str(told.value))
    assert offer
    assert write(tmp_path, day, share=float(offer[1])) > 200
    assert ("add the unknown label to [bert_service] labels" in str(told.value)) is ("unknown" in str(told.value))


def test_the_message_offers_no_share_that_would_not_do(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"Nothing was published\. Correct the delivery\.$"):
        write(tmp_path, rows_of(*texts(100, "billing"), *[("", "fault")] * 5))
    with pytest.raises(BadInputError, match=r"published\. Correct the delivery\.$"):
        write(tmp_path, rows_of(("", "billing")))


@given(st.integers(1, 60), st.data(), st.floats(0.001, 0.9))
def test_the_chance_is_that_of_a_binomial_distribution(rows: int, data: st.DataObject, share: float) -> None:
    least = math.floor(rows * share) + 1
    bad = data.draw(st.integers(min(least, rows), rows))
    exact = math.fsum(math.comb(rows, n) * share**n * (1 - share) ** (rows - n) for n in range(bad, rows + 1))
    assert chance_of(bad, rows, share) == pytest.approx(exact, rel=1e-6)


def test_the_chance_of_many_rows_is_found_at_once() -> None:
    assert 0 < chance_of(50_500, 1_000_000, 0.05) < 0.02
    assert chance_of(500_000, 1_000_000, 0.05) == 0.0
    assert chance_of(1, 1_000_000, 0.0) == 0.0
