"""How far a run goes."""

from enum import Enum
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Context

MODE = "mode"
"""The run's parameter."""


class Mode(str, Enum):
    """What a run is for."""

    FULL = "full"
    """The whole way, up to a model in service."""
    DATA_ONLY = "data_only"
    """Reviews are brought in and validated, and nothing is trained: for long backfills, after which one run trains."""


def full_only(context: "Context") -> None:
    """Skip the task unless the run goes the whole way; an operator's ``pre_execute``.

    Raises:
        AirflowSkipException: The run is for the data only.
    """
    mode = Mode(context["params"][MODE])
    if mode is not Mode.FULL:
        raise AirflowSkipException(f"the run's parameter {MODE} is {mode.value}: reviews are brought in, no model made")
