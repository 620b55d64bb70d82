"""Checks the conf of a run: which keys it has, and that its numbers are numbers.

Airflow checks each value against the schema of its parameter when a run is made, on every way in: the trigger form, the
commands, the REST API and backfills. It does not look at keys that no parameter has (the run would quietly go on with
the defaults), and takes NaN for a number between any bounds.
"""

import difflib
import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_bert_service.exceptions import RunConfError

if TYPE_CHECKING:
    from airflow.sdk import Context

_SIMILAR = 0.5  # from 0 to 1: how alike two names must be for one to be meant by the other
_LONGEST = 40  # characters of a name that are shown
_MOST = 5  # names that are shown


def check_conf_of(context: "Context") -> None:
    """Check the conf of the run that a task belongs to; a DAG's first task does so before it reads anything.

    Raises:
        AirflowFailException: The conf has a key that no parameter has, or a number that is none; trying again cannot
            help.
    """
    try:
        check_conf(context["dag_run"].conf, parameters_of(context["dag"]))
    except RunConfError as error:
        raise AirflowFailException(str(error)) from error


def check_conf(conf: Mapping[str, object] | None, known: Collection[str]) -> None:
    """Check a run's conf.

    Args:
        conf: Values by name of the parameter; None: the run has no conf.
        known: Names of the DAG's parameters.

    Raises:
        RunConfError: The conf has a key that is not known, or a number that is none.
    """
    given = conf or {}
    if unknown := [str(key) for key in given if key not in known]:
        more = ["..."] if len(unknown) > _MOST else []
        raise RunConfError(
            f"the run's conf has {', '.join([*(_with_nearest(key, known) for key in unknown[:_MOST]), *more])}; "
            f"allowed: {', '.join(known) or 'nothing'}. Trigger the run anew with these names."
        )
    for key, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise RunConfError(
                f"the run's conf has {key}: {value}; allowed: a number. Trigger the run anew with one, or without "
                f"{key}."
            )


def parameters_of(dag: Any) -> list[str]:
    """Return the names of a DAG's parameters and of its tasks'.

    Args:
        dag: A DAG, of its file or of Airflow's database.
    """
    of_tasks = (name for task in dag.tasks for name in task.params)
    return list(dict.fromkeys([*dag.params, *of_tasks]))


def _with_nearest(key: str, known: Collection[str]) -> str:
    names = {name.casefold(): name for name in known}
    shown = repr(key if len(key) <= _LONGEST else f"{key[:_LONGEST]}…")
    nearest = difflib.get_close_matches(key[:_LONGEST].casefold(), names, n=1, cutoff=_SIMILAR)
    return (
        f"{shown}, which is no parameter (did you mean {names[nearest[0]]}?)"
        if nearest
        else (f"{shown}, which is no parameter")
    )


def remedy(allowed: str) -> dict[str, Any]:
    """Return what to add to a parameter's schema, so that Airflow's error about a value says what is allowed.

    The error has the value, the rule that it breaks, and the schema with this comment.

    Args:
        allowed: The values in words.
    """
    return {"$comment": f"Allowed: {allowed}. Trigger the run anew with that."}
