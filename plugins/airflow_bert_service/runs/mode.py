"""Defines the mode of a run: the whole pipeline, or its data only."""

from enum import Enum
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Context

MODE = "mode"
"""The run's parameter."""


class Mode(str, Enum):
    """Which part of the pipeline a run executes."""

    FULL = "full"
    """The whole pipeline."""
    DATA_ONLY = "data_only"
    """The run ingests and validates reviews, and trains nothing: for long backfills, after which one run trains."""


def full_only(context: "Context") -> None:
    """Skip the task unless the run's mode is ``full``; an operator's ``pre_execute``.

    Raises:
        AirflowSkipException: The run's mode is ``data_only``.
    """
    mode = Mode(context["params"][MODE])
    if mode is not Mode.FULL:
        raise AirflowSkipException(f"the run's parameter {MODE} is {mode.value}: the run trains no model")
