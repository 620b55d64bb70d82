"""Stopping `make up` or `make demo` at any moment leaves no process running."""

import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Site, start_make, stop, wait_for_text
from tests.support.survivors import marked

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seconds", [1.5, 5.0, 9.0])
def test_nothing_is_left_of_a_demo_that_is_ended_while_it_starts(site: Site, tmp_path: Path, seconds: float) -> None:
    demo = start_make(site, "demo", log=tmp_path / "demo.log")
    time.sleep(seconds)

    assert stop(demo) != 0

    assert marked(site.mark) == {}


def test_nothing_is_left_of_a_demo_that_is_ended_while_tasks_run(site: Site, tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    demo = start_make(site, "demo", log=log)
    wait_for_text(log, "refresh_data", demo, seconds=420)
    time.sleep(3)  # into the first node

    assert stop(demo) != 0

    assert marked(site.mark) == {}
    assert "Stopping everything." in log.read_text()
