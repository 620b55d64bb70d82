"""Defines the base class of the notifiers of promotions."""

from abc import abstractmethod

from airflow.sdk import BaseNotifier, Context

from airflow_bert_service.exceptions import NotificationRefusedError
from airflow_bert_service.notifiers.message import Message, message_of
from airflow_bert_service.promotion.events import PromotionEvent, event_from
from airflow_bert_service.webui.urls import links_of

PROMOTION = "promotion"
"""Key of the event in the context that notifiers get."""


class PromotionNotifier(BaseNotifier):
    """Sends a message about an event of the ledger of promotions, once; it does not retry.

    As a callback of a task it does not fail the task: Airflow logs what a callback raises.

    Args:
        event: The event. None: the one in the context, see :func:`event_in`.
    """

    def __init__(self, *, event: PromotionEvent | None = None) -> None:
        super().__init__()
        self.event = event

    def notify(self, context: Context) -> None:
        """Send a message about the event.

        Raises:
            NotificationError: The message was not sent.
        """
        event = self.event or event_in(context)
        self.send(event, message_of(event, links_of(event, context)), context)

    @abstractmethod
    def send(self, event: PromotionEvent, message: Message, context: Context) -> None:
        """Send the message.

        Raises:
            NotificationError: The message was not sent.
        """


def event_in(context: Context) -> PromotionEvent:
    """Find the event that a notifier sends a message about.

    Returns:
        The event that the announcing task has put in the context, or the one that triggered the run: the newest event
        of an asset that a promotion has changed.

    Raises:
        NotificationRefusedError: The context has neither.
    """
    if isinstance(event := context.get(PROMOTION), PromotionEvent):
        return event
    for events in reversed((context.get("triggering_asset_events") or {}).values()):
        if events and (extra := events[-1].extra) and "position" in extra:
            return event_from(extra)
    raise NotificationRefusedError(
        "the context has no promotion event; allowed: a task that announces one, or a run that was triggered by the "
        "asset of the model in service. Give the notifier an event."
    )
