"""Reads and writes the environment's id in ML Metadata: the name of the one context of a type of this project's own.

The Pusher's node does the same by ml_metadata's client (``tfx_modules.node.environment``).
"""

import time

import sqlalchemy as sa

from tfx_modules.promotion.environment import CONTEXT_TYPE
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.store import tables as t


def read_environment(connection: sa.Connection) -> str | None:
    """Return the store's id; None: it has none.

    Raises:
        RetentionError: it has several.
    """
    found = read_environments(connection)
    if len(found) > 1:
        raise RetentionError(
            f"the ML Metadata store has {len(found)} environment ids: {', '.join(found)}; allowed: one. "
            "Nothing was removed. Look at [bert_service] metadata, and run `bert-service retention adopt` where it is "
            "the right store."
        )
    return found[0] if found else None


def read_environments(connection: sa.Connection) -> list[str]:
    """Return all ids in the store."""
    mine = sa.select(t.contexts.c.name).where(t.contexts.c.type_id.in_(_types()))
    return sorted(set(connection.execute(mine).scalars()))


def write_environment(connection: sa.Connection, environment: str) -> None:
    """Give the store an id, in place of what it had."""
    connection.execute(sa.delete(t.contexts).where(t.contexts.c.type_id.in_(_types())))
    if connection.execute(_types()).first() is None:
        connection.execute(sa.insert(t.types).values(name=CONTEXT_TYPE, type_kind=t.CONTEXT_KIND))
    kind = connection.execute(_types()).scalars().first()
    now = int(time.time() * 1000)
    connection.execute(
        sa.insert(t.contexts).values(
            type_id=kind, name=environment, create_time_since_epoch=now, last_update_time_since_epoch=now
        )
    )


def _types() -> sa.Select[tuple[int]]:
    return sa.select(t.types.c.id).where(t.types.c.name == CONTEXT_TYPE).order_by(t.types.c.id)
