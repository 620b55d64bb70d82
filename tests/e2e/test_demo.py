"""`make demo`: from a day's reviews to answers of the model that was fine-tuned on them, with one command."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Site, start_make
from tests.support.survivors import marked

pytestmark = pytest.mark.slow

LONGEST_SECONDS = 1800.0  # a guard against hanging, not the six minutes that it may take on two idle cores
NODES = (
    "CsvExampleGen", "StatisticsGen", "SchemaGen", "ChampionStatistics", "ExampleValidator", "Transform", "LatestTuned",
    "Tuner", "Trainer",
    "Resolver", "Evaluator", "InfraValidator", "Pusher",
)  # fmt: skip
SHOWN_STATE = re.compile(r"^  (success|skipped) +\d+\.\d  (\w+)$", re.MULTILINE)


def run_demo(site: Site, log: Path) -> str:
    """Run the demo to its end; return what it printed."""
    started = time.monotonic()
    code = start_make(site, "demo", log=log).wait(LONGEST_SECONDS)
    said = log.read_text()
    assert code == 0, said
    print(f"demo: {time.monotonic() - started:.0f} s")
    return said


def test_it_works_and_leaves_nothing_running(site: Site, tmp_path: Path) -> None:
    said = run_demo(site, tmp_path / "demo.log")

    states = {task: state for state, task in SHOWN_STATE.findall(said)}
    assert set(states) == {"refresh_data", *NODES, "promoted_model", "notify_promotion"}
    assert states["Pusher"] == "success"
    assert len(re.findall(r"^  REST  (?:positive|negative) ", said, re.MULTILINE)) == 4
    assert len(re.findall(r"^  gRPC  (?:positive|negative) ", said, re.MULTILINE)) == 4
    assert re.search(r"REST  positive .*A wonderful film", said)
    assert re.search(r"gRPC  negative .*Two dull hours", said)
    wrong = said.count("(should be ")
    assert re.search(rf"^{8 - wrong} of 8 answers are right\.$", said, re.MULTILINE), said
    assert re.search(r"^Done after \d+ s\.$", said, re.MULTILINE)
    assert marked(site.mark) == {}


def test_a_port_that_is_taken_is_named_with_the_variable(site: Site, tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    server = ["python3", "-m", "http.server", "--bind", "127.0.0.1", str(site.ports.rest)]
    with subprocess.Popen(server, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as taker:
        time.sleep(1)

        assert start_make(site, "demo", log=log).wait(60) != 0

        taker.kill()
    assert f"{site.ports.rest} (REST_PORT)" in log.read_text()
