"""Ledgers of the tests that the TFX side's own code has written, in this environment's Python."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.support.airflow_home import PROJECT_ROOT

PIPELINE = "bert_sentiment"


@dataclass(frozen=True)
class SeededState:
    """A state folder with a ledger of some days and the folders of the last versions."""

    folder: Path
    ledger: str

    @property
    def file(self) -> Path:
        """SQLite's file."""
        return Path(self.ledger.removeprefix("sqlite:///"))

    @property
    def models(self) -> Path:
        """The served folder."""
        return self.folder / "models" / PIPELINE


def seeded(folder: Path, *, days: int = 365, ledger: str = "") -> SeededState:
    """Write a ledger, see `tests/tfx_modules/promotion/seeding.py`.

    Args:
        folder: The state folder.
        days: How many days have events.
        ledger: Its address; empty: where the setting's default has it.
    """
    state = SeededState(folder, ledger or f"sqlite:///{folder}/ledger/ledger.db")
    command = [sys.executable, "-m", "tests.tfx_modules.promotion.seeding", state.ledger, str(state.models), str(days)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return state


def multiply(state: SeededState, times: int) -> int:
    """Add copies of all events to a ledger of SQLite, of earlier years each; return how many events there are then."""
    with closing(sqlite3.connect(state.file)) as database, database:
        (count,) = database.execute("SELECT max(position) FROM events").fetchone()
        columns = [name for _, name, *_ in database.execute("PRAGMA table_info(events)")]
        changed = {
            "position": f"position + {count} * :turn",
            "run_id": "run_id || '-' || :turn",
            "version": "version - 1000000 * :turn",
            "data_date": "date(data_date, '-' || :turn || ' years')",
        }
        values = ", ".join(changed.get(name, name) for name in columns)
        copy = f"INSERT INTO events ({', '.join(columns)}) SELECT {values} FROM events WHERE position <= {count}"  # noqa: S608 (of this file)
        database.executemany(copy, [{"turn": turn} for turn in range(1, times)])
    return int(count * times)


def odd_event(state: SeededState, **values: str) -> None:
    """Add a copy of the newest verdict to a ledger of SQLite, with other values in some columns."""
    with closing(sqlite3.connect(state.file)) as database, database:
        columns = [name for _, name, *_ in database.execute("PRAGMA table_info(events)")]
        moved = {
            "position": "(SELECT max(position) + 1 FROM events)",
            "run_id": "run_id || '-odd'",
            "version": "version + 1",
        }
        given = ", ".join(f":{name}" if name in values else moved.get(name, name) for name in columns)
        newest = "FROM events WHERE final ORDER BY position DESC LIMIT 1"
        database.execute(f"INSERT INTO events ({', '.join(columns)}) SELECT {given} {newest}", values)


def hostile_event(state: SeededState, text: str) -> None:
    """Add an event all of whose texts are a given one, as a hostile review or a user's name may get into the ledger."""
    with closing(sqlite3.connect(state.file)) as database, database:
        (last,) = database.execute("SELECT max(position) FROM events").fetchone()
        texts = dict.fromkeys(("reason", "actor", "dag_id", "run_id", "model_uri", "pipeline_version"), text)
        metrics = '{"sets": [{"name": %s, "verdict": %s, "accuracy": 0.9}, 7, {"n": "many"}], "bytes": "big"}'
        quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        values = {
            "position": last + 1,
            "at": "2026-11-07 00:00:00.000000",
            "kind": "promoted",
            "data_date": "2026-11-06",
            "first_day": "2026-11-06",
            "version": 2026110601,
            "champion": 2026110501,
            "model_digest": text[:64],
            "metrics": metrics % (quoted, quoted),
            "final": True,
            "pipeline": PIPELINE,
            **texts,
        }
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        database.execute(f"INSERT INTO events ({names}) VALUES ({marks})", values)  # noqa: S608
