"""A push, and a rollback, killed by SIGKILL before each of its steps, and then done again: exactly one outcome."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.forked_program import forked_program
from tests.tfx_modules.promotion import pushing
from tests.tfx_modules.promotion.site_checks import check_copies
from tests.tfx_modules.promotion.steps import begun_anew
from tfx_modules.promotion import manifest
from tfx_modules.promotion.events import Event, EventKind
from tfx_modules.promotion.exports import folders
from tfx_modules.promotion.promoter import settle

MOST_STEPS = 100
NEVER = 10_000


class Act(Protocol):
    """Pushes or rolls back in a process of its own; returns its exit code."""

    def __call__(self, folder: Path, what: str, kill_at: int = NEVER) -> int: ...


@pytest.fixture(scope="module")
def run() -> Iterator[Act]:
    with forked_program(pushing.__name__) as program:
        yield lambda folder, what, kill_at=NEVER: program.call("act_until", str(folder), what, str(kill_at))


def steps(folder: Path, run: Act) -> Iterator[int]:
    """Return the steps to be killed before; each finds the folder as it was at first.

    Two versions are in service, the later one of them of an older date; and there is a model of the 5th to push.
    """
    for day in (3, 4, 5):
        pushing.train(folder, day)
    assert [run(folder, day) for day in ("4", "3")] == [0, 0]
    return begun_anew(folder, MOST_STEPS)


def events(folder: Path) -> list[Event]:
    return pushing.ledger_of(folder).events()


def served(folder: Path) -> int:
    """What a server takes; it is whole at every moment, and so is each copy of what a version carries."""
    repository = pushing.repository_of(folder)
    check_copies(repository)
    version = max(repository.served_versions())
    assert manifest.check(repository.served / str(version))
    return version


def newest_copy(folder: Path) -> int:
    """The largest version in the folder for TFLite, in which nothing unfinished is left."""
    repository = pushing.repository_of(folder)
    assert not folders.unfinished(repository)
    return max(folders.copied(repository).values())


def test_a_push_that_was_killed_anywhere_and_tried_again(run: Act, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    for kill_at in steps(folder, run):
        code = run(folder, "5", kill_at)
        assert served(folder) // 100 in (20261103, 20261105)
        assert run(folder, "5") == 0

        # A number that a killed try has taken is not used again.
        assert served(folder) in (2026110501, 2026110502)
        assert [event.kind for event in events(folder)] == [EventKind.PROMOTED] * 3
        assert not list((folder / "models" / "bert.withdrawn").glob(".*"))
        assert newest_copy(folder) == served(folder)
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert code == 0
    assert kill_at > 10


@pytest.mark.parametrize("answer", ["approve", "reject"])
def test_an_answer_and_the_push_after_it_that_were_killed_anywhere_and_tried_again(
    run: Act, tmp_path: Path, answer: str
) -> None:
    folder = tmp_path / "site"
    # An answer has few steps; of the many of a push, which another test has all of, a third is enough.
    for kill_at in (step for step in steps(folder, run) if step < 4 or step % 3 == 0):
        answered = run(folder, f"{answer}-5", kill_at)
        assert run(folder, f"{answer}-5") == 0
        pushed = run(folder, "asked-5", kill_at)
        assert served(folder) // 100 in (20261103, 20261105)
        assert run(folder, "asked-5") == 0

        *_, newest = events(folder)
        assert (len(events(folder)), newest.final, newest.metrics["approval"]["by"]) == (3, True, "anna")
        assert newest.kind is (EventKind.PROMOTED if answer == "approve" else EventKind.BLOCKED)
        assert served(folder) // 100 == (20261105 if answer == "approve" else 20261103)
        if (answered, pushed) == (0, 0):
            break
        assert {answered, pushed} <= {0, -signal.SIGKILL}
    assert (answered, pushed) == (0, 0)
    assert kill_at > 1


def test_a_rollback_that_was_killed_anywhere_and_settled(run: Act, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    for kill_at in steps(folder, run):
        code = run(folder, "roll-back", kill_at)
        assert served(folder) in (2026110301, 2026110401)
        rolled_back = len(events(folder)) == 3

        settle(pushing.ledger_of(folder), pushing.repository_of(folder))

        assert served(folder) == (2026110401 if rolled_back else 2026110301)
        assert newest_copy(folder) == served(folder)
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert (code, rolled_back) == (0, True)
