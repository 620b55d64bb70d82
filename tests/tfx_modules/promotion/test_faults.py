"""A push, and a rollback, whose disk refuses a call, each call in turn: one verdict, and a retry succeeds."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults import Faults, FaultyProgram, begun_anew, faults_library, faulty_program
from tests.support.power_loss import lose_power
from tests.tfx_modules.promotion import pushing
from tests.tfx_modules.promotion.site_checks import check_always, check_settled

__all__ = ["faults_library"]

ALL = bool(os.environ.get("ALL_FAULTS"))
SITUATIONS = {"the first push": ([], "5"), "a push": (["4", "3"], "5"), "a rollback": (["4", "3"], "roll-back")}
FAULTS = {
    "an error": (errno.EIO, False),
    "a dead disk": (errno.EIO, True),
    "no space for a moment": (errno.ENOSPC, False),
    "a full disk": (errno.ENOSPC, True),
}
CASES = [
    ("the first push", "an error"),
    ("a push", "an error"),
    ("a push", "a full disk"),
    ("a rollback", "a dead disk"),
]
if ALL:
    CASES = [(situation, fault) for situation in SITUATIONS for fault in FAULTS]


@pytest.fixture(scope="module")
def program(faults_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProgram]:
    with faulty_program(faults_library, tmp_path_factory.mktemp("program"), pushing.__name__) as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory, so that hundreds of pushes take seconds."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:  # noqa: S108
        yield Path(made) / "site"


@pytest.mark.parametrize(("situation", "fault"), CASES)
def test_each_call_fails_and_a_retry_succeeds(program: FaultyProgram, folder: Path, situation: str, fault: str) -> None:
    before, what = SITUATIONS[situation]
    for day in (3, 4, 5):
        pushing.train(folder, day)
    for earlier in before:
        pushing.act(str(folder), earlier)
    error, and_later = FAULTS[fault]
    failed, log, first = set(), folder.with_name("log"), folder.with_name("first")
    for number in begun_anew(folder, first):
        log.unlink(missing_ok=True)
        faults = Faults(below=folder, fail_at=number, error=error, and_later=and_later, reads=ALL, log=log)
        ended = program.call(faults, "act", str(folder), what)
        if not ended.failed:
            break
        failed.add(ended.failed.split()[0])
        assert not ended.raised or "PromotionError" in ended.raised, ended
        check_always(folder)

        again = program.call(Faults(below=folder, log=log), "act", str(folder), what).returned

        assert again == ("rolled_back" if what == "roll-back" else "promoted")
        check_settled(folder)
        if not and_later:
            assert [path.name for path in (folder / "models" / "bert").glob(".*")] == [".environment"]
            lose_power(log, folder, image=first)
            check_settled(folder)
    assert ended.returned == again
    assert failed >= {"create", "write", "sync", "rename"}
