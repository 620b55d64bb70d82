"""The ledger that the TFX side writes is read here, from SQLite and from PostgreSQL, without writing to it."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import LedgerReadError
from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.promotion.ledger_reader import PAGE_SIZE, HistoryPage, HistoryQuery, LedgerReader, Order
from airflow_bert_service.promotion.measurements import measured_sets

from tests.plugins.ledgers import PIPELINE, SeededState, odd_event, seeded
from tests.support.postgres import running_postgres

YEAR = 365


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> SeededState:
    return seeded(tmp_path_factory.mktemp("state"), days=YEAR)


@pytest.fixture(params=["sqlite", "postgresql"])
def reader(request: pytest.FixtureRequest, state: SeededState, tmp_path: Path) -> Iterator[LedgerReader]:
    if request.param == "sqlite":
        yield LedgerReader(state.ledger, PIPELINE)
        return
    with running_postgres() as socket:
        address = f"postgresql://postgres@/postgres?host={socket}"
        seeded(tmp_path, days=YEAR, ledger=address)
        yield LedgerReader(address, PIPELINE)


def page(reader: LedgerReader, query: HistoryQuery) -> HistoryPage:
    with reader.open() as ledger:
        return ledger.history(query)


def test_the_pages_of_the_history_have_every_event_once(reader: LedgerReader) -> None:
    first = page(reader, HistoryQuery())
    pages = [page(reader, HistoryQuery(page=number)) for number in range(1, first.pages + 1)]

    positions = [event.position for one in pages for event in one.events]

    assert positions == list(range(first.total, 0, -1))
    assert {len(one.events) for one in pages[:-1]} == {PAGE_SIZE}
    assert first.total == sum(first.counts.values()) > YEAR
    assert first.events[0].at == dt.datetime(2026, 11, 6, 0, 12, 31, tzinfo=dt.timezone.utc)
    # Kinds, order and search hold over all pages.
    by_date = [page(reader, HistoryQuery(order=Order.DATE, page=number)).events for number in range(1, first.pages + 1)]
    dates = [event.data_date for events in by_date for event in events]
    known = [date for date in dates if date]
    assert known == sorted(known, reverse=True)
    assert dates[len(known) :] == [None] * (first.total - len(known))
    for kind, count in first.counts.items():
        found = page(reader, HistoryQuery(kind=kind))
        assert (found.total, {event.kind for event in found.events}) == (count, {kind})
    assert page(reader, HistoryQuery(page=first.pages + 7)) == pages[-1]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("2026110401", {EventKind.PROMOTED: 1, EventKind.ROLLED_BACK: 1}),
        ("CALLS EVERYTHING", {EventKind.ROLLED_BACK: 7}),
        ("scheduled__2026-11-06", {EventKind.PROMOTED: 1}),
        ("2026-11-05", {EventKind.PROMOTED: 2}),  # the data date of one, in the run id of the one before
        ("%", {}),
        ("' OR 1=1 --", {}),
    ],
)
def test_the_search_takes_every_text_as_it_is(state: SeededState, text: str, counts: dict[EventKind, int]) -> None:
    assert page(LedgerReader(state.ledger, PIPELINE), HistoryQuery(text=text)).counts == counts


def test_the_version_in_service_has_its_promotion_and_the_one_before(reader: LedgerReader) -> None:
    with reader.open() as ledger:
        live = ledger.in_service()
        left = ledger.version(2026110401)
        never = ledger.version(2026110402)
    assert live is not None
    assert live.promotion == live.event
    assert (live.event.version, live.event.champion) == (2026110501, 2026110301)
    assert live.before is not None
    assert (live.before.version, live.before.data_date) == (2026110301, dt.date(2026, 11, 3))
    measured = measured_sets(live.event.metrics)
    assert [(one.name, one.accuracy, one.champion_accuracy) for one in measured] == [
        ("sample-v1", 0.93, 0.918),
        ("the eval split", 0.919, 0.907),
    ]
    assert left is not None
    assert [event.kind for event in left.events] == [EventKind.ROLLED_BACK, EventKind.PROMOTED]
    assert (left.is_live, left.is_pinned, never) == (False, False, None)


def test_other_pipelines_have_a_history_of_their_own(state: SeededState) -> None:
    with LedgerReader(state.ledger, "film_sentiment").open() as ledger:
        assert (ledger.in_service(), ledger.history(HistoryQuery())) == (None, HistoryPage())


def test_a_ledger_that_is_not_there_yet_has_no_events_and_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with LedgerReader(f"sqlite:///{file}", PIPELINE).open() as ledger:
        assert (ledger.in_service(), ledger.history(HistoryQuery()), ledger.version(1)) == (None, HistoryPage(), None)
    assert not file.exists()
    sqlite3.connect(file).close()
    file.touch()
    with LedgerReader(f"sqlite:///{file}", PIPELINE).open() as ledger:
        assert ledger.in_service() is None


def test_reading_waits_for_nobody_who_holds_the_ledgers_lock(state: SeededState) -> None:
    with closing(sqlite3.connect(state.file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert page(LedgerReader(state.ledger, PIPELINE), HistoryQuery()).total > YEAR
        writer.execute("ROLLBACK")


def test_a_damaged_ledger_and_one_of_an_earlier_release_are_told(tmp_path: Path) -> None:
    file = tmp_path / "ledger 100%20.db"
    reader = LedgerReader(f"sqlite:///{file}", PIPELINE)
    file.write_text("no database, and long enough to be taken for one" * 10)
    with pytest.raises(LedgerReadError, match=r"cannot be read: file is not a database\. Look at the"), reader.open():
        pass
    file.unlink()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('0003')")
    with pytest.raises(LedgerReadError, match=r"revision 0003\); allowed: 0004 and later\. Run"), reader.open():
        pass


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"kind": "moved"}, "an event of the kind 'moved'; allowed: promoted, blocked,"),
        ({"metrics": "{"}, "cannot be read: "),
        ({"data_date": "yesterday"}, "cannot be read: "),
    ],
    ids=str,
)
def test_an_event_of_another_form_is_told(tmp_path: Path, values: dict[str, str], told: str) -> None:
    state = seeded(tmp_path, days=3)
    odd_event(state, **values)
    with pytest.raises(LedgerReadError, match=told):
        page(LedgerReader(state.ledger, PIPELINE), HistoryQuery())


def test_a_verdict_may_be_without_measurements(tmp_path: Path) -> None:
    state = seeded(tmp_path, days=3)
    odd_event(state, metrics="null", data_date="2030-01-01")
    with LedgerReader(state.ledger, PIPELINE).open() as ledger:
        assert [event.metrics for event in ledger.judged(1)] == [{}]
    odd_event(state, pipeline="film", data_date="0001-01-02")  # no day is 3,660 days before it
    with LedgerReader(state.ledger, "film").open() as ledger:
        assert len(ledger.judged(3660)) == 1


def test_a_file_that_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    reader = LedgerReader(f"sqlite:///{tmp_path}/{'x' * 300}/ledger.db", PIPELINE)
    with pytest.raises(LedgerReadError, match=r"cannot be read: .*File name too long"), reader.open():
        pass


@pytest.mark.parametrize("address", ["mysql://root:secret@db/ledger", "postgresql://bert:secret@db:port/ledger"])
def test_an_address_of_something_else_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(LedgerReadError, match="allowed: sqlite:////absolute/path and postgresql://") as caught:
        LedgerReader(address, PIPELINE)
    assert "secret" not in str(caught.value)


def test_a_database_server_that_does_not_answer_is_told_without_its_password() -> None:
    reader = LedgerReader("postgresql://bert:secret@127.0.0.1:1/ledger", PIPELINE)
    told = pytest.raises(LedgerReadError, match=r"\*\*\*@127\.0\.0\.1:1/ledger cannot be read: .*refused")
    with told as caught, reader.open():
        pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "sets",
    [
        None,
        "text",
        7,
        [None, 7, {}],
        [{"slices": [1], "accuracy": True, "n": 1.5}],
        [{"accuracy": 10**400, "n": 10**400}],
        [{"accuracy": float("nan")}],
    ],
)
def test_measurements_of_another_form_are_left_out(sets: object) -> None:
    assert all((one.accuracy, one.n, one.slices) == (None, None, ()) for one in measured_sets({"sets": sets}))
