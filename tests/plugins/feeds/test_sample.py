"""The sample feed: its file of the first days, and the later days that it makes up."""

import csv
import datetime as dt
import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import FeedError, MissingDayError, PhraseError
from airflow_bert_service.feeds import RawRow, Reason, Rejected, Review, make_feed, screen
from airflow_bert_service.feeds.made_up.days import positive_of
from airflow_bert_service.feeds.made_up.writer import normalised
from airflow_bert_service.feeds.sample import SampleFeed
from airflow_bert_service.settings.settings import settings_from

ROOT = Path(__file__).parents[3]
DATA = ROOT / "data"
HEADER = "id,date,review,sentiment\n"
FIRST_DAY = dt.date(2026, 10, 16)
LAST_WRITTEN = dt.date(2026, 11, 8)
TODAY = dt.date(2027, 11, 9)
ONE_DAY = dt.timedelta(days=1)
DIGEST_OF_2026_11_20 = "7c5d625dda2988cc1c91fa5448368b63ff403eba71d07cf2e0357d6bf6220a05"


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[str], SampleFeed]:
    def make(rows: str, header: str = HEADER) -> SampleFeed:
        file = tmp_path / "reviews.csv"
        file.write_text(header + rows, encoding="utf-8")
        return sample_feed(file)

    return make


def sample_feed(file: Path = DATA / "sample_reviews.csv") -> SampleFeed:
    """The project's feed, perhaps with another file, as it is on 2027-11-09."""
    return SampleFeed(file, DATA / "phrases", DATA / "holdout" / "sample-v1.csv", today=lambda: TODAY)


# The days in the file


def test_a_day_of_the_sample_feed(sample: Callable[[str], SampleFeed]) -> None:
    feed = sample(
        '1,2026-10-16,Fine.,positive\n2,2026-10-17,"Dull, and\nlong.",negative\n3,2026-10-16,Poor.,negative\n'
    )
    assert (feed.first_day, feed.last_day) == (FIRST_DAY, None)
    first, second = feed.delivered(FIRST_DAY)
    assert first == RawRow(1, "1", "Fine.", "positive", f"{feed.file}, row 1")
    assert second == RawRow(2, "3", "Poor.", "negative", f"{feed.file}, row 3")
    (other,) = feed.delivered(dt.date(2026, 10, 17))
    assert other.text == "Dull, and\nlong."


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2,2026-10-17, ,positive", Reason.NO_TEXT),
        ("2,2026-10-17,Fine.,great", Reason.UNKNOWN_LABEL),
        (",2026-10-17,Fine.,positive", Reason.NO_ID),
        ("2,16.10.2026,Fine.,positive", Reason.WRONG_COLUMNS),
        ("2,2026-10-17,Fine.", Reason.WRONG_COLUMNS),
        ("2,2026-10-17,Fine,good,positive", Reason.WRONG_COLUMNS),
        (f"2,2026-10-17,{'x' * 100_001},positive", Reason.TOO_LONG),
        (f"2,2026-10-17,{'x' * 200_000},positive", Reason.TOO_LONG),
        ('2,2026-10-17,"Fine.,positive', Reason.UNCLOSED_QUOTE),
    ],
)
def test_a_bad_row_of_a_day_costs_no_other(sample: Callable[[str], SampleFeed], row: str, reason: Reason) -> None:
    feed = sample(f'1,2026-10-17,"Fine\nfilm.",positive\n{row}\n3,2026-10-17,Poor.,negative\n')
    day = dt.date(2026, 10, 17)
    first, bad, last = screen(feed.delivered(day), day=day, labels=settings_from({}).rules.labels)
    assert isinstance(bad, Rejected)
    assert (bad.reason, bad.number, bad.where) == (reason, 2, f"{feed.file}, row 2")
    assert [first.id, last.id] == ["1", "3"]


def test_a_row_whose_day_cannot_be_read_belongs_to_the_day_of_the_row_before(
    sample: Callable[[str], SampleFeed],
) -> None:
    feed = sample(
        "0,soon,Fine.,positive\n1,2026-10-16,Fine.,positive\n2\n3,2026-10-17,Fine.,positive\n4,,Fine.,positive\n"
    )
    days = {day: [(row.id, row.problem) for row in feed.delivered(day)] for day in (FIRST_DAY, dt.date(2026, 10, 17))}
    wrong = Reason.WRONG_COLUMNS
    assert days == {
        FIRST_DAY: [("0", wrong), ("1", None), ("2", wrong)],
        dt.date(2026, 10, 17): [("3", None), ("4", wrong)],
    }


def test_other_columns_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("review,sentiment\nFine.,positive\n")
    with pytest.raises(FeedError, match="the columns are review, sentiment; expected id, date, review, sentiment"):
        list(sample_feed(file).delivered(FIRST_DAY))


def test_a_feed_without_rows_has_no_days(sample: Callable[[str], SampleFeed]) -> None:
    with pytest.raises(FeedError, match="no row with a day below the header"):
        _ = sample("").first_day


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"none\.csv cannot be read: .*No such file"):
        list(sample_feed(tmp_path / "none.csv").delivered(FIRST_DAY))


def test_the_file_in_the_repository() -> None:
    feed = make_feed(settings_from({"root": str(ROOT)}))
    assert (feed.first_day, feed.last_day) == (FIRST_DAY, None)
    days = [FIRST_DAY + offset * ONE_DAY for offset in range(24)]
    assert days[-1] == LAST_WRITTEN
    rows = [row for day in days for row in feed.delivered(day)]
    assert [row.id for row in rows] == [f"s-{number:06d}" for number in range(1, 9122)]


# The days that are made up


def later_days(count: int) -> list[dt.date]:
    return [LAST_WRITTEN + offset * ONE_DAY for offset in range(1, count + 1)]


def test_every_day_up_to_yesterday_has_reviews_that_can_be_used() -> None:
    feed = sample_feed()
    labels = settings_from({}).rules.labels
    for day in (LAST_WRITTEN + ONE_DAY, TODAY - ONE_DAY):
        rows = list(screen(feed.delivered(day), day=day, labels=labels))
        assert all(isinstance(row, Review) for row in rows)
        assert 374 <= len(rows) <= 386
        assert len({row.id for row in rows}) == len(rows)


def test_a_made_up_row_says_where_it_comes_from() -> None:
    first = next(sample_feed().delivered(dt.date(2027, 1, 1)))
    assert (first.number, first.id, first.where) == (1, "s-2027-01-01-001", "made-up review 1 of 2027-01-01")


def test_today_has_no_reviews_yet_and_the_error_says_which_days_have() -> None:
    message = (
        f"feed sample has no reviews of {TODAY}; its days are 2026-10-16 to 2027-11-08, and a day is added when it"
    )
    with pytest.raises(MissingDayError, match=message):
        list(sample_feed().delivered(TODAY))


def test_a_day_before_the_first_is_missing() -> None:
    with pytest.raises(MissingDayError, match=r"2026-10-15; its days are 2026-10-16 to yesterday \(UTC\)"):
        list(sample_feed().delivered(dt.date(2026, 10, 15)))


def test_the_setting_last_day_ends_the_feed() -> None:
    feed = make_feed(settings_from({"root": str(ROOT), "last_day": "2026-11-10"}))
    assert feed.last_day == dt.date(2026, 11, 10)
    assert list(feed.delivered(dt.date(2026, 11, 10)))
    with pytest.raises(MissingDayError, match="no reviews of 2026-11-11; its days are 2026-10-16 to 2026-11-10"):
        list(feed.delivered(dt.date(2026, 11, 11)))


PRINT_A_DIGEST = f"""
import datetime, hashlib, sys
sys.path.insert(0, {str(ROOT / "plugins")!r})
from pathlib import Path
from airflow_bert_service.feeds.sample import SampleFeed
data = Path({str(DATA)!r})
feed = SampleFeed(data / "sample_reviews.csv", data / "phrases", data / "holdout" / "sample-v1.csv")
rows = [list(feed.delivered(datetime.date(2026, 11, day))) for day in map(int, sys.argv[1:])][-1]
print(hashlib.sha256("\\n".join(f"{{row.id}} {{row.text}} {{row.sentiment}}" for row in rows).encode()).hexdigest())
"""


@pytest.mark.parametrize("read", [["20"], ["21", "12", "20"]], ids=["alone", "after other days"])
@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_a_day_has_the_same_reviews_whenever_and_wherever_it_is_read(read: list[str], hash_seed: str) -> None:
    command = [sys.executable, "-c", PRINT_A_DIGEST, *read]
    done = subprocess.run(
        command, env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == DIGEST_OF_2026_11_20


def test_no_text_of_the_holdout_is_in_the_feed_none_comes_twice_on_a_day_and_few_in_a_window() -> None:
    feed = sample_feed()
    with feed.holdout.open(encoding="utf-8", newline="") as file:
        held_out = {normalised(row["review"]) for row in csv.DictReader(file)}
    assert len(held_out) == 400
    days = [[normalised(str(row.text)) for row in feed.delivered(day)] for day in later_days(56)]
    for texts in days:
        assert held_out.isdisjoint(texts)
        assert len(set(texts)) == len(texts)
    for first in range(0, 56, 14):
        window = list(itertools.chain.from_iterable(days[first : first + 14]))
        assert len(window) - len(set(window)) <= len(window) / 50


def test_a_text_that_is_held_out_is_made_up_anew(tmp_path: Path) -> None:
    day = LAST_WRITTEN + ONE_DAY
    text = str(next(sample_feed().delivered(day)).text)
    holdout = tmp_path / "held-out.csv"
    with holdout.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("review", "sentiment"), (f" {text.upper()}", "positive")])
    other = replace(sample_feed(), holdout=holdout)
    assert normalised(text) not in {normalised(str(row.text)) for row in other.delivered(day)}


def test_shares_of_the_classes_drift_slowly() -> None:
    shares = [positive_of(100, day) for day in later_days(365)]
    assert (min(shares), max(shares)) == (45, 55)
    assert max(abs(left - right) for left, right in itertools.pairwise(shares)) <= 1


def test_a_window_is_made_up_in_seconds() -> None:
    feed = sample_feed()
    started = time.process_time()
    assert sum(1 for day in later_days(14) for _ in feed.delivered(day)) > 5200
    assert time.process_time() - started < 4.0, "1 s on an idle core"


def test_missing_phrases_are_named(tmp_path: Path) -> None:
    with pytest.raises(PhraseError, match=r"words\.txt cannot be read: .*No such file.*Put it back"):
        list(replace(sample_feed(), phrases=tmp_path).delivered(LAST_WRITTEN + ONE_DAY))


def test_a_missing_holdout_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"none\.csv cannot be read: .*No such file"):
        list(replace(sample_feed(), holdout=tmp_path / "none.csv").delivered(LAST_WRITTEN + ONE_DAY))
