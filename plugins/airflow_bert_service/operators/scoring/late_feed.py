"""Says how often, and when, the scoring of a day is tried again: a feed may have the day later than planned."""

import datetime as dt
from typing import Any

from airflow.sdk import Context, RetryDecision, RetryPolicy

from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.settings.time_limits import TimeLimitSettings

WAIT = dt.timedelta(hours=1)
"""How long a scheduled run waits before it asks the feed again."""
SCHEDULED = "scheduled"
"""The type of the runs that begin when a day is over, whether the feed has it or not."""


class LateFeedPolicy(RetryPolicy):
    """Asks the feed again each hour where a scheduled run cannot have its day; all else is tried again once.

    The day of a run that somebody has asked for, or of a backfill, is mostly long over: a feed that does not have it
    will not have it in an hour, and others wait for the run to end.

    Args:
        retries: The task's. Airflow ends the tries after these, whatever a policy says.
    """

    def __init__(self, retries: int) -> None:
        self.retries = retries

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide what comes after a failed try."""
        if isinstance(exception, FeedError) and context is not None and context["dag_run"].run_type == SCHEDULED:
            return RetryDecision.retry(WAIT, f"the feed may have the day later; the next try is in {WAIT}")
        first = max_tries - self.retries + 1  # the tries of a task that somebody clears count on
        if try_number > first:
            return RetryDecision.fail("it was tried again already")
        return RetryDecision.default()


def tries_within(limits: TimeLimitSettings) -> dict[str, Any]:
    """Return the operator's arguments about tries: so many waits that a last, whole try is within the run's limit.

    Args:
        limits: Of the run, and of one try.
    """
    waits = int((limits.run - limits.node) / WAIT)
    tried_again = {"retry_delay": dt.timedelta(minutes=1), "execution_timeout": limits.node}
    if waits < 1:
        return {**tried_again, "retries": 1}
    return {**tried_again, "retries": waits, "retry_policy": LateFeedPolicy(waits)}
