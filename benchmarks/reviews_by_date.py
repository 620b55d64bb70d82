"""Compare the refresh of a day of a million reviews with pandas doing the same, and with pyarrow only reading the file.

    .venv/tfx/bin/python -m benchmarks.reviews_by_date

The file is generated (seeded): about 250 characters a review, some with quotes, commas and line breaks, and one row in
a hundred that cannot be used: no text, no id, an unknown label, an id that was there, a text with both labels.

``refresh`` is what the task does of a day: the feed ``files`` reads it, the screening checks it, the span store writes
and publishes it. ``pandas`` does the same work as an engineer would have it done: ``read_csv``, the same checks by
column, ``to_csv``, the quarantine, both digests. Both have to find and write the same. ``pyarrow`` reads the file into
a table, and that is all. Each runs in a process of its own, in turn with the others, the refresh in the Airflow
environment. Seconds are from before the file is opened until the result is written, without imports; memory is the most
that was resident in the whole process. On a machine that others use too, the processor's seconds say more than the
clock's.
"""

import argparse
import csv
import datetime as dt
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
AIRFLOW_PYTHON = ROOT / ".venv" / "airflow" / "bin" / "python"
DAY = dt.date(2026, 11, 5)
SEED = 20261105
LABELS = {"positive": "positive", "pos": "positive", "1": "positive", "true": "positive"} | {
    "negative": "negative", "neg": "negative", "0": "negative", "false": "negative"
}  # fmt: skip
LONGEST_TEXT, LONGEST_ID = 100_000, 1_000
REFRESH = """\
import datetime as dt, json, sys, time
from pathlib import Path
from airflow.sdk import ObjectStoragePath
from airflow_bert_service.feeds import make_feed, screen
from airflow_bert_service.settings.settings import settings_from
from airflow_bert_service.ingestion.span_store import SpanStore

file, out, day = sys.argv[1], sys.argv[2], dt.date.fromisoformat(sys.argv[3])
settings = settings_from({"feed": "files", "first_day": str(day), "files_pattern": file})
next(make_feed(settings).delivered(day))  # imports what it needs
start, cpu = time.perf_counter(), time.process_time()
feed = make_feed(settings)
rows = screen(feed.delivered(day), day=day, labels=settings.rules.labels)
span = SpanStore(Path(out), settings.rules.max_bad_share).write(day, rows, source=feed.name)
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
print("measured:" + json.dumps({
    "seconds": seconds,
    "cpu_seconds": cpu,
    "found": {"reviews": span.manifest.rows, **span.manifest.rejected},
    "sha256": span.manifest.sha256,
    "memory": Path("/proc/self/status").read_text(),
}))
"""


class BenchmarkError(Exception):
    """A process failed, or found something else than the others."""


@dataclass(frozen=True)
class Run:
    """The result of one process."""

    seconds: float
    cpu_seconds: float
    """Seconds of the processor, all threads together."""
    megabytes: float
    """The most that was resident, in 10**6 bytes."""
    found: Mapping[str, int]
    """Number of reviews, and of rejected rows by reason; empty: the process does not screen rows."""
    sha256: str
    """Digest of the reviews as they were written; empty: it does not write."""


def generate(file: Path, rows: int) -> None:
    """Write the file."""
    draw = random.Random(SEED)  # noqa: S311 - no secrets are made of it
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(5_000)]
    words += ['"quoted"', "well, then", "café", "line\nbreak"]
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("id", "review", "sentiment"))
        writer.writerows(_rows(draw, words, rows))


def _rows(draw: random.Random, words: list[str], rows: int) -> Iterator[tuple[str, str, str]]:
    for number in range(rows):
        text = " ".join(draw.choices(words, k=draw.randint(20, 60)))
        row = (f"review-{number}", f"{text} {number}", draw.choice(("pos", "neg", "Positive", "0")))
        kind = draw.randrange(500)
        yield {
            0: (row[0], " ", row[2]),
            1: ("", row[1], row[2]),
            2: (row[0], row[1], "unsure"),
            3: (f"review-{number // 2}", row[1], row[2]),
            4: (row[0], f"Said by many, number {number % 40}.", row[2]),
        }.get(kind, row)


def stopwatch() -> tuple[float, float]:
    """Return the clock's seconds and the processor's."""
    return time.perf_counter(), time.process_time()


def elapsed(start: tuple[float, float]) -> dict[str, float]:
    """Return the seconds since then."""
    return {"seconds": time.perf_counter() - start[0], "cpu_seconds": time.process_time() - start[1]}


def with_pandas(file: Path, out: Path) -> Mapping[str, Any]:
    """Read, screen and write the file, column by column."""
    import pandas as pd

    start = stopwatch()
    frame = pd.read_csv(file, dtype=str, keep_default_na=False, na_filter=False)
    label = frame["sentiment"].map(LABELS)
    if label.isna().any():
        label = label.fillna(frame["sentiment"].str.strip().str.lower().map(LABELS))
    text, id_ = frame["review"], frame["id"]
    reasons = pd.Series("", index=frame.index)
    checks = {
        "no_text": text.str.strip() == "",
        "no_id": id_.str.strip() == "",
        "too_long": (text.str.len() > LONGEST_TEXT) | (id_.str.len() > LONGEST_ID),
        "nul": text.str.contains("\0", regex=False) | id_.str.contains("\0", regex=False),
        "unknown_label": label.isna(),
    }
    for reason, bad in checks.items():
        reasons[bad & (reasons == "")] = reason
    usable = pd.DataFrame(
        {
            "id": id_.str.replace("[\r\n]", " ", regex=True),
            "date": str(DAY),
            "review": text.str.replace("[\r\n]", " ", regex=True),
            "sentiment": label,
        }
    )[reasons == ""]
    texts = usable[["review", "sentiment"]].drop_duplicates()["review"]
    contradicted = usable["review"].isin(texts[texts.duplicated()])
    reasons[contradicted[contradicted].index] = "contradicting_labels"
    twice = usable["id"].duplicated()
    reasons[twice[twice].index] = "duplicate_id"
    kept = reasons == ""
    with (out / "reviews.csv").open("w", encoding="utf-8", newline="") as handle:
        handle.write(",".join(usable.columns) + "\n")  # TFX's CsvExampleGen wants it without quotes
        usable[kept[usable.index]].to_csv(handle, header=False, index=False, quoting=csv.QUOTE_ALL)
    bad = frame[~kept]
    quarantine = pd.DataFrame(
        {"row": bad.index + 1, "reason": reasons[~kept], "id": bad["id"], "text": bad["review"].str[:200]}
    )
    quarantine.to_json(out / "quarantine.jsonl", orient="records", lines=True)
    digests = [hashlib.sha256((out / name).read_bytes()).hexdigest() for name in ("reviews.csv", "quarantine.jsonl")]
    seconds = elapsed(start)
    found = {"reviews": int(kept.sum()), **reasons[~kept].value_counts().to_dict()}
    return {**seconds, "found": found, "sha256": digests[0]}


def with_pyarrow(file: Path, _: Path) -> Mapping[str, Any]:
    """Read the file into a table."""
    from pyarrow import csv as arrow_csv

    start = stopwatch()
    arrow_csv.read_csv(file, parse_options=arrow_csv.ParseOptions(newlines_in_values=True))
    return {**elapsed(start), "found": {}, "sha256": ""}


PEERS: Mapping[str, Callable[[Path, Path], Mapping[str, Any]]] = {"pandas": with_pandas, "pyarrow": with_pyarrow}


def run(name: str, file: Path) -> Run:
    """Run one of them in a fresh process.

    Raises:
        BenchmarkError: The process failed.
    """
    with tempfile.TemporaryDirectory(dir=file.parent) as out:
        if name in PEERS:
            command = [
                sys.executable,
                "-m",
                "benchmarks.reviews_by_date",
                "--file",
                str(file),
                "--only",
                name,
                "--out",
                out,
            ]
        else:
            command = [str(AIRFLOW_PYTHON), "-c", REFRESH, str(file.with_name("{date}.csv")), out, str(DAY)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins"), "AIRFLOW_HOME": out}
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("measured:")]
    if done.returncode != 0 or not lines:
        raise BenchmarkError(f"{name} failed (exit code {done.returncode}):\n{done.stderr[-2000:]}")
    measured = json.loads(lines[-1].removeprefix("measured:"))
    return Run(
        measured["seconds"], measured["cpu_seconds"], _peak(measured["memory"]), measured["found"], measured["sha256"]
    )


def _peak(status: str) -> float:
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def report(name: str, runs: list[Run], rows: int) -> None:
    """Print the median of some runs."""
    seconds = statistics.median(run.seconds for run in runs)
    cpu = statistics.median(run.cpu_seconds for run in runs)
    peak = max(run.megabytes for run in runs)
    print(f"{name:<10}{seconds:8.2f} s{rows / seconds:12,.0f} rows/s{cpu:10.2f} s of the processor{peak:10,.0f} MB")


def main() -> None:
    """Generate the file, measure all in turn, and print the comparison."""
    parser = argparse.ArgumentParser(description="Compare the refresh of a day with pandas and pyarrow.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the file (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="fresh processes for each (default: %(default)s)")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=list(PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.only:
        measured = PEERS[flags.only](flags.file, flags.out)
        print("measured:" + json.dumps({**measured, "memory": Path("/proc/self/status").read_text()}))
        return
    with tempfile.TemporaryDirectory(prefix="reviews-by-date-") as folder:
        file = Path(folder) / f"{DAY}.csv"
        generate(file, flags.rows)
        print(f"{flags.rows:,} rows, {file.stat().st_size / 1e6:,.0f} MB")
        names = ("refresh", *PEERS)
        done: dict[str, list[Run]] = {name: [] for name in names}
        for _ in range(flags.runs):
            for name in names:
                done[name].append(run(name, file))
    for name, runs in done.items():
        report(name, runs, flags.rows)
    ours, theirs = done["refresh"][0], done["pandas"][0]
    if (ours.found, ours.sha256) != (theirs.found, theirs.sha256):
        raise BenchmarkError(f"the refresh found {ours.found}, pandas {theirs.found}, or their files differ.")
    print("both found", ", ".join(f"{name} {count:,}" for name, count in ours.found.items()))


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        sys.exit(str(error))
