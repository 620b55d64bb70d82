"""Measures what each node of a run costs: processor seconds, and what they are spent on.

    .venv/tfx/bin/python -m benchmarks.node_times
    .venv/tfx/bin/python -m benchmarks.node_times --fresh --runs 1 --up-to Transform
    .venv/tfx/bin/python -m benchmarks.node_times --imports --nodes SchemaGen

The nodes of the compiled pipeline read the sample feed in the window of ``make demo``. Each is a process: a fork of one
that has imported the libraries, as under the node server, or a fresh one (``--fresh``), as where there is none.
Processor seconds are those of all its processes, InfraValidator's model server among them. They are split in

    imports     up to the imported node command
    before      the node's inputs are found in ML Metadata
    executor    the node's own work
    after       what it has made is flushed and published, its gate is asked, and its report written
    exit        the rest, up to the end of the process

The second run finds the first one's model in service, so that Evaluator and Pusher compare with it.
"""

import argparse
import collections
import csv
import datetime as dt
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.spans import span_file

DATA = Path(__file__).parents[1] / "data"
LAST_DAY = dt.date(2026, 11, 5)
DAYS = 14
NODES = (
    "Resolver",
    "ChampionStatistics",
    "LatestTuned",
    "CsvExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Tuner",
    "Trainer",
    "Evaluator",
    "InfraValidator",
    "Pusher",
)
PARTS = ("imports", "before", "executor", "after")
IMPORT = re.compile(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", re.MULTILINE)
MOST_PACKAGES = 15


@dataclass(frozen=True)
class Measured:
    """What a node has cost, in seconds."""

    clock: float
    processor: float
    parts: dict[str, float]
    """Processor seconds."""
    ended: str


def window() -> list[dt.date]:
    """Return the days that a run of the demo reads."""
    return [LAST_DAY - dt.timedelta(days=before) for before in reversed(range(DAYS))]


def write_spans(root: Path) -> None:
    """Write the sample feed's reviews of the window."""
    with (DATA / "sample_reviews.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for day in window():
        file = span_file(root, day)
        file.parent.mkdir(parents=True)
        with file.open("w", encoding="utf-8", newline="") as output:
            writer = csv.DictWriter(output, rows[0])
            writer.writeheader()
            writer.writerows(row for row in rows if row["date"] == day.isoformat())


def run_node(root: Path, node: str, run_id: str, steps: int) -> None:
    """Run a node in this process; write down what it has cost, part by part."""
    marks = [0.0, *(_seconds_of_processor() for _ in PARTS)]

    from benchmarks.nodes import parameters_for, run
    from tfx_modules.node import run as node_run

    marks[1:] = [_seconds_of_processor()] * len(PARTS)
    names = vars(node_run)
    storing = names["storing"]

    def measuring(operators: Any, staging: Any) -> dict[Any, Any]:
        def measured(make: Any, **arguments: Any) -> Any:
            operator = make(**arguments)
            run_executor = operator.run_executor

            def run_it(*given: Any) -> Any:
                marks[2] = _seconds_of_processor()
                try:
                    return run_executor(*given)
                finally:
                    marks[3] = _seconds_of_processor()

            operator.run_executor = run_it
            return operator

        return {kind: functools.partial(measured, make) for kind, make in storing(operators, staging).items()}

    names["storing"] = measuring
    parameters = parameters_for(root, window(), steps=steps, run_id=run_id, holdout=_holdout())
    outcome = run(root, node, parameters, run_id)
    marks[4] = _seconds_of_processor()
    marks[3] = max(marks[2], marks[3])  # a Resolver has no executor
    parts = {part: marks[n + 1] - marks[n] for n, part in enumerate(PARTS)}
    said = outcome.state.value + (f": {outcome.reason}" if outcome.reason else "")
    (root / "said.json").write_text(json.dumps({"parts": parts, "ended": said}), encoding="utf-8")


def _seconds_of_processor() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _holdout() -> dict[str, str]:
    from tfx_modules.common.files import digest_of  # not before the imports have been measured

    file = DATA / "holdout" / "sample-v1.csv"
    _, digest = digest_of(file)
    return {"name": file.stem, "path": str(file), "sha256": digest}


def measure(root: Path, node: str, run_id: str, steps: int, *, fresh: bool, flags: Sequence[str] = ()) -> Measured:
    """Run a node in a process of its own.

    Args:
        root: folder with the compiled pipeline and the spans.
        node: its name.
        run_id: the run's.
        steps: batches that the Trainer trains on; 0: the settings' epochs.
        fresh: whether the process is a fresh one, and not a fork of this one.
        flags: for the interpreter of a fresh one.
    """
    (root / "said.json").write_text('{"parts": {}, "ended": "ended without an outcome"}', encoding="utf-8")
    start = time.monotonic()
    log = os.open(root / f"{node}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    if fresh:
        command = [sys.executable, *flags, "-m", "benchmarks.node_times", "--one", node, run_id, str(root), str(steps)]
        pid = subprocess.Popen(command, stdout=log, stderr=log).pid
    elif not (pid := os.fork()):
        _in_fork(root, node, run_id, steps, log)
    os.close(log)
    _, _, usage = os.wait4(pid, 0)
    said = json.loads((root / "said.json").read_text(encoding="utf-8"))
    total = usage.ru_utime + usage.ru_stime
    parts = {**said["parts"], "exit": total - sum(said["parts"].values())}
    return Measured(time.monotonic() - start, total, parts, said["ended"])


def _in_fork(root: Path, node: str, run_id: str, steps: int, log: int) -> None:
    os.setsid()
    for stream in (1, 2):
        os.dup2(log, stream)
    try:
        run_node(root, node, run_id, steps)
    finally:
        os._exit(0)


def compile_into(root: Path) -> None:
    """Compile the pipeline as it is."""
    code = (
        "import sys; from pathlib import Path; from tfx_modules.pipeline.compile import SETTINGS, compile_pipeline, "
        "to_json; Path(sys.argv[1]).write_text(to_json(compile_pipeline(SETTINGS)), encoding='utf-8')"
    )
    subprocess.run([sys.executable, "-c", code, str(root / "pipeline.json")], check=True, stderr=subprocess.DEVNULL)


def packages_imported(log: str) -> list[tuple[str, float]]:
    """Sum up what ``-X importtime`` has printed by top-level package, in seconds, the greatest first."""
    found: collections.Counter[str] = collections.Counter()
    for microseconds, name in IMPORT.findall(log):
        found[name.partition(".")[0]] += int(microseconds)
    return [(name, total / 1e6) for name, total in found.most_common(MOST_PACKAGES)]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Measure what each node of a run costs.")
    parser.add_argument("--runs", type=int, default=2, help="runs, one after the other (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=0, help="batches to train on; 0: the settings' epochs")
    parser.add_argument("--nodes", nargs="*", default=NODES, help="only these; those before them have run")
    parser.add_argument("--up-to", choices=NODES, default=NODES[-1], help="the last node that runs")
    parser.add_argument("--fresh", action="store_true", help="fresh processes, not forks with imported libraries")
    parser.add_argument("--imports", action="store_true", help="say which packages take how long to import")
    parser.add_argument("--folder", type=Path, help="keep the runs' files here, and go on with those that are there")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.one:
        node, run_id, root, steps = flags.one
        run_node(Path(root), node, run_id, int(steps))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = flags.folder or Path(folder)
        if not (root / "pipeline.json").exists():
            root.mkdir(exist_ok=True)
            write_spans(root)
            compile_into(root)
        if not (flags.fresh or flags.imports):
            from tfx_modules.node.server.preload import preload

            preload(lambda: False)
        for number in range(flags.runs):
            _run(root, f"benchmark-{number}-{time.time():.0f}", flags)


def _run(root: Path, run_id: str, flags: argparse.Namespace) -> None:
    print(f"{run_id}\n{'node':20}{'clock':>8}{'all':>8}" + "".join(f"{part:>10}" for part in (*PARTS, "exit")))
    total = 0.0
    for node in NODES[: NODES.index(flags.up_to) + 1]:
        if node not in flags.nodes:
            continue
        options = ("-X", "importtime") if flags.imports else ()
        found = measure(root, node, run_id, flags.steps, fresh=flags.fresh or flags.imports, flags=options)
        total += found.processor
        parts = "".join(f"{found.parts.get(part, 0.0):10.2f}" for part in (*PARTS, "exit"))
        print(f"{node:20}{found.clock:8.2f}{found.processor:8.2f}{parts}  {found.ended}", flush=True)
        if flags.imports:
            for name, seconds in packages_imported((root / f"{node}.log").read_text(encoding="utf-8")):
                print(f"    {name:40}{seconds:8.2f}")
    print(f"{'all':20}{'':8}{total:8.2f}", flush=True)


if __name__ == "__main__":
    main()
