"""Gives resolver strategies and executors the ledger of the node that runs in this process.

TFX makes resolver strategies and executors itself, of what is compiled or stored in its metadata; an address with a
password belongs in neither.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tfx_modules.promotion.exceptions import LedgerError
from tfx_modules.promotion.ledger import Ledger, open_ledger

_address: ContextVar[str] = ContextVar("ledger's address", default="")


@contextmanager
def using(address: str) -> Iterator[None]:
    """Set the address of the ledger that :func:`current_ledger` opens."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


def current_ledger() -> Ledger:
    """Open the ledger of the running node.

    Raises:
        LedgerError: no node is running, or the ledger cannot be used.
    """
    if not _address.get():
        raise LedgerError("no ledger is in use here; run the node by the node command, whose request names one.")
    return open_ledger(_address.get())
