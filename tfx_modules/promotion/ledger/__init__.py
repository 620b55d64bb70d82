"""The ledger of promotions: events in a database, appended under a lock across processes and machines."""

from tfx_modules.promotion.ledger.ledger import Ledger, Writing, find_ledger, open_ledger

__all__ = ["Ledger", "Writing", "find_ledger", "open_ledger"]
