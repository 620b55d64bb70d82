"""Declares the TFX runtime parameters of the pipeline: the values that vary from run to run.

Their names and forms are a contract with whatever runs the pipeline. None has a default: the run
gives them all.
"""

from tfx.orchestration.data_types import RuntimeParameter


def input_base() -> RuntimeParameter:
    """Folder of the spans, one subfolder a day."""
    return RuntimeParameter(name="input_base", ptype=str)


def range_config() -> RuntimeParameter:
    """The window: TFX's RangeConfig as JSON, a ``static_range`` of span numbers, both ends included."""
    return RuntimeParameter(name="range_config", ptype=str)


def span_versions() -> RuntimeParameter:
    """Which version of each span is read: JSON, a version (or null: a gap that is allowed) by day of the window."""
    return RuntimeParameter(name="span_versions", ptype=str)


def holdout() -> RuntimeParameter:
    """The reviews that no model is trained on: JSON with ``name``, ``path`` and ``sha256``, or ``{}`` for none."""
    return RuntimeParameter(name="holdout", ptype=str)


def tune() -> RuntimeParameter:
    """``yes``: search hyperparameters; ``no``: use those found last, else the defaults."""
    return RuntimeParameter(name="tune", ptype=str)


def train_args() -> RuntimeParameter:
    """TFX's TrainArgs as JSON; ``num_steps`` is the number of batches, 0 for the settings' epochs."""
    return RuntimeParameter(name="train_args", ptype=str)


def push_destination() -> RuntimeParameter:
    """TFX's PushDestination as JSON: the ``filesystem.base_directory`` that the server watches."""
    return RuntimeParameter(name="push_destination", ptype=str)


def promotion() -> RuntimeParameter:
    """The run's facts for the ledger: JSON, see ``components.pusher.read_promotion``."""
    return RuntimeParameter(name="promotion", ptype=str)
