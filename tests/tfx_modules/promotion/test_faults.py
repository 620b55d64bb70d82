"""A push, and a rollback, whose disk refuses a call, each call in turn: one verdict, and a retry succeeds."""

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.faults import ALL, FAULTS, Faults, FaultyProgram, begun_anew, faults_library, faulty_program
from tests.support.memory import memory_folder
from tests.support.power_loss import lose_power
from tests.tfx_modules.promotion import pushing
from tests.tfx_modules.promotion.site_checks import check_always, check_settled
from tests.tfx_modules.retention.records import KEEP_ALL
from tfx_modules.retention.limits import Newest, clock_objection

__all__ = ["faults_library"]

SITUATIONS = {"the first push": ([], "5"), "a push": (["4", "3"], "5"), "a rollback": (["4", "3"], "roll-back")}
CASES = [
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
    with memory_folder() as made:
        yield made / "site"


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
        check_copy(folder)

        again = program.call(Faults(below=folder, log=log), "act", str(folder), what).returned

        assert again == ("rolled_back" if what == "roll-back" else "promoted")
        check_settled(folder)
        if not and_later:
            left = {path.name for path in (folder / "models" / "bert").glob(".*")}
            assert left == {".digests", ".environment"}, "nothing half-written"
            lose_power(log, folder, image=first)
            check_settled(folder)
    assert ended.returned == again
    assert failed >= {"create", "write", "sync", "rename"}


def check_copy(folder: Path) -> None:
    """Check a copy: who opens a ledger may finish or undo what was left half done, and that would not be recorded."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    check_always(copy)
    shutil.rmtree(copy)


def test_a_push_with_a_clock_400_days_ahead_is_followed_by_others_in_order(
    program: FaultyProgram, folder: Path
) -> None:
    for day in (4, 5, 6):
        pushing.train(folder, day)
    pushing.act(str(folder), "4")

    ahead = program.call(Faults(below=folder, clock_ahead=400 * 24 * 3600), "act", str(folder), "5")
    after = program.call(Faults(below=folder), "act", str(folder), "6")

    assert (ahead.returned, after.returned) == ("promoted", "promoted")
    events = pushing.ledger_of(folder).events()
    assert (events[1].at - events[0].at).days in (399, 400)
    assert events[2].at >= events[1].at
    check_settled(folder)
    newest = Newest(event=events[2].at, execution=None, span=None)
    objection = clock_objection(newest, replace(KEEP_ALL, keep_artifact_days=30), dt.datetime.now(dt.UTC))
    assert objection.startswith("the newest event of the ledger was written at")
    assert "Nothing was removed. Correct the clock" in objection
