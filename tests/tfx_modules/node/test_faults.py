"""Launched nodes whose disk refuses a call, or loses power: what ML Metadata says is complete is whole on the disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.faults import ALL, FAULTS, Faults, FaultyProgram, begun_anew, faults_library, faulty_program
from tests.support.memory import memory_folder
from tests.support.power_loss import losses
from tests.tfx_modules.node import launched
from tests.tfx_modules.node.complete import Contents, check_whole, complete_outputs
from tests.tfx_modules.node.launched import NAME
from tests.tfx_modules.promotion.site_checks import check_always, check_settled

__all__ = ["faults_library"]

BEFORE = launched.NODES[:-1]
EXAMPLES = int(os.environ.get("POWER_LOSSES", "20"))
STEPS = {"pipeline": 5, "ledger": 20}
"""Folders whose calls fail; every how many calls one is tried. Each takes seconds."""
if ALL:
    STEPS = dict.fromkeys(("pipeline", "metadata", "models", "ledger", "outcomes"), 1)


class Site:
    """A state folder, and nodes that are launched in it one after the other."""

    def __init__(self, program: FaultyProgram, pipeline: Path, folder: Path) -> None:
        self._program = program
        self._pipeline = pipeline
        self.folder = folder
        self.log = folder.with_name("log")
        folder.mkdir()

    def launch(self, node: str, day: int, faults: Faults | None = None) -> tuple[dict[str, Any], str]:
        """Launch a node for a day's run; return its outcome, and the first call that failed."""
        arguments = (str(self._pipeline), str(self.folder), node, str(day))
        ended = self._program.call(faults or Faults(below=self.folder), "launch", *arguments)
        assert ended.failed or not ended.raised, ended
        return (ended.returned if isinstance(ended.returned, dict) else {}), ended.failed

    def succeed(self, nodes: tuple[str, ...], day: int) -> None:
        for node in nodes:
            outcome, _ = self.launch(node, day)
            assert outcome["state"] in ("complete", "cached"), outcome


@pytest.fixture(scope="module")
def program(faults_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProgram]:
    with faulty_program(faults_library, tmp_path_factory.mktemp("program"), launched.__name__) as running:
        yield running


@pytest.fixture
def site(program: FaultyProgram, compiled: Path) -> Iterator[Site]:
    """In memory, as its files are copied hundreds of times."""
    with memory_folder() as made:
        yield Site(program, compiled, made / "site")


def _reference(site: Site, node: str, day: int) -> dict[str, Contents]:
    """Return what is complete when a node has been launched; afterwards the folder is as it was."""
    kept = site.folder.with_name("kept")
    shutil.copytree(site.folder, kept)
    site.succeed((node,), day)
    found = complete_outputs(site.folder)
    shutil.rmtree(site.folder)
    kept.rename(site.folder)
    return found


@pytest.mark.parametrize("part", STEPS)
def test_a_launched_pusher_meets_an_error_at_a_call_and_a_retry_succeeds(site: Site, part: str) -> None:
    site.succeed(launched.NODES, 3)
    site.succeed(BEFORE, 4)
    reference, first = _reference(site, "Pusher", 4), site.folder.with_name("first")
    error, _ = FAULTS["an error"]
    failed = set()
    for number in begun_anew(site.folder, first, STEPS[part]):
        site.log.unlink(missing_ok=True)
        below = site.folder / part
        outcome, call = site.launch("Pusher", 4, Faults(below=below, fail_at=number, error=error, reads=ALL))
        if not call:
            break
        failed.add(call.split()[0])
        check_whole(site.folder, reference)
        check_always(site.folder, NAME)
        if outcome.get("state") == "failed":
            assert outcome["reason"], call

        again, _ = site.launch("Pusher", 4)

        assert again["state"] in ("complete", "reused"), (call, again)
        assert again["reason"].startswith("promoted: "), (call, again)
        assert check_whole(site.folder, reference).keys() == reference.keys(), call
        check_settled(site.folder, NAME)
    assert failed, "no call has failed"


@pytest.mark.parametrize("node", launched.NODES)
def test_power_is_lost_and_what_is_complete_is_whole(site: Site, node: str) -> None:
    site.succeed(launched.NODES[: launched.NODES.index(node)], 3)
    image = site.folder.with_name("image")
    shutil.copytree(site.folder, image)
    outcome, _ = site.launch(node, 3, Faults(below=site.folder, log=site.log))
    assert outcome["state"] == "complete", outcome
    reference = complete_outputs(site.folder)

    for number, (moment, is_last) in enumerate(losses(site.log, site.folder, image=image, examples=EXAMPLES)):
        found = check_whole(site.folder, reference)
        if is_last:
            assert found.keys() == reference.keys(), f"what was reported as done is lost: {moment}"
        if is_last or (ALL and number % 10 == 0):
            again, _ = site.launch(node, 3)
            assert again["state"] in ("complete", "reused"), (moment, again)
            assert complete_outputs(site.folder).keys() == reference.keys(), moment


def test_outputs_that_cannot_be_flushed_fail_the_node_and_are_removed(site: Site) -> None:
    site.succeed(("Writer",), 3)
    below = site.folder / "pipeline" / "Writer" / "written"
    for number in begun_anew(site.folder, site.folder.with_name("first")):
        outcome, call = site.launch("Writer", 4, Faults(below=below, fail_at=number))
        if not call or call.startswith("sync"):
            break
    assert call.startswith("sync")
    assert outcome["state"] == "failed"
    assert outcome["reason"].startswith("the outputs of node Writer cannot be flushed to the disk: [Errno 5]"), outcome
    assert str(below) in outcome["reason"]
    assert outcome["reason"].endswith("and clear the task.")
    assert len(complete_outputs(site.folder)) == 1

    again, _ = site.launch("Writer", 4)

    assert again["state"] == "complete"
    assert len(complete_outputs(site.folder)) == 2
