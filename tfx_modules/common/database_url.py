"""Reads the addresses of databases: the ledger, and ML Metadata for nodes and retention."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sa

from tfx_modules.exceptions import PipelineError

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


@dataclass(frozen=True)
class DatabaseAddress:
    """The address of a database."""

    url: sa.URL
    """With the driver to open it by; its ``repr`` hides a password."""
    file: Path | None
    """SQLite's file; None: it is PostgreSQL."""


def parse(address: str, *, what: str, setting: str, error: type[PipelineError]) -> DatabaseAddress:
    """Read an address.

    Args:
        address: ``sqlite:////absolute/path``, taken as it is, or ``postgresql://user:password@host:port/name``, where
            special characters of user, password and name are percent-encoded.
        what: how the error calls it, as ``the ledger's address``.
        setting: its key in ``[bert_service]``.
        error: the class of the error.

    Raises:
        PipelineError: of that class; the address is neither. The message does not repeat it: it may hold a password.
    """

    def wrong(problem: str) -> PipelineError:
        return error(
            f"{what} {problem}; allowed: sqlite:////absolute/path and postgresql://user:password@host:port/name. Set "
            f"[bert_service] {setting} to one of these."
        )

    try:
        url = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):  # ValueError: the port is no number
        raise wrong("is no address of a database") from None  # whose message may repeat it
    kind = url.get_backend_name()
    if kind not in _DRIVERS:
        raise wrong(f"has the scheme {kind!r}")
    opened = url.set(drivername=_DRIVERS[kind])
    if kind == "sqlite":
        file = Path(url.database or "")
        if not file.is_absolute():
            raise wrong("is of SQLite and has no absolute path")
        return DatabaseAddress(opened, file)
    # SQLAlchemy decodes user and password, but not the name.
    return DatabaseAddress(opened.set(database=unquote(url.database or "")), None)
