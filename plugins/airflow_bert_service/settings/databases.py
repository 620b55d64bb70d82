"""Tells the kinds of databases apart, and whether they fit the executor: SQLite is for one machine.

With the LocalExecutor everything runs on the machine that holds the file. Any other executor may run tasks elsewhere,
where the file is another one, or lies on a network file system, whose locks SQLite cannot rely on
(https://www.sqlite.org/faq.html#q5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.reading.limits import Limit

CONNECTION = "conn:"
"""What an address begins with that is the id of an Airflow connection."""
_SQLITE = "sqlite:///"
_SCHEMES = (_SQLITE, "postgresql://", CONNECTION)
_LOCAL = "LocalExecutor"


@dataclass(frozen=True)
class DatabaseAddress(Limit):
    """The address of a database. Messages show its scheme only: it may hold a password."""

    advice = "Set it to one of these, or leave it out"

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "sqlite:///PATH and postgresql://user:password@host:port/name, or conn:ID for an Airflow connection"

    def holds(self, value: str) -> bool:
        """Tell whether an address is allowed."""
        return value.startswith(_SCHEMES)

    def problem(self, value: str) -> str:
        """Return what a message says of an address that is not allowed."""
        return f"has the scheme {value.partition(':')[0]!r}"


def sqlite_file(address: str) -> Path | None:
    """Return the file of an SQLite database; None: the address is of another kind.

    Args:
        address: As the settings have it: ``sqlite:///PATH``, ``postgresql://...`` or ``conn:ID``.
    """
    return Path(address.removeprefix(_SQLITE)) if address.startswith(_SQLITE) else None


def check_databases(executors: str, databases: Mapping[str, str]) -> None:
    """Refuse SQLite where tasks may run on several machines.

    Args:
        executors: Airflow's ``[core] executor``: one or more, with commas between them.
        databases: Addresses by the setting that holds each.

    Raises:
        SettingsError: A database is an SQLite file, and an executor is not the LocalExecutor.
    """
    distributed = [name.strip() for name in executors.split(",") if not name.strip().endswith(_LOCAL)]
    files = [setting for setting, address in databases.items() if address.startswith("sqlite")]
    if distributed and files:
        raise SettingsError(
            f"{', '.join(files)}: SQLite, but [core] executor is {', '.join(distributed)}, whose tasks may run on "
            f"several machines; allowed: PostgreSQL, or SQLite with the {_LOCAL} alone. Set each of them to an address "
            "like postgresql://user:password@host:port/name, or the executor back; "
            "docs/how-to/cluster.md shows the whole."
        )
