"""Describes and announces how a run ended; for the task and for the callback that do so."""

import datetime as dt
import logging

from airflow.sdk import Context

from airflow_bert_service.clients.ledger import LedgerClient
from airflow_bert_service.exceptions import DataDateError
from airflow_bert_service.notifiers.dispatcher import DeliveryRetryPolicy, NotificationDispatcher
from airflow_bert_service.promotion.events import EventKind, PromotionEvent, RunEnd
from airflow_bert_service.runs.data_date import FIRST, LAST, ONE_DAY, Window, data_date, facts_of
from airflow_bert_service.settings.settings import Settings

_logger = logging.getLogger(__name__)


def run_end(context: Context, settings: Settings, kind: EventKind, reason: str) -> RunEnd:
    """Describe how a run ended that has no verdict.

    Args:
        context: A task's of the run.
        settings: The Airflow side's settings: length of the window.
        kind: ``blocked`` or ``failed``.
        reason: Why, in one line.

    Returns:
        What the ledger records. The window's first day is that of a feed that has all days of it. Where no data date
        can be derived, which is why the run failed, it has the UTC day of the run's logical date.
    """
    run = context["dag_run"]
    try:
        day = data_date(facts_of(run, context["params"]))
    except DataDateError:
        moment = run.logical_date or run.run_after
        day = min(max(moment.astimezone(dt.timezone.utc).date(), FIRST + ONE_DAY * settings.window_days), LAST)
    return RunEnd(
        kind=kind,
        dag_id=run.dag_id,
        run_id=context["run_id"],
        data_date=day,
        first_day=Window.ending(day, days=settings.window_days).first_day,
        reason=reason,
        actor=actor_of(context),
    )


def actor_of(context: Context) -> str:
    """Return the user who caused a run, or the type of the run."""
    run = context["dag_run"]
    return run.triggering_user_name or str(getattr(run.run_type, "value", run.run_type))


def announce(
    event: PromotionEvent,
    client: LedgerClient,
    settings: Settings,
    context: Context,
    policy: DeliveryRetryPolicy | None = None,
) -> None:
    """Notify the channels of an event, and make the served folder follow the ledger, whatever becomes of the messages.

    Raises:
        NotificationError: A channel was not notified.
        PromotionCommandError: The ledger cannot be used, or the served folder cannot follow it.
    """
    try:
        NotificationDispatcher(client, settings.notifications, policy).announce(event, context)
    finally:
        _logger.info("%s", event.line)
        client.settle()
