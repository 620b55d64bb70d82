"""Notifies every channel of an event of the ledger, each channel once."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from airflow.sdk import Context

from airflow_bert_service.exceptions import NotificationError, NotificationRefusedError, PromotionCommandError
from airflow_bert_service.notifiers.base import PROMOTION
from airflow_bert_service.notifiers.factory import notifier_of
from airflow_bert_service.notifiers.message import message_of
from airflow_bert_service.promotion.events import PromotionEvent
from airflow_bert_service.settings.channels import Channel
from airflow_bert_service.webui.urls import links_of

PROMOTION_MESSAGE = "promotion_message"
"""Key of the event's message in the context that notifiers get."""

_logger = logging.getLogger(__name__)


class Deliveries(Protocol):
    """Records which channels were notified of which event."""

    def delivered(self, position: int) -> frozenset[str]:
        """Return the names of the channels that were notified of an event."""

    def deliver(self, position: int, channel: str) -> None:
        """Record that a channel was notified; recording it again changes nothing."""


@dataclass(frozen=True, kw_only=True)
class DeliveryRetryPolicy:
    """How often a delivery is tried, and how long the pauses are."""

    tries: int = 4
    pause: float = 2.0
    """Seconds before the second try; twice as long before each further one."""


class NotificationDispatcher:
    """Notifies channels of events, each channel once of each event.

    A delivery is recorded right after it. A process that is killed between the two delivers again: receivers recognise
    the copy by its Message-ID or Idempotency-Key.

    Args:
        deliveries: The ledger.
        channels: The channels to notify.
        delivery_retry_policy: How often a delivery is tried.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        channels: Sequence[Channel],
        delivery_retry_policy: DeliveryRetryPolicy | None = None,
    ) -> None:
        self._deliveries = deliveries
        self._channels = channels
        self._delivery_retry_policy = delivery_retry_policy or DeliveryRetryPolicy()

    def announce(self, event: PromotionEvent, context: Context) -> None:
        """Notify the channels of an event; a channel that fails does not keep the others from being notified.

        Args:
            event: The event.
            context: The context of the announcing task. Notifiers get it with the event as ``promotion`` and its
                message as ``promotion_message``.

        Raises:
            NotificationError: Some channels were not notified; the deliveries to the others are recorded.
            PromotionCommandError: The ledger cannot be read, and no channel was notified.
        """
        wanted = [channel for channel in self._channels if event.kind in channel.on]
        if not wanted:
            return
        notified = self._deliveries.delivered(event.position)
        with_event = _context_with(event, context)
        pending = [channel for channel in wanted if channel.name not in notified]
        failed = [channel.name for channel in pending if not self._notify(channel, event, with_event)]
        if failed:
            raise NotificationError(
                f"these channels were not notified: {', '.join(failed)}; the log has the reasons. The others were, and "
                "will not be notified again. Correct the channel or its connection, and clear this task."
            )

    def _notify(self, channel: Channel, event: PromotionEvent, context: Context) -> bool:
        step = "notified"
        try:
            _with_retries(lambda: notifier_of(channel)(context), self._delivery_retry_policy)
            step = "recorded as notified, although it was"
            _with_retries(lambda: self._deliveries.deliver(event.position, channel.name), self._delivery_retry_policy)
        except Exception as error:  # noqa: BLE001 (a user's notifier may raise anything; the others are notified)
            # One line: the tracebacks are those of client libraries, and add nothing.
            _logger.error("channel %s was not %s: %s", channel.name, step, _described(error))  # noqa: TRY400
            return False
        _logger.info("channel %s was notified", channel.name)
        return True


def _context_with(event: PromotionEvent, context: Context) -> Any:
    message = message_of(event, links_of(event, context))
    more: Mapping[str, Any] = {PROMOTION: event, PROMOTION_MESSAGE: message}
    return {**context, **more}


def _with_retries(action: Callable[[], None], policy: DeliveryRetryPolicy) -> None:
    pause = policy.pause
    for attempt in range(1, policy.tries):
        if _succeeds(action, f"try {attempt} of {policy.tries} failed: %s; the next one follows in {pause:g} s"):
            return
        time.sleep(pause)
        pause *= 2
    action()


def _succeeds(action: Callable[[], None], warning: str) -> bool:
    try:
        action()
    except NotificationRefusedError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it may be over at the next try; the last one raises)
        _logger.warning(warning, _described(error))
        return False
    return True


def _described(error: Exception) -> str:
    known = isinstance(error, NotificationError | PromotionCommandError)
    return str(error) if known else f"{type(error).__name__}: {error}"
