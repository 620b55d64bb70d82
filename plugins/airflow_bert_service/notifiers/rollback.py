"""Announces a rollback that no task has made: one by the command line or by the page *Models*."""

from collections.abc import Sequence
from typing import Any

from airflow_bert_service.clients.ledger import LedgerClient
from airflow_bert_service.notifiers.dispatcher import NotificationDispatcher
from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.settings.channels import Channel


def announce_newest_rollback(client: LedgerClient, channels: Sequence[Channel]) -> None:
    """Notify the channels of the newest rollback once, also when a model server does not serve the version yet.

    Nothing is announced where the ledger's newest event is another one.

    Args:
        client: The ledger.
        channels: The channels to notify.

    Raises:
        NotificationError: A channel was not notified.
        PromotionCommandError: The ledger cannot be used.
    """
    event = client.newest()
    if event is not None and event.kind is EventKind.ROLLED_BACK:
        no_task: Any = {}
        NotificationDispatcher(client, channels).announce(event, no_task)
