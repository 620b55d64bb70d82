"""Reads the addresses of databases: the ledger, and ML Metadata for nodes and retention."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from tfx_modules.exceptions import PipelineError

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


@dataclass(frozen=True)
class DatabaseAddress:
    """The address of a database."""

    url: sa.URL
    """With the driver to open it by; :func:`shown` hides a password."""
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
        # SQLAlchemy 2.1 decodes the path. Here it is taken as it is: a folder may be called "100%20".
        file = Path(address.partition("://")[2].partition("/")[2].partition("?")[0])
        if not file.is_absolute():
            raise wrong("is of SQLite and has no absolute path")
        return DatabaseAddress(opened.set(database=str(file)), file)
    return DatabaseAddress(opened, None)


def shown(url: sa.URL) -> str:
    """Return an address for people: without a password, and the path of SQLite's file as it is."""
    return f"sqlite:///{url.database}" if url.get_backend_name() == "sqlite" else repr(url)
