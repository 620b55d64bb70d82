"""Retention with another environment's ledger or ML Metadata, or with an empty one, removes nothing."""

import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tfx_modules.promotion.test_environment import id_of, make_site
from tests.tfx_modules.retention.records import DAY, KEEP_ALL, Records, places, tree
from tfx_modules.exceptions import PipelineError
from tfx_modules.promotion.environment import CONTEXT_TYPE, MARKER, read_marker, write_marker
from tfx_modules.promotion.exceptions import EnvironmentMismatchError
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.request import Places
from tfx_modules.retention.retention import Retention, retain
from tfx_modules.retention.store.database import MetadataDatabase
from tfx_modules.retention.store.environment import read_environment

LATER = dt.datetime.now(dt.UTC) + 2 * DAY
RULES = replace(KEEP_ALL, keep_versions=1, keep_artifact_days=30, keep_span_days=90)


def make_state(folder: Path, *days: int, runs: str = "", offset: int = 0) -> Path:
    """A state of an environment: promoted models of days, with the records of their runs, and days of reviews.

    Args:
        folder: A new one.
        days: Of November 2026.
        runs: Text before the ids of the runs.
        offset: How many other executions came before.
    """
    site = make_site(folder)
    records = Records(f"sqlite:///{folder}/mlmd.db", folder / "pipeline")
    for number in range(offset):
        records.node("Gen", f"earlier-{number}")
    for day in days:
        trained = records.node("Trainer", f"run-{day}-{runs}a", age=40)
        records.node("Pusher", f"run-{day}-{runs}a", age=40, inputs=trained.artifacts)
        site.promote(site.candidate(day, f"{runs}a"))
    records.node("Gen", "young", age=1)
    (folder / "spans" / "2026-11-05" / "v1").mkdir(parents=True)
    return folder


@pytest.fixture
def a(tmp_path: Path) -> Path:
    return make_state(tmp_path / "a", 1, 2, 3, 4)


@pytest.fixture
def b(tmp_path: Path) -> Path:
    return make_state(tmp_path / "b", 1, 2, 3, offset=9)


def ids(where: Places) -> set[str | None]:
    """The ids of all places but the ledger."""
    with MetadataDatabase(where.metadata).reading() as connection:
        store = read_environment(connection) if connection else None
    return {read_marker(where.models), read_marker(where.pipeline), read_marker(where.spans), store}


def forget(folder: Path) -> None:
    """Make a state one of before there were ids; its ledger gets another one."""
    for marker in folder.rglob(MARKER):
        marker.unlink()
    with closing(sqlite3.connect(folder / "mlmd.db")) as connection:
        connection.execute("DELETE FROM Context WHERE type_id IN (SELECT id FROM Type WHERE name = ?)", [CONTEXT_TYPE])
        connection.commit()


def with_ledger_of(where: Places, other: Path) -> Places:
    return replace(where, ledger=f"sqlite:///{other}/ledger.db")


def with_metadata_of(where: Places, other: Path) -> Places:
    return replace(where, metadata=f"sqlite:///{other}/mlmd.db")


MIXES = [
    pytest.param(with_ledger_of, id="ledger"),
    pytest.param(with_metadata_of, id="metadata"),
    pytest.param(lambda where, other: with_ledger_of(with_metadata_of(where, other), other), id="ledger and metadata"),
]
Mix = Callable[[Places, Path], Places]


def refuses(where: Places, folder: Path, match: str) -> None:
    """Retention refuses, and all is as it was."""
    before = tree(folder / "models"), tree(folder / "pipeline"), tree(folder / "spans"), open_events(folder)
    stored = sqlite_dump(where)
    with pytest.raises(PipelineError, match=match):
        retain(RULES, where, dry_run=False, now=LATER, trust_clock=True)
    with pytest.raises(PipelineError, match=match):
        retain(RULES, where, dry_run=True, now=LATER, trust_clock=True)
    assert (tree(folder / "models"), tree(folder / "pipeline"), tree(folder / "spans"), open_events(folder)) == before
    assert sqlite_dump(where) == stored


def open_events(folder: Path) -> int:
    return len(open_ledger(f"sqlite:///{folder}/ledger.db", "bert").events())


def sqlite_dump(where: Places) -> list[str]:
    file = where.metadata.removeprefix("sqlite:///")
    if not Path(file).exists():
        return []
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("mix", MIXES)
def test_after_its_first_retention_an_environment_refuses_the_places_of_another(a: Path, b: Path, mix: Mix) -> None:
    for folder in (a, b):
        retain(KEEP_ALL, places(folder), dry_run=False, now=LATER)
        assert ids(places(folder)) == {id_of(open_ledger(f"sqlite:///{folder}/ledger.db", "bert"))}

    refuses(mix(places(a), b), a, r"has environment id .{36}, and .* has .{36}; allowed: places of one environment")


@pytest.mark.parametrize("mix", MIXES)
def test_the_places_of_another_environment_are_refused_before_there_are_ids(a: Path, b: Path, mix: Mix) -> None:
    forget(a)
    forget(b)

    refuses(mix(places(a), b), a, r"does not fit|do not fit|does not know")


@pytest.mark.parametrize("marked", [True, False])
def test_an_empty_ledger_is_refused(a: Path, tmp_path: Path, marked: bool) -> None:
    if not marked:
        forget(a)
    open_ledger(f"sqlite:///{tmp_path}/empty/ledger.db", "bert")

    refuses(with_ledger_of(places(a), tmp_path / "empty"), a, r"has environment id|does not know; it knows none")
    refuses(with_ledger_of(places(a), tmp_path / "missing"), a, r"nothing is in service, and .* has versions")


@pytest.mark.parametrize("marked", [True, False])
def test_an_empty_metadata_store_is_refused(a: Path, tmp_path: Path, marked: bool) -> None:
    if marked:
        retain(KEEP_ALL, places(a), dry_run=False, now=LATER)
    else:
        forget(a)
    (tmp_path / "empty").mkdir()
    Records(f"sqlite:///{tmp_path}/empty/mlmd.db", tmp_path / "nowhere")

    for other in ("empty", "missing"):
        refuses(with_metadata_of(places(a), tmp_path / other), a, r"does not know run run-4-a, which has promoted")


def test_a_missing_ledger_is_refused_where_nothing_is_served_any_more(a: Path, tmp_path: Path) -> None:
    retain(KEEP_ALL, places(a), dry_run=False, now=LATER)
    shutil.rmtree(a / "models")

    refuses(with_ledger_of(places(a), tmp_path / "missing"), a, r"there is no ledger at .*pipeline has environment id")


def test_the_live_version_without_its_folder_is_refused(a: Path) -> None:
    shutil.rmtree(a / "models" / "bert" / "2026110401")

    refuses(places(a), a, r"version 2026110401 is in service by the ledger, and has no folder")


def test_a_served_version_that_the_ledger_does_not_know_is_refused(a: Path) -> None:
    (a / "models" / "bert" / "2026110105").mkdir()

    refuses(places(a), a, r"has versions 2026110105, which the ledger does not know; it knows 2026110101, 20261102")


def test_an_older_environment_whose_places_fit_gets_its_id_and_is_retained(a: Path) -> None:
    forget(a)

    gone = retain(RULES, places(a), dry_run=False, now=LATER)

    assert [item.name for item in gone.items] == ["2026110101", "run-1-a"]
    assert ids(places(a)) == {id_of(open_ledger(f"sqlite:///{a}/ledger.db", "bert"))}


def test_a_dry_run_gives_no_ids(a: Path) -> None:
    forget(a)
    before = tree(a)

    retain(RULES, places(a), dry_run=True, now=LATER)

    assert tree(a) == before


def test_ids_are_set_by_hand_after_a_restore_and_shown_before_and_after(a: Path, b: Path) -> None:
    for folder in (a, b):
        retain(KEEP_ALL, places(folder), dry_run=False, now=LATER)
    ours, theirs = (id_of(open_ledger(f"sqlite:///{folder}/ledger.db", "bert")) for folder in (a, b))
    shutil.rmtree(a / "spans")
    shutil.copytree(b / "spans", a / "spans")
    (a / "pipeline" / MARKER).write_text("nonsense")

    would = Retention(KEEP_ALL, places(a), LATER).adopt(dry_run=True)
    assert read_marker(a / "spans") == theirs
    done = Retention(KEEP_ALL, places(a), LATER).adopt(dry_run=False)

    assert would == done
    assert [(row.before, row.after) for row in done] == [
        (ours, ours),
        (ours, ours),
        ("damaged", ours),
        (theirs, ours),
        (ours, ours),
    ]
    assert ids(places(a)) == {ours}
    retain(RULES, places(a), dry_run=False, now=LATER)


def test_without_a_ledger_there_is_no_id_to_adopt(tmp_path: Path) -> None:
    with pytest.raises(RetentionError, match=r"there is no ledger whose environment id the other places could get"):
        Retention(KEEP_ALL, places(tmp_path), LATER).adopt(dry_run=False)


def test_on_postgresql_the_store_has_the_id_too(records_on_postgresql: Records, tmp_path: Path) -> None:
    site = make_site(tmp_path / "a")
    records = records_on_postgresql
    records.node("Gen", "young", age=1)
    where = replace(places(tmp_path / "a", metadata=records.address), pipeline=records.root)
    retain(KEEP_ALL, where, dry_run=False, now=LATER)
    assert [found.name for found in records.store.get_contexts_by_type(CONTEXT_TYPE)] == [id_of(site.ledger)]

    other = make_site(tmp_path / "b")
    with pytest.raises(EnvironmentMismatchError, match=r"has environment id .*, and the folder .*pipeline has"):
        retain(KEEP_ALL, replace(where, ledger=f"sqlite:///{tmp_path}/b/ledger.db"), dry_run=False, now=LATER)
    mixed = replace(where, ledger=f"sqlite:///{tmp_path}/b/ledger.db", pipeline=tmp_path / "b" / "pipeline")
    with pytest.raises(EnvironmentMismatchError, match=r"and the ML Metadata store at postgresql\+psycopg://.* has"):
        retain(KEEP_ALL, mixed, dry_run=False, now=LATER)

    Retention(KEEP_ALL, mixed, LATER).adopt(dry_run=False)
    assert [found.name for found in records.store.get_contexts_by_type(CONTEXT_TYPE)] == [id_of(other.ledger)]


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two environments, and an empty one, to be copied."""
    folder = tmp_path_factory.mktemp("states")
    make_state(folder / "a", 1, 2, 3, 4)
    make_state(folder / "b", 1, 2, 3, 5, runs="other-", offset=5)
    make_site(folder / "empty")
    Records(f"sqlite:///{folder}/empty/mlmd.db", folder / "empty" / "pipeline")
    return folder


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_mixed_the_live_version_and_what_the_ledger_does_not_know_stay(
    states: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("mixed")
    shutil.copytree(states, folder, dirs_exist_ok=True)
    names = st.sampled_from(["a", "b", "empty", "missing"])
    ledger, metadata = data.draw(names, "ledger"), data.draw(names, "metadata")
    for name in ("a", "b"):
        if data.draw(st.booleans(), f"{name} has no ids"):
            forget(folder / name)
    if data.draw(st.booleans(), "the folders are adopted"):
        adopted = folder / ledger / "ledger.db"
        if adopted.exists():
            write_marker(folder / "a" / "models" / "bert", id_of(open_ledger(f"sqlite:///{adopted}", "bert")))
    for version in data.draw(st.sets(st.sampled_from([2026110102, 2026110105, 2026120101])), "put there by others"):
        (folder / "a" / "models" / "bert" / str(version)).mkdir()
    where = replace(
        places(folder / "a"),
        ledger=f"sqlite:///{folder}/{ledger}/ledger.db",
        metadata=f"sqlite:///{folder}/{metadata}/mlmd.db",
    )
    rules = replace(
        RULES,
        keep_versions=data.draw(st.integers(0, 2), "keep_versions"),
        keep_max_removed_share=data.draw(st.sampled_from([0.1, 0.5, 1.0]), "share"),
    )
    now = LATER + dt.timedelta(days=data.draw(st.sampled_from([-4000, -3, 0, 31, 4000]), "clock"))
    repository = ModelRepository(where.models)
    before = repository.served_versions()

    try:
        retain(rules, where, dry_run=False, now=now, trust_clock=data.draw(st.booleans(), "trust_clock"))
    except PipelineError:
        assert repository.served_versions() == before
    else:
        assert repository.served_versions() <= before
    known = open_ledger(where.ledger, "bert").service() if (folder / ledger / "ledger.db").exists() else None
    stay = {number for number in before if known is None or number not in known.past or number == known.live}
    # The live version by the right ledger stays, too, whatever ledger was named.
    stay.add(2026110401)
    assert stay <= repository.served_versions()
    shutil.rmtree(folder)
