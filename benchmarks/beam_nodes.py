"""Measures time and memory of the pipeline's Beam nodes, for windows of many rows.

    .venv/tfx/bin/python -m benchmarks.beam_nodes --rows 100000
    .venv/tfx/bin/python -m benchmarks.beam_nodes --rows 100000 --beam-arg=--direct_running_mode=in_memory

Reviews are put together from the sentences of the sample feed, about as long as its own, and spread evenly over a
window of days. The compiled pipeline's own nodes read them, run by the node command's own code in a fork of a process
that has imported the libraries, as under the node server. Without ``--beam-arg`` the settings' default is measured.

Memory is the highest sum of the proportional set sizes of a node's processes, Beam's workers among them: its resident
pages, and of those that it shares with others (0.6 GB of libraries, with the process that it was forked from) its part.
"""

import argparse
import csv
import datetime as dt
import json
import os
import random
import re
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.spans import span_file
from tfx_modules.node.server.preload import preload

SAMPLE = Path(__file__).parents[1] / "data" / "sample_reviews.csv"
LAST_DAY = dt.date(2026, 11, 5)
STEPS = (("CsvExampleGen",), ("StatisticsGen",), ("SchemaGen", "ExampleValidator"), ("Transform",))
MOST_SENTENCES = 8
SEED = 20261105
MEGABYTE = 1 << 20
PSS = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)
TICK = 2.0
"""Seconds between two samples of a node's memory."""


@dataclass(frozen=True)
class Measured:
    """The time and memory of a step."""

    seconds: float
    cpu_seconds: float
    """Of all processes; it depends less on what else the machine does."""
    peak_bytes: int
    ended: str
    """``complete``, or why it is not."""


def write_spans(root: Path, rows: int, days: int) -> int:
    """Write the rows as the spans of a window; return the bytes written."""
    draw = random.Random(SEED)  # noqa: S311 - no secret
    sentences, size = sample_sentences(), 0
    for offset, day in enumerate(days_of(days)):
        file = span_file(root, day)
        file.parent.mkdir(parents=True)
        with file.open("w", encoding="utf-8", newline="") as output:
            writer = csv.writer(output)
            writer.writerow(("id", "date", "review", "sentiment"))
            for number in range(rows * offset // days, rows * (offset + 1) // days):
                text = " ".join(draw.choices(sentences, k=draw.randint(1, MOST_SENTENCES)))
                writer.writerow((f"r{number}", day.isoformat(), text, draw.choice(("positive", "negative"))))
        size += file.stat().st_size
    return size


def days_of(count: int) -> list[dt.date]:
    """Return the days of the window."""
    return [LAST_DAY - dt.timedelta(days=before) for before in reversed(range(count))]


def sample_sentences() -> list[str]:
    """Return all sentences of the sample feed."""
    with SAMPLE.open(encoding="utf-8", newline="") as lines:
        reviews = [row["review"] for row in csv.DictReader(lines)]
    return [part for review in reviews for part in re.split(r"(?<=[.?!]) ", review)]


def run_nodes(root: Path, nodes: Sequence[str], days: int) -> str:
    """Run nodes, one after the other; return how the last one ended. Only for a process of its own."""
    from benchmarks.nodes import parameters_for, run

    parameters = parameters_for(root, days_of(days), steps=1)
    for node in nodes:
        outcome = run(root, node, parameters)
        if outcome.exit_code:
            return f"{node}: {outcome.reason}"
    return "complete"


def measure(root: Path, nodes: Sequence[str], days: int, limit: float) -> Measured:
    """Run nodes in a fork with a session of its own, and sample its memory meanwhile.

    Args:
        root: folder with the compiled pipeline and the spans.
        nodes: which nodes, in order.
        days: length of the window.
        limit: seconds after which it is killed.
    """
    said = root / "said"
    said.write_text("ended without an outcome", encoding="utf-8")
    start, peak = time.monotonic(), 0
    pid = os.fork()
    if pid == 0:
        in_fork(root, nodes, days, said)
    ended, usage = 0, None
    while not ended:
        peak = max(peak, sum(set_sizes(pid)))
        if time.monotonic() - start > limit:
            said.write_text(f"stopped after {limit:.0f} s", encoding="utf-8")
            os.killpg(pid, signal.SIGKILL)
        time.sleep(TICK)
        ended, _, usage = os.wait4(pid, os.WNOHANG)
    cpu = usage.ru_utime + usage.ru_stime if usage else 0.0
    return Measured(time.monotonic() - start, cpu, peak, said.read_text(encoding="utf-8"))


def in_fork(root: Path, nodes: Sequence[str], days: int, said: Path) -> None:
    """Run nodes, log to a file, and end the process."""
    os.setsid()
    log = os.open(root / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    try:
        said.write_text(run_nodes(root, nodes, days), encoding="utf-8")
    finally:
        os._exit(0)


def set_sizes(session: int) -> Iterator[int]:
    """Yield the proportional set size of each process of a session, in bytes."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, FileNotFoundError, IndexError):
            if os.getsid(int(entry.name)) == session:
                yield int(PSS.findall((entry / "smaps_rollup").read_text())[0]) << 10


def compile_into(root: Path, beam_args: Sequence[str] | None) -> Sequence[str]:
    """Compile the pipeline with the given Beam arguments, None for the default; return the arguments."""
    from tfx_modules.pipeline.compile import compile_pipeline, to_json
    from tfx_modules.settings.settings import load_settings

    settings = root / "settings.toml"
    settings.write_text("" if beam_args is None else f"beam_pipeline_args = {json.dumps(list(beam_args))}\n")
    (root / "pipeline.json").write_text(to_json(compile_pipeline(settings)), encoding="utf-8")
    return load_settings(settings).beam_pipeline_args


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Measure the pipeline's Beam nodes.")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument(
        "--days", type=int, default=14, help="days that the rows are spread over (default: %(default)s)"
    )
    parser.add_argument("--beam-arg", action="append", help="one of beam_pipeline_args; default: the settings'")
    parser.add_argument("--limit", type=float, default=1500, help="seconds for all nodes (default: %(default)s)")
    flags = parser.parse_args()
    preload(lambda: False)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        size = write_spans(root, flags.rows, flags.days)
        beam_args = compile_into(root, flags.beam_arg)
        print(f"{flags.rows} rows, {size / MEGABYTE:.0f} MB, {flags.days} days; {' '.join(beam_args)}", flush=True)
        left = flags.limit
        for nodes in STEPS:
            done = measure(root, nodes, flags.days, left)
            left -= done.seconds
            name = "+".join(nodes)
            print(
                f"{name}: {done.seconds:.1f} s, {done.cpu_seconds:.1f} s of CPU, {done.peak_bytes / MEGABYTE:.0f} MB, "
                f"{done.ended}",
                flush=True,
            )
            if done.ended != "complete":
                print((root / "log").read_text(encoding="utf-8")[-4000:])
                raise SystemExit(1)


if __name__ == "__main__":
    main()
