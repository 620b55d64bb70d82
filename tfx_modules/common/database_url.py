"""Parses the addresses of the databases that SQLAlchemy opens: the ledger, and ML Metadata for retention."""

from dataclasses import dataclass
from pathlib import Path

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
        address: ``sqlite:////absolute/path`` or ``postgresql://user:password@host:port/name``.
        what: how the error calls it, as ``the ledger's address``.
        setting: its key in ``[bert_service]``.
        error: the class of the error.

    Raises:
        PipelineError: of that class; the address is neither.
    """
    try:
        url = sa.make_url(address)
        kind = url.get_backend_name()
    except sa.exc.ArgumentError:
        kind = ""
    if kind not in _DRIVERS or (kind == "sqlite" and not Path(url.database or "").is_absolute()):
        # Not the address itself: it may have a password.
        raise error(
            f"{what} begins with {address.partition(':')[0][:20]!r}, or has no absolute path; allowed: "
            "sqlite:////absolute/path and postgresql://user:password@host:port/name. Set [bert_service] "
            f"{setting} to one of these."
        )
    return DatabaseAddress(url.set(drivername=_DRIVERS[kind]), Path(str(url.database)) if kind == "sqlite" else None)
