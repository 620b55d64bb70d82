"""A process that stalls while it holds the lock of a real PostgreSQL, whose session ends, and which wakes too late."""

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.tfx_modules.promotion.conftest import Site
from tfx_modules.promotion import manifest
from tfx_modules.promotion.events import EventKind
from tfx_modules.promotion.exceptions import LedgerError, LockLostError, PromotionError
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.moves import moving
from tfx_modules.promotion.promoter import settle
from tfx_modules.promotion.repository import ModelRepository

MOST_STEPS = 60
HOLDERS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
Work = Callable[[Site], object]


def engine(folder: Path, database: str) -> sa.Engine:
    address = f"postgresql+psycopg://postgres@/{database}?host={folder}"
    return sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)


def site_of(folder: Path, postgres: Path) -> Site:
    """Return the site of a folder, whose ledger is in the database of the folder's name."""
    ledger = open_ledger(f"postgresql://postgres@/{folder.name}?host={postgres}", "bert")
    return Site(folder, ledger, ModelRepository(folder / "models" / "bert"))


@pytest.fixture(scope="module")
def promoted(postgres: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder and database of a site in which 3, 4 and 5 November have been in service one after another."""
    folder = tmp_path_factory.mktemp("sites") / "promoted"
    folder.mkdir()
    make_database(postgres, folder.name)
    site = site_of(folder, postgres)
    for day in (3, 4, 5):
        site.promote(site.candidate(day))
    return folder


@pytest.fixture
def make_site(postgres: Path, promoted: Path, tmp_path: Path) -> Callable[[], Site]:
    """Makes copies of that site, each with a database of its own."""
    numbers = itertools.count()

    def make() -> Site:
        folder = tmp_path / f"lost_{next(numbers)}"
        shutil.copytree(promoted, folder)
        make_database(postgres, folder.name, template=promoted.name)
        return site_of(folder, postgres)

    return make


def make_database(postgres: Path, name: str, template: str = "template1") -> None:
    with engine(postgres, "postgres").connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))


class Stalling:
    """Somebody at work in a thread, who stalls before one of the steps of a work; a step changes the file system."""

    def __init__(self, work: Callable[[], object], stall_at: int) -> None:
        self._work = work
        self._left = stall_at
        self._wake = threading.Event()
        self.stalled = threading.Event()
        self.ended = threading.Event()
        self.error: PromotionError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._work()
        except PromotionError as error:
            self.error = error
        finally:
            self.ended.set()
            self.stalled.set()

    def step(self) -> None:
        if threading.current_thread() is self._thread:
            if self._left == 0:
                self.stalled.set()
                assert self._wake.wait(60)
            self._left -= 1

    def start(self) -> bool:
        """Work up to the step; return whether it came to it."""
        self._thread.start()
        assert self.stalled.wait(60)
        return not self.ended.is_set()

    def wake(self) -> None:
        self._wake.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextmanager
def stepping(stalling: Stalling) -> Iterator[None]:
    """Have somebody stall before a change of the file system."""

    def after_step(original: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:
            stalling.step()
            return original(*arguments, **options)

        return stepped

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            *((Path, name) for name in ("rename", "mkdir", "rmdir", "replace")),
            *((shutil, name) for name in ("copytree", "rmtree")),
        ):
            patch.setattr(owner, name, after_step(getattr(owner, name)))
        yield


def end_sessions_that_hold_the_lock(site: Site, folder: Path) -> bool:
    database = site.folder.name
    with engine(folder, database).connect() as connection:
        holders = list(connection.execute(sa.text(HOLDERS)).scalars())
        for holder in holders:
            connection.execute(sa.text(f"SELECT pg_terminate_backend({holder}, 10000)"))
    return bool(holders)


def whole(site: Site) -> bool:
    return all(
        manifest.check(site.repository.folder(version)) is not None for version in site.repository.versions()
    ) and not list(site.repository.withdrawn.glob(".moving-*"))


def roll_back(site: Site) -> object:
    return site.roll_back()


def push_older(site: Site) -> object:
    return site.promote(site.candidate(4, "late", older=True))


def push_newer(site: Site) -> object:
    return site.promote(site.candidate(6, "late"))


def remove(site: Site) -> object:
    site.remove(2026110301)
    return None


@pytest.mark.parametrize("work", [roll_back, push_older, push_newer, remove])
def test_a_holder_that_wakes_after_another_has_promoted_changes_nothing_of_what_is_served(
    make_site: Callable[[], Site], postgres: Path, work: Work
) -> None:
    """It stalls before every step in turn: between a check of its session and the rename behind it, too."""
    lost = 0
    for step in range(MOST_STEPS):
        site = make_site()
        stalling = Stalling(lambda site=site: work(site), step)  # type: ignore[misc]
        with stepping(stalling):
            if not stalling.start():
                break
            if not end_sessions_that_hold_the_lock(site, postgres):
                stalling.wake()
                continue
            event = site.promote(site.candidate(7, "newer"))
            assert (event.kind, site.served) == (EventKind.PROMOTED, 2026110701)
            served = site.repository.served_versions()
            stalling.wake()

        lost += 1
        assert isinstance(stalling.error, LedgerError), stalling.error
        assert "lost while it was held" in str(stalling.error) or "cannot be used" in str(stalling.error)
        assert site.repository.served_versions() == served
        # Whatever it was about to do can be done again.
        settle(site.ledger, site.repository)
        assert (site.served, site.ledger.service().live) == (2026110701, 2026110701)
        assert site.promote(site.candidate(8)).version == site.served == 2026110801
        assert whole(site)
    assert stalling.error is None
    assert lost > 2


def test_the_error_says_what_was_lost_and_what_to_do(make_site: Callable[[], Site], postgres: Path) -> None:
    site = make_site()

    def lose_it_and_move() -> None:
        with site.ledger.exclusive() as held:
            end_sessions_that_hold_the_lock(site, postgres)
            with moving(held, site.repository) as moves:
                moves.remove(2026110301)

    with pytest.raises(LockLostError) as caught:
        lose_it_and_move()

    assert str(caught.value).startswith("the lock of the ledger at postgresql")
    assert "terminating connection due to administrator command" in str(caught.value)
    assert str(caught.value).endswith(
        "Another process may have promoted or rolled back since, so nothing more was moved. Clear the task or run the "
        "command again; `bert-service models settle` makes the served folder follow the ledger."
    )
    assert 2026110301 in site.repository.versions()


def test_an_event_of_somebody_else_means_that_the_lock_is_not_held(
    make_site: Callable[[], Site], postgres: Path
) -> None:
    """As where a proxy between gives the session to another connection."""
    site = make_site()
    copy = "INSERT INTO events SELECT 9, at, kind, reason, actor, dag_id, 'x', data_date, first_day, 2026110901, "
    rest = "model_uri, model_digest, champion, metrics, final, pipeline FROM events WHERE position = 3"

    def hold_while_another_writes() -> None:
        with site.ledger.exclusive() as held:
            with engine(postgres, site.folder.name).connect() as connection:
                connection.execute(sa.text(copy + rest))
            held.check()

    with pytest.raises(LockLostError, match="event 9 is another process' own"):
        hold_while_another_writes()


def test_what_a_killed_process_was_moving_is_found_and_put_right(site: Site) -> None:
    for day in (3, 4):
        site.promote(site.candidate(day))
    left = site.repository.withdrawn / ".moving-of-a-killed-process"
    left.mkdir()
    (site.repository.served / "2026110401").rename(left / "2026110401")
    assert site.repository.folder(2026110401) == left / "2026110401"

    settle(site.ledger, site.repository)

    assert site.served == 2026110401
    assert whole(site)
