"""Compare the parse time of the project's DAG file with that of a bare one.

    make compile                                          # the DAG file reads the compiled pipeline
    .venv/airflow/bin/python -m benchmarks.parse_dag

Each figure is the median of several fresh processes. A process imports ``airflow.sdk`` and Airflow's DagBag, as the DAG
processor does before it forks a parser, and then times what the DagBag takes for the file alone. The bare file has one
DAG with one task.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DAG_FILE = ROOT / "dags" / "bert_sentiment.py"
BARE = '''\
"""A bare Airflow DAG file."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("bare"):
    EmptyOperator(task_id="nothing")
'''
PARSER = """\
import json, sys, time
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag

start = time.perf_counter()
bag = DagBag(sys.argv[1], bundle_name="benchmark")
seconds = time.perf_counter() - start
print("parsed:" + json.dumps({
    "seconds": seconds,
    "dags": sorted(bag.dags),
    "errors": bag.import_errors,
    "tensorflow": "tensorflow" in sys.modules,
}))
"""
STRIPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH")


class BenchmarkError(Exception):
    """A file could not be parsed, so that there is nothing to compare."""


@dataclass(frozen=True)
class Parse:
    """The result of one process that parsed a file."""

    seconds: float
    tensorflow: bool
    """Whether the process had imported TensorFlow when it was done."""


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a parser: Airflow's home is `home`, its settings are the project's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in STRIPPED and not name.startswith(("AIRFLOW_", "BERT_SERVICE_"))
    }
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(ROOT / "airflow.cfg"),
        "BERT_SERVICE_ROOT": str(ROOT),
        "BERT_SERVICE_STATE": str(home / "state"),
    }


def parse(file: Path, home: Path) -> Parse:
    """Parse a file in a fresh process.

    Raises:
        BenchmarkError: The process failed, or found no DAG in the file.
    """
    command = [sys.executable, "-c", PARSER, str(file)]
    done = subprocess.run(command, env=environment(home), cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("parsed:")]
    if done.returncode != 0 or not lines:
        raise BenchmarkError(f"{file} could not be parsed (exit code {done.returncode}):\n{done.stderr[-2000:]}")
    found = json.loads(lines[-1].removeprefix("parsed:"))
    if not found["dags"]:
        raise BenchmarkError(f"{file} has no DAG; import errors: {found['errors'] or 'none'}")
    return Parse(found["seconds"], found["tensorflow"])


def main() -> None:
    """Measure both files in turn, and print the comparison."""
    arguments = argparse.ArgumentParser(description="Compare the parse time of the DAG file with that of a bare one.")
    arguments.add_argument("--runs", type=int, default=7, help="fresh processes per file (default: %(default)s)")
    runs = arguments.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="parse-dag-") as folder:
        home = Path(folder)
        bare = home / "bare.py"
        bare.write_text(BARE, encoding="utf-8")
        found: dict[str, list[Parse]] = {"bare DAG file": [], "dags/bert_sentiment.py": []}
        for _ in range(runs):
            # In turn, so that what else the machine does weighs on both alike.
            for name, file in zip(found, (bare, DAG_FILE), strict=True):
                found[name].append(parse(file, home))
    medians = {name: statistics.median(run.seconds for run in parses) for name, parses in found.items()}
    for name, seconds in medians.items():
        loaded = "imports TensorFlow" if any(run.tensorflow for run in found[name]) else "no TensorFlow"
        print(f"{name:<24}{seconds:7.3f} s  {loaded}")
    first, second = medians.values()
    print(f"{'difference':<24}{second - first:7.3f} s  median of {runs} fresh processes each")


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        sys.exit(str(error))
