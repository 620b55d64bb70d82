"""Backups of real databases and folders: what comes back is what was saved, or nothing is changed."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from airflow_bert_service.backup.contents import SavedFolders
from airflow_bert_service.backup.databases import Database, database
from airflow_bert_service.backup.restoring import restore
from airflow_bert_service.backup.saving import save
from airflow_bert_service.exceptions import BackupError, RetentionError, SettingsError
from airflow_bert_service.settings.settings import RESTORING, load_settings, settings_from

from scripts import compose_backup
from scripts.stack import paths
from tests.support.postgres import postgres

__all__ = ["postgres"]

NAMES = ("airflow", "ledger", "mlmd")
SETTLED = "1 moved aside that no database knows; 2026110501 is in service\n"


@dataclass
class Installation:
    """A state folder, and three databases."""

    state: Path
    addresses: Mapping[str, str]

    @property
    def databases(self) -> dict[str, Database]:
        return {name: database(name, address) for name, address in self.addresses.items()}

    def query(self, name: str, statement: str) -> str:
        address = self.addresses[name]
        if address.startswith("sqlite"):
            with closing(sqlite3.connect(address.removeprefix("sqlite:///"))) as connection, connection:
                return "\n".join(str(row[0]) for row in connection.execute(statement))
        command = ["psql", "--no-psqlrc", "-tAq", "-v", "ON_ERROR_STOP=1", "-c", statement, address]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def fill(self) -> None:
        for name in NAMES:
            self.query(name, "CREATE TABLE facts (fact VARCHAR(100))")
            self.query(name, f"INSERT INTO facts VALUES ('{name} before')")  # noqa: S608 (constants)
        for file in ("models/bert/2026110501/saved_model.pb", "pipeline/Trainer/model/7/data", "secrets/key"):
            (self.state / file).parent.mkdir(parents=True)
            (self.state / file).write_text(file)
        (self.state / "models" / ".environment").write_text("id")

    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.state)): path.read_text() for path in self.state.rglob("*") if path.is_file()}


def make(kind: str, folder: Path, number: int, postgres: Path) -> Installation:
    state = folder / "state"  # both have the same path, as ML Metadata needs it
    state.mkdir(exist_ok=True)
    if kind == "sqlite":
        return Installation(state, {name: f"sqlite:///{folder}/databases{number}/{name}.db" for name in NAMES})
    addresses = {name: f"postgresql://postgres@/{name}{number}?host={postgres}" for name in NAMES}
    for name in NAMES:
        for statement in (f"DROP DATABASE IF EXISTS {name}{number} WITH (FORCE)", f"CREATE DATABASE {name}{number}"):
            server = f"postgresql://postgres@/postgres?host={postgres}"
            subprocess.run(["psql", "-q", "-c", statement, server], capture_output=True, check=True)
    return Installation(state, addresses)


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path: Path, postgres: Path) -> tuple[Installation, Installation]:
    """An installation with data, and an empty one of the same kind."""
    first, second = (make(request.param, tmp_path, number, postgres) for number in (1, 2))
    if request.param == "sqlite":
        (tmp_path / "databases1").mkdir()
    first.fill()
    return first, second


def saved(installation: Installation, backup: Path) -> dict[str, str]:
    """Save an installation, and take its state folder away; return the files that it had."""
    save(backup, installation.databases, SavedFolders(installation.state))
    files = installation.files()
    installation.state.rename(installation.state.with_name("lost"))
    installation.state.mkdir()
    return files


def settled() -> str:
    return SETTLED


def never() -> str:
    raise AssertionError("nothing was to be restored")


def test_databases_and_files_come_back(pair: tuple[Installation, Installation], tmp_path: Path) -> None:
    first, second = pair
    files = saved(first, tmp_path / "backup")
    first.query("mlmd", "INSERT INTO facts VALUES ('later')")

    assert restore(tmp_path / "backup", second.databases, SavedFolders(second.state), settled) == SETTLED

    assert [second.query(name, "SELECT fact FROM facts") for name in NAMES] == [f"{name} before" for name in NAMES]
    kept = {name: text for name, text in files.items() if not name.startswith("secrets")}
    assert second.files() == kept
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("what", [*NAMES, "models", "pipeline"])
def test_only_empty_places_are_restored_into(
    pair: tuple[Installation, Installation], tmp_path: Path, what: str
) -> None:
    first, second = pair
    saved(first, tmp_path / "backup")
    if what in NAMES:
        (tmp_path / "databases2").mkdir()
        second.query(what, "CREATE TABLE mine (fact INT)")
        message = f"the database {what} is not empty"
    else:
        (second.state / what / "mine").mkdir(parents=True)
        message = f"the folder {second.state / what} is not empty"

    with pytest.raises(BackupError, match=f"{message}; allowed: empty databases.*Nothing was changed"):
        restore(tmp_path / "backup", second.databases, SavedFolders(second.state), never)

    assert not (second.state / RESTORING).exists()
    assert second.files() == {}


@pytest.mark.parametrize("file", ["airflow.dump", "ledger.dump", "mlmd.dump", "state.tar.gz"])
@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_damaged_backup_is_refused_before_anything_is_changed(
    pair: tuple[Installation, Installation], tmp_path: Path, file: str, harm: str
) -> None:
    first, second = pair
    saved(first, tmp_path / "backup")
    harmed = tmp_path / "backup" / file
    if harm == "missing":
        harmed.unlink()
    else:
        text = bytearray(harmed.read_bytes())
        text[len(text) // 2] ^= 1
        harmed.write_bytes(text)

    with pytest.raises(BackupError, match=rf"{file} is missing, or has changed since .*Nothing was changed"):
        restore(tmp_path / "backup", second.databases, SavedFolders(second.state), never)

    assert list(second.state.iterdir()) == []


def test_an_interrupted_backup_is_refused(pair: tuple[Installation, Installation], tmp_path: Path) -> None:
    first, second = pair
    saved(first, tmp_path / "backup")
    (tmp_path / "backup" / "backup.json").unlink()

    with pytest.raises(BackupError, match=r"has no backup.json that can be read .*allowed: a complete backup"):
        restore(tmp_path / "backup", second.databases, SavedFolders(second.state), never)


def test_a_restore_that_has_not_ended_is_begun_anew(pair: tuple[Installation, Installation], tmp_path: Path) -> None:
    first, second = pair
    saved(first, tmp_path / "backup")

    def fail() -> str:
        raise RetentionError("no space left on device")

    with pytest.raises(RetentionError):
        restore(tmp_path / "backup", second.databases, SavedFolders(second.state), fail)
    assert (second.state / RESTORING).exists()
    (second.state / "pipeline" / "half").write_text("of the first restore")

    restore(tmp_path / "backup", second.databases, SavedFolders(second.state), settled)

    assert not (second.state / RESTORING).exists()
    assert "pipeline/half" not in second.files()
    assert second.query("ledger", "SELECT fact FROM facts") == "ledger before"


def test_nothing_starts_with_half_a_restore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path))
    load_settings()
    (tmp_path / RESTORING).touch()

    with pytest.raises(
        SettingsError, match=r"into which a restore began that has not ended; .* Run `scripts/bert rest"
    ):
        load_settings()

    assert load_settings(restoring=True).state == tmp_path


def test_a_backup_of_another_kind_of_database_is_refused(tmp_path: Path, postgres: Path) -> None:
    first, second = make("sqlite", tmp_path, 1, postgres), make("postgresql", tmp_path, 2, postgres)
    saved(first, tmp_path / "backup")

    with pytest.raises(
        BackupError, match=r"has the databases airflow \(sqlite\), .*settings have airflow \(postgresql\)"
    ):
        restore(tmp_path / "backup", second.databases, SavedFolders(second.state), never)


def test_a_backup_of_another_path_is_refused(tmp_path: Path, postgres: Path) -> None:
    first = make("sqlite", tmp_path, 1, postgres)
    saved(first, tmp_path / "backup")

    with pytest.raises(BackupError, match=r"has the state folder .*allowed: the same path, which ML Metadata has"):
        restore(tmp_path / "backup", first.databases, SavedFolders(tmp_path / "other"), never)

    assert not (tmp_path / "other").exists()


def test_the_scripts_know_the_mark_of_a_restore_too() -> None:
    assert paths.RESTORING == compose_backup.RESTORING == RESTORING


def test_a_folder_that_is_there_is_not_overwritten(tmp_path: Path, postgres: Path) -> None:
    first = make("sqlite", tmp_path, 1, postgres)

    with pytest.raises(BackupError, match="exists; allowed: a new folder"):
        save(tmp_path, first.databases, SavedFolders(first.state))


def test_a_link_in_place_of_a_folder_is_not_followed(tmp_path: Path, postgres: Path) -> None:
    first, second = (make("sqlite", tmp_path, number, postgres) for number in (1, 2))
    saved(first, tmp_path / "backup")
    (tmp_path / "elsewhere").mkdir()
    (second.state / "models").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BackupError, match=f"the folder {second.state / 'models'} is not empty"):
        restore(tmp_path / "backup", second.databases, SavedFolders(second.state), never)


def test_restored_copies_of_stored_artifacts_are_not_taken_for_whole_ones(tmp_path: Path, postgres: Path) -> None:
    first, second = (make("sqlite", tmp_path, number, postgres) for number in (1, 2))
    copy = first.state / "pipeline" / "Trainer" / "model" / "7" / "data"
    mark = first.state / "pipeline" / ".copies" / "Trainer" / "model" / "7.json"
    for path in (copy, mark):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    saved(first, tmp_path / "backup")
    restore(tmp_path / "backup", second.databases, SavedFolders(second.state), settled)
    assert (copy.exists(), mark.exists()) == (True, False), "at the same paths"


def test_artifacts_in_a_folder_elsewhere_come_back_there(tmp_path: Path, postgres: Path) -> None:
    first, second = (make("sqlite", tmp_path, number, postgres) for number in (1, 2))
    folder = tmp_path / "disk" / "artifacts"
    saved = SavedFolders.of(settings_from({"state": str(first.state), "artifact_folder": str(folder)}))
    assert saved == SavedFolders(first.state, folder)
    for path in ("Trainer/model/7/data", "Trainer/model/7/.hidden", ".environment", ".copies/Trainer/model/7.json"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    save(tmp_path / "backup", first.databases, saved)

    with pytest.raises(BackupError, match=rf"the folder {folder} is not empty; .* Nothing was changed"):
        restore(tmp_path / "backup", second.databases, saved, never)
    for entry in folder.iterdir():
        entry.rename(tmp_path / f"lost-{entry.name}")
    for other in (SavedFolders(first.state), SavedFolders(first.state, tmp_path / "other")):
        with pytest.raises(BackupError, match=rf"has artifacts of {folder}, .*Set artifact_folder as it was"):
            restore(tmp_path / "backup", second.databases, other, never)
    assert list(folder.iterdir()) == []

    restore(tmp_path / "backup", second.databases, saved, settled)

    files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert files == {name: name for name in ("Trainer/model/7/data", "Trainer/model/7/.hidden", ".environment")}


@pytest.mark.parametrize(
    ("folder", "elsewhere"), [("", False), ("/srv/state/pipeline", False), ("/srv/state/own", True), ("/disk", True)]
)
def test_a_folder_of_artifacts_is_saved_once_wherever_it_is(folder: str, elsewhere: bool) -> None:
    settings = settings_from({"state": "/srv/state", "artifact_folder": folder})
    assert SavedFolders.of(settings) == SavedFolders(Path("/srv/state"), Path(folder) if elsewhere else None)


@pytest.mark.parametrize("folder", ["/srv", "/srv/state", "/srv/state/pipeline/.."])
def test_a_folder_of_artifacts_that_has_the_state_in_it_is_refused(folder: str) -> None:
    with pytest.raises(BackupError, match=r"artifact_folder is .*, and has the state folder /srv/state in it"):
        SavedFolders.of(settings_from({"state": "/srv/state", "artifact_folder": folder}))


def test_passwords_are_in_no_message_and_on_no_command_line() -> None:
    there = database("ledger", "postgresql+psycopg2://bert:open-sesame@127.0.0.1:1/ledger")

    with pytest.raises(BackupError, match="the database ledger: psql exited with") as raised:
        there.is_empty()
    assert "open-sesame" not in str(raised.value)
    with pytest.raises(BackupError, match="'mysql'; allowed: sqlite, postgresql") as raised:
        database("airflow", "mysql://bert:open-sesame@db/airflow")
    assert "open-sesame" not in str(raised.value)


def test_the_order_of_the_databases_is_kept_in_the_backup(tmp_path: Path, postgres: Path) -> None:
    first = make("sqlite", tmp_path, 1, postgres)
    saved(first, tmp_path / "backup")

    assert list(json.loads((tmp_path / "backup" / "backup.json").read_text())["databases"]) == list(NAMES)
    assert os.access(tmp_path / "backup" / "state.tar.gz", os.R_OK)
