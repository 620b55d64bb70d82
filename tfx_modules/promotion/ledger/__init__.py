"""The ledger of promotions: events in a database, appended under a lock across processes and machines.

A database has the events of several pipelines; a :class:`Ledger` reads and writes those of one.
"""

from tfx_modules.promotion.ledger.ledger import Ledger, Writing, find_ledger, open_ledger

__all__ = ["Ledger", "Writing", "find_ledger", "open_ledger"]
