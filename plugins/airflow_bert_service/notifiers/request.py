"""Notifies the channels that a request waits for a person."""

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from airflow.sdk import NEVER_EXPIRE, BaseNotifier, Context  # type: ignore[attr-defined]  # Airflow's stub lacks the first

from airflow_bert_service.exceptions import NotificationError
from airflow_bert_service.notifiers.dispatcher import DeliveryRetryPolicy, NotificationDispatcher
from airflow_bert_service.promotion.events import PromotionEvent
from airflow_bert_service.settings.channels import Channel

TOLD = "bert_service_told"
"""Key, in the task's state store, of when the request was first told of, and of the channels that were notified."""

_logger = logging.getLogger(__name__)


class StateStore(Protocol):
    """Airflow's store of a task's state, which is the same in all tries of a task."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return what is stored."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Store a JSON value."""


class RequestDeliveries:
    """Records, in the task's state store, which channels were notified of the request that waits.

    It is no event of the ledger, whose deliveries the ledger records.

    Args:
        store: The task's.
        cleared: How often the run was cleared. A task that was cleared asks anew, and all channels are notified.
    """

    def __init__(self, store: StateStore, cleared: int = 0) -> None:
        self._store = store
        self._cleared = cleared

    def since(self) -> dt.datetime:
        """Return when the request was first told of; the first call sets it."""
        if not (told := self._told()):
            now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
            told = {"at": now, "channels": [], "cleared": self._cleared}
            self._store.set(TOLD, told, retention=NEVER_EXPIRE)
        return dt.datetime.fromisoformat(told["at"])

    def delivered(self, position: int) -> frozenset[str]:  # noqa: ARG002 (the protocol's; a task has one request)
        """Return the names of the channels that were notified."""
        return frozenset(self._told().get("channels", ()))

    def deliver(self, position: int, channel: str) -> None:
        """Record that a channel was notified."""
        channels = sorted({*self.delivered(position), channel})
        self._store.set(TOLD, {**self._told(), "channels": channels}, retention=NEVER_EXPIRE)

    def forget(self) -> None:
        """Forget the request: when the task asks again, that is another one."""
        self._store.set(TOLD, {}, retention=NEVER_EXPIRE)

    def _told(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._store.get(TOLD) or {}
        return found if found.get("cleared", 0) == self._cleared else {}


def forget_request(context: Context) -> None:
    """Forget the task's request, which was answered; it never fails, so that no answer is lost for it."""
    try:
        RequestDeliveries(context["task_state_store"]).forget()
    except Exception:
        _logger.exception("if this task asks again, the channels that were notified are not notified again")


class RequestNotifier(BaseNotifier):
    """Notifies channels that a request waits, each channel once, also when the task is tried again.

    Airflow's operators of requests call it when the request is there, before the task begins to wait. It never fails:
    the request waits in Airflow's UI whether somebody is told of it or not, and the log says who was not.

    Args:
        waiting: Makes what is told, of the moment at which it is told first.
        channels: The channels to notify.
        delivery_retry_policy: How often a delivery is tried.
    """

    def __init__(
        self,
        *,
        waiting: Callable[[dt.datetime], PromotionEvent],
        channels: Sequence[Channel],
        delivery_retry_policy: DeliveryRetryPolicy | None = None,
    ) -> None:
        super().__init__()
        self.waiting = waiting
        self.channels = channels
        self.delivery_retry_policy = delivery_retry_policy

    def notify(self, context: Context) -> None:
        """Notify the channels that were not yet."""
        cleared = int(getattr(context.get("dag_run"), "clear_number", 0) or 0)
        deliveries = RequestDeliveries(context["task_state_store"], cleared)
        try:
            event = self.waiting(deliveries.since())
            NotificationDispatcher(deliveries, self.channels, self.delivery_retry_policy).announce(event, context)
        except NotificationError as error:
            _logger.error("the request waits, but %s", error)  # noqa: TRY400 (the dispatcher has logged the reasons)
        except Exception:
            _logger.exception("the request waits, but no channel was notified of it")
