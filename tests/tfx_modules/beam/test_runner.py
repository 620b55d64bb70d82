"""Beam on this machine. Each case is a process of its own, for workers are forked before there are threads."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.runners.portability.portable_runner import PortableRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.tfx_modules.node.conftest import is_alive, wait_until
from tfx_modules.beam.forking import Forker
from tfx_modules.beam.runner import BYTES_PER_WORKER, local_pipeline, pipeline_of, worth
from tfx_modules.exceptions import SettingsError

REPOSITORY = Path(__file__).parents[3]

SCRIPT = """
import os, random, signal, sys, time
import apache_beam as beam
import numpy as np
from tfx_modules.beam.forking import Forker
from tfx_modules.beam.runner import local_pipeline, pipeline_of

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # in one piece

class Work(beam.DoFn):
    def process(self, number):
        {work}
        yield number, os.getpid(), int(np.random.random() * 1e9)

def run():
    with local_pipeline(2, forker) as pipeline:
        done = pipeline | beam.Create(range(100)) | beam.Reshuffle() | beam.ParDo(Work())
        done | beam.Map(lambda row: say("row", *row))
        total = done | beam.Map(lambda row: row[0]) | beam.CombineGlobally(sum)
        total | beam.Map(lambda total: say("total", total))

with Forker() as forker:
    say("node", os.getpid())
    {run}
"""


def start(work: str = "pass", run: str = "run()") -> "subprocess.Popen[str]":
    code = SCRIPT.format(work=work, run=run)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, list[list[str]], str]:
    """The exit code, the lines in words, and the errors. What is left of the session fails the test."""
    with process:
        try:
            output, errors = process.communicate(timeout=90)
        finally:
            left = session(process.pid)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
    assert not left
    return process.returncode, [line.split() for line in output.splitlines()], errors


def session(leader: int) -> list[int]:
    """The living processes of a session."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if is_alive(pid) and os.getsid(pid) == leader]


def test_the_work_is_shared_by_processes_that_end_with_it() -> None:
    code, lines, errors = ended(start())
    rows = [line[1:] for line in lines if line[0] == "row"]
    (node,) = (line[1] for line in lines if line[0] == "node")
    assert code == 0, errors
    assert sorted(int(number) for number, _, _ in rows) == list(range(100))
    workers = {worker for _, worker, _ in rows}
    assert len(workers) == 2
    assert node not in workers
    assert ["total", "4950"] in lines


def test_workers_do_not_draw_the_same_random_numbers() -> None:
    _, lines, _ = ended(start())
    drawn = [line[3] for line in lines if line[0] == "row"]
    assert len(set(drawn)) > 90


def test_a_node_may_run_several_pipelines() -> None:
    code, lines, errors = ended(start(run="run(); run()"))
    assert code == 0, errors
    assert len({line[2] for line in lines if line[0] == "row"}) == 4


def test_an_error_of_a_worker_is_the_pipelines() -> None:
    code, _, errors = ended(start(work="1 / (number - 50)"))
    assert code == 1
    assert "ZeroDivisionError: division by zero" in errors


@pytest.mark.parametrize("when", ["number == 50", "True"], ids=["in the middle", "at once"])
def test_a_worker_that_is_killed_fails_the_pipeline_and_is_named(when: str) -> None:
    begin = time.monotonic()
    code, _, errors = ended(start(work=f"{when} and os.kill(os.getpid(), signal.SIGKILL)"))
    assert code == 1
    assert "BeamWorkerError: a Beam worker has ended before its work was done: killed, perhaps for lack" in errors
    assert time.monotonic() - begin < 60


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_do_not_outlive_the_node(number: signal.Signals) -> None:
    with start(work="say('working', os.getpid()); time.sleep(600)") as process:
        assert process.stdout is not None
        seen: set[str] = set()
        while len(seen) < 2:
            seen |= {line[1] for line in [process.stdout.readline().split()] if line[0] == "working"}
        assert len(session(process.pid)) == 4  # node, forker, workers
        os.kill(process.pid, number)
        wait_until(lambda: not session(process.pid))


def test_a_fresh_worker_runs_a_function_of_tfdv() -> None:
    code = """
import tfx_modules.validation, apache_beam as beam, os
from tensorflow_data_validation.utils import stats_util
from tfx_modules.beam.runner import pipeline_of

with pipeline_of(["--direct_running_mode=multi_processing", "--direct_num_workers=2"]) as pipeline:
    texts = pipeline | beam.Create([b"plain"]) | beam.Map(stats_util.maybe_get_utf8)
    texts | beam.Map(lambda text: os.write(1, text.encode()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "plain"), done.stderr


@given(st.integers(0, 1 << 45))
def test_how_many_workers_an_input_is_worth(size: int) -> None:
    cores = len(os.sched_getaffinity(0))
    assert 1 <= worth(size) <= cores
    assert worth(size) <= worth(size + 1)
    assert worth(cores * BYTES_PER_WORKER) == cores
    assert worth(2 * BYTES_PER_WORKER - 1) == 1


def test_one_worker_is_the_nodes_own_process() -> None:
    # Beam's DirectRunner would look for another runner in the internet.
    with Forker() as forker:
        assert type(local_pipeline(1, forker).runner) is FnApiRunner


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["--direct_running_mode=in_memory"], FnApiRunner),
        (["--runner=DirectRunner", "--direct_num_workers=0", "--direct_running_mode=multi_processing"], FnApiRunner),
        (["--runner=PortableRunner", "--job_endpoint=localhost:8099"], PortableRunner),
    ],
)
def test_arguments_choose_the_runner(arguments: list[str], kind: type) -> None:
    pipeline = pipeline_of(arguments)
    assert type(pipeline.runner) is kind


@pytest.mark.parametrize(
    "argument", ["--direct_running_mode=parallel", "--direct_num_workers=two", "--runner=SunRunner", "--runner=a.b"]
)
def test_arguments_that_beam_refuses(argument: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"beam_pipeline_args is \['{argument}'\], which Beam refuses.*docs/how-to/beam\.md"
    ):
        pipeline_of([argument])
