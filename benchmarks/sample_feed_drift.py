"""Measure how far the days of the sample feed are apart, as the gate on data does it.

    .venv/tfx/bin/python -m benchmarks.sample_feed_drift              # a year, in a minute or two
    .venv/tfx/bin/python -m benchmarks.sample_feed_drift --days 60

Every day is compared with the day before it (drift), and windows of 14 days with all windows that begin a multiple of
28 days earlier (skew). It prints, for each feature, the greatest distance and the least limit, and fails where a
distance is above its limit.
"""

import argparse
import datetime as dt
import importlib
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from tfx_modules.data.text_statistics import Measurer
from tfx_modules.model.encoder.files import vocab_path
from tfx_modules.settings.settings import Distances, EncoderSettings, ValidationSettings
from tfx_modules.validation import counting, profile
from tfx_modules.validation.distance import Distance, compare

ROOT = Path(__file__).parents[1]
DATA = ROOT / "data"
YEAR = 365
WINDOW = 14
STEP = 28


def reviews(days: int) -> Iterator[tuple[dt.date, list[tuple[str, str]]]]:
    """Yield the sample feed's days from its first one on, each with its texts and sentiments."""
    sys.path.append(str(ROOT / "plugins"))
    # Not imported by name: the checks of the TFX side know nothing of the Airflow side.
    feed = importlib.import_module("airflow_bert_service.feeds.sample").SampleFeed(
        DATA / "sample_reviews.csv",
        phrases=DATA / "phrases",
        holdout=DATA / "holdout" / "sample-v1.csv",
        today=lambda: dt.date.max,
    )
    for offset in range(days):
        day = feed.first_day + dt.timedelta(days=offset)
        yield day, [(str(row.text), str(row.sentiment)) for row in feed.delivered(day)]


def profile_of(day: dt.date, rows: Sequence[tuple[str, str]], measurer: Measurer) -> profile.Profile:
    """Count a day's reviews as StatisticsGen does."""
    measured = list(measurer.measure([text for text, _ in rows]))
    columns = {
        "date": pa.array([[str(day).encode()]] * len(rows), pa.list_(pa.binary())),
        "sentiment": pa.array([[sentiment.encode()] for _, sentiment in rows], pa.list_(pa.binary())),
        "words": pa.array([[item.words] for item in measured], pa.list_(pa.int64())),
        "characters": pa.array([[item.characters] for item in measured], pa.list_(pa.int64())),
        "tags": pa.array([[item.tags] for item in measured], pa.list_(pa.int64())),
        "unknown_share": pa.array([[item.unknown_share] for item in measured], pa.list_(pa.float32())),
        "vocabulary": pa.array([list(item.vocabulary) for item in measured], pa.list_(pa.int64())),
    }
    batch = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    combiner = counting.CountDays()
    return combiner.extract_output(combiner.add_input({}, batch))[str(day)]


def report(title: str, pairs: Iterable[tuple[profile.Profile, profile.Profile]], allowed: Distances) -> bool:
    """Print the greatest distance and the least limit of each feature; return whether all are within their limits."""
    found: dict[str, list[Distance]] = {}
    for newer, older in pairs:
        for item in compare(newer, older, allowed):
            found.setdefault(item.feature, []).append(item)
    print(f"{title}\n| Feature | greatest distance | least limit | least room |\n|---|---|---|---|")
    for feature, items in found.items():
        room = min(item.limit - item.value for item in items)
        greatest, least = max(item.value for item in items), min(item.limit for item in items)
        print(f"| `{feature}` | {greatest:.3f} | {least:.3f} | {room:.3f} |")
    return not any(item.is_too_great for items in found.values() for item in items)


def main() -> int:
    """Measure; return 1 where the gate would stop a day."""
    parser = argparse.ArgumentParser(description="Measure how far the days of the sample feed are apart.")
    parser.add_argument("--days", type=int, default=YEAR + WINDOW, help="days from the feed's first one on")
    flags = parser.parse_args()
    encoder, validation = EncoderSettings(), ValidationSettings()
    measurer = Measurer(vocab_path(encoder), encoder.normalisation)
    days = [profile_of(day, rows, measurer) for day, rows in reviews(flags.days)]
    windows = [profile.add(days[first : first + WINDOW]) for first in range(0, len(days) - WINDOW + 1, STEP)]
    near = report(f"drift: {len(days)} days, each against the day before", itertools.pairwise(days), validation.drift)
    alike = report(f"skew: {len(windows)} windows", itertools.combinations(windows, 2), validation.skew)
    return 0 if near and alike else 1


if __name__ == "__main__":
    sys.exit(main())
