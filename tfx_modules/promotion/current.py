"""Gives resolver strategies and executors the ledger of the node that runs here, and what is known of its run.

TFX makes resolver strategies and executors itself, of what is compiled or stored in its metadata; an address with a
password belongs in neither.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from tfx_modules.promotion.exceptions import LedgerError
from tfx_modules.promotion.ledger import Ledger, open_ledger

_ledger: ContextVar[tuple[str, str] | None] = ContextVar("the ledger's address, and the pipeline's name", default=None)
_version: ContextVar[str] = ContextVar("the version of the pipeline's sources", default="")
_measurements: ContextVar[Mapping[str, Any]] = ContextVar("what the run has measured", default=MappingProxyType({}))


@contextmanager
def using(address: str, pipeline: str, version: str = "") -> Iterator[None]:
    """Set the ledger that :func:`current_ledger` opens, and what :func:`current_version` returns.

    Args:
        address: the database's.
        pipeline: the pipeline's name.
        version: the version of its sources; empty: not known.
    """
    token, version_token = _ledger.set((address, pipeline)), _version.set(version)
    try:
        yield
    finally:
        _ledger.reset(token)
        _version.reset(version_token)


@contextmanager
def measured(measurements: Mapping[str, Any]) -> Iterator[None]:
    """Set what :func:`current_measurements` returns."""
    token = _measurements.set(measurements)
    try:
        yield
    finally:
        _measurements.reset(token)


def current_measurements() -> Mapping[str, Any]:
    """Return what the nodes before the running one have measured, as JSON values; empty: nothing is known of them."""
    return _measurements.get()


def current_version() -> str:
    """Return the version of the sources that the running node is of; empty: not known."""
    return _version.get()


def current_ledger() -> Ledger:
    """Open the ledger of the running node.

    Raises:
        LedgerError: no node is running, or the ledger cannot be used.
    """
    found = _ledger.get()
    if found is None or not found[0]:
        raise LedgerError("no ledger is in use here; run the node by the node command, whose request names one.")
    return open_ledger(*found)
