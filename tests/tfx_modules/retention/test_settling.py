"""After a restore: what the databases do not know is moved aside, and the version in service is served."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import postgres
from tests.tfx_modules.retention.records import KEEP_ALL, NOW, Records, places
from tfx_modules.node.connection import connection_config
from tfx_modules.promotion.events import Draft, EventKind
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.request import Places
from tfx_modules.retention.restored.settling import Settled
from tfx_modules.retention.retention import Retention

__all__ = ["postgres"]

OLD, LIVE, LATER = 2026110401, 2026110501, 2026110601


@pytest.fixture(params=["sqlite", "postgresql"])
def restored(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Places, Records]:
    """A run in store and folder, versions in ledger and folder."""
    where = places(tmp_path)
    if request.param == "postgresql":
        server: Path = request.getfixturevalue("postgres")
        with psycopg.connect(f"postgresql://postgres@/postgres?host={server}", autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS mlmd_settling WITH (FORCE)")
            connection.execute("CREATE DATABASE mlmd_settling")
        address = f"postgresql://postgres@/mlmd_settling?host={server}"
        config = connection_config("postgresql://postgres@localhost/mlmd_settling")
        config.postgresql.host = str(server)
        where = replace(where, metadata=address)
        records = Records(address, where.pipeline, config)
    else:
        records = Records(where.metadata, where.pipeline)
    records.node("Trainer", "run-1")
    promote(where, OLD, EventKind.PROMOTED)
    promote(where, LIVE, EventKind.PROMOTED)
    return where, records


def promote(where: Places, version: int, kind: EventKind) -> None:
    with open_ledger(where.ledger, where.name).exclusive() as held:
        held.append(Draft(kind=kind, reason="better", actor="test", version=version))
    make(where.models / str(version))


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "file").write_text("content")
    return folder


def settle(where: Places) -> Settled:
    return Retention(KEEP_ALL, where, NOW).settle()


def test_what_the_store_does_not_know_is_moved_aside_and_the_rest_stays(restored: tuple[Places, Records]) -> None:
    where, records = restored
    (known,) = records.executions()
    later = make(where.pipeline / "Trainer" / "thing" / str(known + 1))
    report = make(where.pipeline / "Trainer" / ".system" / "executor_execution" / str(known + 1))

    settled = settle(where)

    assert {path for path, _ in settled.moved} == {later, report}
    assert all(
        (moved / "file").read_text() == "content" and moved.parent == where.pipeline / ".aside"
        for _, moved in settled.moved
    )
    assert (where.pipeline / "Trainer" / "thing" / str(known) / "file").exists()
    assert not later.exists()
    assert f"moved aside: {later} -> " in settled.text
    assert settle(where).moved == ()


def test_a_version_that_the_ledger_does_not_know_is_not_served(restored: tuple[Places, Records]) -> None:
    where, _ = restored
    make(where.models / str(LATER))

    settled = settle(where)

    assert sorted(path.name for path in where.models.iterdir() if path.name.isdecimal()) == [str(OLD), str(LIVE)]
    assert [path.name for path, _ in settled.moved] == [str(LATER)]
    assert (where.models / ".aside").is_dir()
    assert settled.text.endswith(f"1 moved aside that no database knows; {LIVE} is in service")


def test_the_card_of_a_version_that_the_ledger_does_not_know_is_moved_aside(restored: tuple[Places, Records]) -> None:
    where, _ = restored
    cards = where.models.with_name("bert.cards")
    cards.mkdir()
    for version in (LIVE, LATER):
        (cards / f"{version}.html").write_text(f"card of {version}")

    ((lost, moved),) = settle(where).moved

    assert lost == cards / f"{LATER}.html"
    assert moved.read_text() == f"card of {LATER}"
    assert moved.parent == cards / ".aside"
    assert [path.name for path in cards.glob("*.html")] == [f"{LIVE}.html"]
    assert settle(where).moved == ()


def test_what_was_copied_for_tflite_of_a_version_that_the_ledger_does_not_know_is_moved_aside(
    restored: tuple[Places, Records],
) -> None:
    where, _ = restored
    copies = where.models.with_name("bert.tflite")
    (copies / str(OLD)).mkdir(parents=True)
    (copies / str(LATER)).mkdir()

    ((lost, moved),) = settle(where).moved

    assert (lost, moved.parent) == (copies / str(LATER), copies / ".aside")
    assert sorted(path.name for path in copies.iterdir()) == [".aside", str(OLD)]


def test_the_version_in_service_is_served_again(restored: tuple[Places, Records]) -> None:
    where, _ = restored
    withdrawn = where.models.with_name("bert.withdrawn")
    withdrawn.mkdir(exist_ok=True)
    (where.models / str(LIVE)).rename(withdrawn / str(LIVE))

    assert settle(where).live == LIVE

    assert (where.models / str(LIVE) / "file").exists()


def test_a_store_of_another_backup_is_refused(restored: tuple[Places, Records]) -> None:
    where, _ = restored
    other = make(where.pipeline.with_name("other") / "Trainer" / "thing" / "77").parents[2]

    with pytest.raises(RetentionError, match=r"none of the 1 artifacts of .*allowed: store and folder of one backup"):
        settle(replace(where, pipeline=other))

    assert (other / "Trainer" / "thing" / "77").is_dir()
