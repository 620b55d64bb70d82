"""What a running task leaves for people, and what it asks of its run.

The texts go into files (:mod:`airflow_bert_service.runs.annotations`), where the scheduler
(:mod:`airflow_bert_service.runs.listener`) and the API server (:mod:`airflow_bert_service.webui.report_app`) read them.
"""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException, AirflowTaskTimeout

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.runs.annotations import FAILURE, annotation_store

TIME_LIMIT = "time limit"
"""What the reason of a task or a run begins with that took too long."""
WITHOUT_VERDICT = "the run ended without a verdict"
"""What the error of ``promoted_model`` begins with where other tasks are the cause of it."""
ADVICE = "Look for what it waited for; the settings max_*_minutes in [bert_service] are the limits."

_FAILED = frozenset({"failed", "upstream_failed"})
_LONGEST = 500  # characters of an error that are kept
_logger = logging.getLogger(__name__)


def storable(text: str) -> str:
    """Spell out characters that a database may refuse: PostgreSQL keeps neither NUL nor halves of surrogate pairs."""
    return "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text)


def leave_annotation(context: Context, key: str, text: str) -> None:
    """Leave a text for people; a failure to do so is logged as an error, and does not fail the task.

    Args:
        context: The running task's.
        key: ``VERDICT``, ``REPORT``, ``STORED_AS`` or ``FAILURE`` of :mod:`airflow_bert_service.runs.annotations`.
        text: The text.
    """
    try:
        annotation_store().put(context["ti"], key, storable(text))
    except (OSError, SettingsError) as error:
        # One line: the traceback leads to this place, and adds nothing.
        _logger.error("the text %s of the task was not kept: %s", key, error)  # noqa: TRY400


@contextmanager
def recording_failure(context: Context, limit: dt.timedelta | None = None) -> Iterator[None]:
    """Leave the error that ends a task as a text for people, and raise it again.

    Args:
        context: The running task's.
        limit: The task's time limit; None where it has none.

    Raises:
        AirflowTaskTimeout: The task reached its time limit; the message says so. Airflow's own names a process id only.
    """
    try:
        yield
    except AirflowSkipException:
        raise
    except (Exception, AirflowTaskTimeout, SystemExit) as error:
        if limit is None or not isinstance(error, AirflowTaskTimeout):
            leave_annotation(context, FAILURE, _described(error))
            raise
        reason = f"{TIME_LIMIT}: one try may take {limit}, and was stopped. {ADVICE}"
        _logger.error("%s", reason)  # noqa: TRY400 (where the time ran out says nothing)
        leave_annotation(context, FAILURE, reason)
        raise AirflowTaskTimeout(reason) from error


def states_of(context: Context) -> Mapping[str, str | None]:
    """Return the state of each task of the run that a running task belongs to, by task id."""
    run = context["dag_run"]
    found = context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])
    return {str(name): state for name, state in found.get(run.run_id, {}).items()}


def failed_among(tasks: Iterable[str], context: Context) -> list[str]:
    """Return those of some tasks, by their ids, that have failed up to now, or wait for one that has."""
    states = states_of(context)
    return sorted(name for name in tasks if states.get(name) in _FAILED)


def lacks_result(task: Any, context: Context) -> bool:
    """Return whether a task that is a success has no result: somebody has marked it so before it had one.

    Args:
        task: A task of the run, whose state is ``success``. Operators that return something whenever they succeed have
            the attribute ``always_returns``; of others nothing can be said.
        context: The running task's.
    """
    return getattr(task, "always_returns", False) and context["ti"].xcom_pull(task_ids=task.task_id) is None


def _described(error: BaseException) -> str:
    return _masked(" ".join(str(error).split()) or f"{type(error).__name__} without a message")[:_LONGEST]


def _masked(text: str) -> str:
    # As in the task's log: this text goes further, to people and their mailboxes.
    from airflow.sdk._shared.secrets_masker import redact

    return str(redact(text))
