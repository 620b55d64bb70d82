"""Tells an event of the ledger to every channel that has not had it."""

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
    """Remembers which channels were told of which event."""

    def delivered(self, position: int) -> frozenset[str]:
        """Return the names of the channels that were told of an event."""

    def deliver(self, position: int, channel: str) -> None:
        """Note that a channel was told; noting it again changes nothing."""


@dataclass(frozen=True, kw_only=True)
class DeliveryRetryPolicy:
    """How often something is tried."""

    tries: int = 4
    pause: float = 2.0
    """Seconds before the second try; twice as long before each further one."""


class NotificationDispatcher:
    """Tells events, each of them to each channel once.

    What was told is noted right afterwards. A process that is killed between the two tells again: receivers know such a
    copy by its Message-ID or Idempotency-Key.

    Args:
        deliveries: The ledger.
        channels: Whom to tell.
        delivery_retry_policy: How often a channel is tried.
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
        """Tell an event; one channel that cannot be told keeps no other from being told.

        Args:
            event: The event.
            context: Of the task that tells it. Notifiers get it with the event as ``promotion`` and its message as
                ``promotion_message``.

        Raises:
            NotificationError: Some channels were not told; those that were are noted.
            PromotionCommandError: The ledger cannot say who was told, and nobody was told anything.
        """
        wanted = [channel for channel in self._channels if event.kind in channel.on]
        if not wanted:
            return
        had = self._deliveries.delivered(event.position)
        told = _context_with(event, context)
        failed = [
            channel.name for channel in wanted if channel.name not in had and not self._tell(channel, event, told)
        ]
        if failed:
            raise NotificationError(
                f"not told: {', '.join(failed)}; the log says why. The others were, and are not told again. Correct "
                "the channel or its connection, and clear this task."
            )

    def _tell(self, channel: Channel, event: PromotionEvent, context: Context) -> bool:
        step = "told"
        try:
            _patiently(lambda: notifier_of(channel)(context), self._delivery_retry_policy)
            step = "noted as told, although it was"
            _patiently(lambda: self._deliveries.deliver(event.position, channel.name), self._delivery_retry_policy)
        except Exception as error:  # noqa: BLE001 (a user's notifier may raise anything; the others are told all the same)
            # One line: the tracebacks are those of clients, and say no more.
            _logger.error("channel %s was not %s: %s", channel.name, step, _described(error))  # noqa: TRY400
            return False
        _logger.info("channel %s was told", channel.name)
        return True


def _context_with(event: PromotionEvent, context: Context) -> Any:
    message = message_of(event, links_of(event, context))
    more: Mapping[str, Any] = {PROMOTION: event, PROMOTION_MESSAGE: message}
    return {**context, **more}


def _patiently(action: Callable[[], None], delivery_retry_policy: DeliveryRetryPolicy) -> None:
    pause = delivery_retry_policy.pause
    for turn in range(1, delivery_retry_policy.tries):
        if _succeeds(action, f"try {turn} of {delivery_retry_policy.tries}: %s; next in {pause:g} s"):
            return
        time.sleep(pause)
        pause *= 2
    action()


def _succeeds(action: Callable[[], None], complaint: str) -> bool:
    try:
        action()
    except NotificationRefusedError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it may be over at the next try; the last one raises)
        _logger.warning(complaint, _described(error))
        return False
    return True


def _described(error: Exception) -> str:
    known = isinstance(error, NotificationError | PromotionCommandError)
    return str(error) if known else f"{type(error).__name__}: {error}"
