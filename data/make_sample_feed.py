"""Write the sample feed: made-up film reviews, about 380 a day for 24 days, the same bytes every time.

Run it from anywhere: ``python data/make_sample_feed.py`` rewrites ``sample_reviews.csv`` beside it, and the feed's
holdout, 400 reviews that are not in it, in ``holdout/``. The sentences are in ``phrases/``; README.md tells how a
review is put together. ``airflow_bert_service.feeds.made_up`` writes the reviews, and needs no packages. The feed makes
up its later days by itself.
"""

import argparse
import csv
import datetime as dt
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "plugins"))

# The feed makes up its later days by the same rules, from the same phrases.
from airflow_bert_service.feeds.made_up.days import FEWEST_A_DAY, MOST_A_DAY, SENTIMENTS  # noqa: E402
from airflow_bert_service.feeds.made_up.draw import Draw  # noqa: E402
from airflow_bert_service.feeds.made_up.phrases import read_phrases  # noqa: E402
from airflow_bert_service.feeds.made_up.writer import HOLDOUT_SIZES, Writer, normalised, unseen  # noqa: E402

OUTPUT = HERE / "sample_reviews.csv"
HOLDOUT = HERE / "holdout" / "sample-v1.csv"
COLUMNS = ("id", "date", "review", "sentiment")
FIRST_DAY = dt.date(2026, 10, 16)
DAYS = 24
SEED = 20261016
HOLDOUT_COLUMNS = ("review", "sentiment")
HOLDOUT_SIZE = 400
HOLDOUT_SEED = 20261015
HOLDOUT_SHARES = {"plain": 0.78, "idiom": 0.1, "turned": 0.12}
"""The pools of opinions that sample-v1 is drawn from, and how often. The feed has had others since."""


def rows(seed: int = SEED) -> Iterator[tuple[str, str, str, str]]:
    """Make the feed's rows, day by day; no text is in the holdout, however it is spaced."""
    draw = Draw(seed)
    writer = Writer(read_phrases(HERE / "phrases"), draw)
    held_out = {normalised(review) for review, _ in holdout_rows()}
    seen = set(held_out)
    for day in range(DAYS):
        date = (FIRST_DAY + dt.timedelta(days=day)).isoformat()
        size = FEWEST_A_DAY + draw.below(MOST_A_DAY - FEWEST_A_DAY)
        for sentiment in draw.order([SENTIMENTS[(n + day) % 2] for n in range(size)]):
            review = unseen(writer, sentiment, seen, normalised)
            yield f"s-{len(seen) - len(held_out):06d}", date, review, sentiment


def holdout_rows() -> Iterator[tuple[str, str]]:
    """Make the holdout's rows, a positive and a negative one by turns. They are the same whatever the feed is."""
    writer = Writer(read_phrases(HERE / "phrases"), Draw(HOLDOUT_SEED), HOLDOUT_SHARES, HOLDOUT_SHARES, HOLDOUT_SIZES)
    seen: set[str] = set()
    for number in range(HOLDOUT_SIZE):
        sentiment = SENTIMENTS[number % 2]
        yield unseen(writer, sentiment, seen, normalised), sentiment


def render(seed: int = SEED) -> bytes:
    """Make the feed's bytes."""
    return _csv(COLUMNS, rows(seed))


def render_holdout() -> bytes:
    """Make the holdout's bytes."""
    return _csv(HOLDOUT_COLUMNS, holdout_rows())


def _csv(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> bytes:
    """Make a file's bytes: UTF-8, lines end in LF."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(lines)
    return text.getvalue().encode("utf-8")


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description="Rewrite the sample feed and its holdout.")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the feed's file (default: %(default)s)")
    parser.add_argument("--holdout", type=Path, default=HOLDOUT, help="the holdout's file (default: %(default)s)")
    flags = parser.parse_args()
    for file, content in ((flags.output, render()), (flags.holdout, render_holdout())):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


if __name__ == "__main__":
    main()
