"""The ledger on both of its databases: a SQLite file, and a real PostgreSQL."""

import datetime as dt
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from tfx_modules.promotion import ledger as package
from tfx_modules.promotion.events import Approval, Draft, Event, EventKind, Run
from tfx_modules.promotion.exceptions import LedgerError
from tfx_modules.promotion.ledger import Ledger, open_ledger, tables
from tfx_modules.promotion.ledger.database import LedgerDatabase

NAME = "bert"
DAY = dt.date(2026, 11, 5)
RUN = Run(dag_id="bert", run_id="manual__2026-11-05", data_date=DAY, first_day=dt.date(2026, 10, 23))
PROMOTION = Draft(
    kind=EventKind.PROMOTED,
    reason="größer ✓",
    actor="somebody",
    run=RUN,
    version=2026110501,
    model_uri="/pipeline/Trainer/model/7",
    model_digest="0" * 64,
    champion=2026110401,
    metrics={"accuracy": 0.91, "sets": [{"name": "sample-v1"}]},
    final=True,
)


def next_run(name: str) -> Draft:
    return replace(PROMOTION, run=replace(RUN, run_id=name), kind=EventKind.BLOCKED, version=None)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new/ledger.db"
        return
    folder: Path = request.getfixturevalue("postgres")
    server = sa.create_engine(
        f"postgresql+psycopg://postgres@/postgres?host={folder}", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with server.connect() as connection:
        connection.execute(sa.text("DROP DATABASE IF EXISTS ledger WITH (FORCE)"))
        connection.execute(sa.text("CREATE DATABASE ledger"))
    yield f"postgresql://postgres@/ledger?host={folder}"


@pytest.fixture
def ledger(address: str) -> Ledger:
    return open_ledger(address, NAME)


def append(ledger: Ledger, draft: Draft) -> Event:
    with ledger.exclusive() as held:
        return held.append(draft)


def test_a_new_ledger_is_empty(ledger: Ledger) -> None:
    assert ledger.events() == []


def test_an_event_is_read_as_it_was_written(ledger: Ledger, address: str) -> None:
    written = append(ledger, PROMOTION)

    assert open_ledger(address, NAME).events() == [written]
    assert {name: getattr(written, name) for name in vars(PROMOTION)} == vars(PROMOTION)
    assert written.at.tzinfo == dt.UTC


def test_an_event_without_a_run_is_read_as_it_was_written(ledger: Ledger) -> None:
    append(ledger, Draft(kind=EventKind.PINNED, reason="a demo", actor="me", version=2026110501))

    assert ledger.events()[0].run is None


def test_positions_rise_and_time_does_not_go_back(address: str) -> None:
    times = [dt.datetime(2026, 11, 5, hour, tzinfo=dt.UTC) for hour in (9, 7, 8, 10)]
    clock = iter(times)
    ledger = open_ledger(address, NAME, lambda: next(clock))

    events = [append(ledger, next_run(f"run-{number}")) for number in range(4)]

    assert [event.position for event in events] == [1, 2, 3, 4]
    assert [event.at.hour for event in events] == [9, 9, 9, 10]


def test_an_error_leaves_nothing_behind(ledger: Ledger) -> None:
    def killed() -> None:
        with ledger.exclusive() as held:
            held.append(PROMOTION)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        killed()

    assert ledger.events() == []


@pytest.mark.parametrize(
    "second",
    [
        replace(PROMOTION, kind=EventKind.BLOCKED, version=None),
        replace(PROMOTION, run=replace(RUN, run_id="another")),
    ],
    ids=["a second verdict of a run", "a second promotion of a version"],
)
def test_the_database_itself_refuses(ledger: Ledger, second: Draft) -> None:
    append(ledger, PROMOTION)

    with pytest.raises(LedgerError, match=r"the ledger refuses a second (blocked|promoted)"):
        append(ledger, second)
    assert len(ledger.events()) == 1


@pytest.mark.parametrize("change", ["UPDATE events SET reason = 'another'", "DELETE FROM events"])
def test_events_cannot_be_changed_by_anybody(ledger: Ledger, address: str, change: str) -> None:
    append(ledger, PROMOTION)
    engine = sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)

    with pytest.raises(sa.exc.DBAPIError, match="events are never changed"), engine.begin() as connection:
        connection.execute(sa.text(change))

    assert ledger.events()[0].reason == "größer ✓"


def test_one_at_a_time_holds_the_lock(ledger: Ledger) -> None:
    order: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with ledger.exclusive() as held:
            inside.set()
            go_on.wait(30)
            held.append(PROMOTION)
            order.append("first")

    def follow() -> None:
        with ledger.exclusive() as held:
            order.append(f"second sees {len(held.events())}")

    threads = [threading.Thread(target=hold), threading.Thread(target=follow)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    threads[1].join(0.3)
    assert order == []
    go_on.set()
    for thread in threads:
        thread.join(30)

    assert order == ["first", "second sees 1"]


def test_a_committed_event_is_on_the_disk_with_the_folders_entry_of_the_journal(tmp_path: Path) -> None:
    database = LedgerDatabase(f"sqlite:///{tmp_path}/new/ledger.db")

    with database.transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 3  # EXTRA, SQLite's strictest
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"  # which EXTRA is made for


def test_the_path_of_a_file_is_taken_and_shown_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "100%20 ü=@" / "ledger.db"
    database = LedgerDatabase(f"sqlite:///{file}")

    with database.transaction():
        pass

    assert file.exists()
    assert database.name == f"the ledger at sqlite:///{file}"


def test_an_approval_is_read_as_it_was_written_and_never_changed(ledger: Ledger, address: str) -> None:
    approval = Approval(
        run=RUN,
        actor="anna",
        at=dt.datetime(2026, 11, 6, 9, 12, tzinfo=dt.UTC),
        comment="größer ✓",
        model_digest="0" * 64,
        champion=2026110401,
        reason="as good as 2026110401",
        metrics={"sets": [{"name": "sample-v1"}]},
    )
    with ledger.exclusive() as held:
        held.approve(approval)

    assert ledger.approval(RUN, approval.model_digest) == approval
    assert open_ledger(address, "films").approval(RUN, approval.model_digest) is None
    assert ledger.approval(RUN, "1" * 64) is None, "it was trained anew"
    with pytest.raises(LedgerError, match="refuses a second approval of model 000"), ledger.exclusive() as held:
        held.approve(replace(approval, actor="berta"))
    for change in ("UPDATE approvals SET actor = 'me'", "DELETE FROM approvals"):
        refused = pytest.raises(LedgerError, match="approvals are never changed")
        with refused, LedgerDatabase(address).transaction() as connection:
            connection.exec_driver_sql(change)
    assert ledger.approval(RUN, approval.model_digest) == approval


def test_deliveries_are_noted_once(ledger: Ledger) -> None:
    position = append(ledger, PROMOTION).position
    for channel in ("mail", "hook", "mail"):
        with ledger.exclusive() as held:
            held.mark_delivered(position, channel)

    with ledger.exclusive() as held:
        assert held.delivered(position) == {"mail", "hook"}
        assert held.delivered(position + 1) == frozenset()


def test_two_pipelines_in_one_database_have_a_history_each(ledger: Ledger, address: str) -> None:
    other = open_ledger(address, "films")
    mine = append(ledger, PROMOTION)
    theirs = append(other, replace(PROMOTION, run=replace(RUN, dag_id="films")))
    append(other, Draft(kind=EventKind.ROLLED_BACK, reason="rude", actor="me", version=2026110301))

    assert (mine.position, theirs.position) == (1, 2)
    assert ledger.events() == [mine]
    assert (ledger.service().live, other.service().live) == (2026110501, 2026110301)
    with ledger.exclusive() as held:
        assert {name: len(events) for name, events in held.events_of_others().items()} == {"films": 2}


def test_a_ledger_from_before_names_were_kept_is_the_history_of_the_only_name_there_was(address: str) -> None:
    engine = sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    if file := engine.url.database if engine.dialect.name == "sqlite" else "":
        Path(file).parent.mkdir(parents=True)
    config = Config()
    config.set_main_option("script_location", str(Path(package.__file__).with_name("migrations")))
    newer = {"run", "pipeline_version"}
    old = {name: value for name, value in vars(PROMOTION).items() if name not in newer} | vars(RUN)
    row = {**old, "kind": "promoted", "position": 1, "at": dt.datetime(2026, 11, 5, tzinfo=dt.UTC)}
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(sa.insert(tables.events).values(row))

    upgraded, films = open_ledger(address, "bert_sentiment"), open_ledger(address, "films")
    assert [(event.version, event.pipeline_version) for event in upgraded.events()] == [(2026110501, "")]
    assert films.events() == []
    with upgraded.exclusive() as held:
        environment = held.environment.id
    with films.exclusive() as held:
        assert held.environment.id == environment is not None
    # A run that is pinned to code from before goes on writing.
    with engine.begin() as connection:
        connection.execute(
            sa.insert(tables.events).values({**row, "position": 2, "run_id": "2", "version": 2026110502})
        )
    assert len(open_ledger(address, "bert_sentiment").events()) == 2


def test_tables_are_what_the_migrations_make(address: str) -> None:
    open_ledger(address, NAME)
    engine = sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)

    found = sa.inspect(engine)

    for table in tables.metadata.sorted_tables:
        assert [column["name"] for column in found.get_columns(table.name)] == table.columns.keys()
    config = Config()
    config.set_main_option("script_location", str(Path(package.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_current_head() == tables.HEAD


def test_a_ledger_of_newer_code_is_used_as_it_is(ledger: Ledger, address: str) -> None:
    engine = sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(sa.text("ALTER TABLE events ADD COLUMN colour TEXT"))

    append(open_ledger(address, NAME), PROMOTION)

    assert ledger.events()[0].version == 2026110501


@pytest.mark.parametrize("wrong", ["mysql://user:secret@db/x", "sqlite:///relative.db", "sqlite://", "nonsense", ""])
def test_other_addresses_are_refused_without_their_password(wrong: str) -> None:
    with pytest.raises(LedgerError, match=r"allowed: sqlite:////absolute/path and postgresql://") as caught:
        open_ledger(wrong, NAME)
    assert "secret" not in str(caught.value)


def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"the ledger at postgresql.* cannot be used: .*\. Look at") as caught:
        open_ledger(f"postgresql://me:secret@/ledger?host={tmp_path}", NAME)
    assert "secret" not in str(caught.value)
