"""Settings of how long tasks and runs may take: the keys ``max_*_minutes`` and ``max_metadata_wait_seconds``."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from airflow_bert_service.settings.reading.declared import SettingsGroup
from airflow_bert_service.settings.reading.limits import AtLeast


@dataclass(frozen=True, kw_only=True)
class TimeLimitSettings(SettingsGroup):
    """How long tasks and runs may take; they are keys of ``[bert_service]``. There is no way to do without a limit."""

    max_refresh_minutes: Annotated[float, AtLeast(0.01)] = 120.0
    """One try of ``refresh_data``."""
    max_node_minutes: Annotated[float, AtLeast(0.01)] = 120.0
    """One try of a node that has no limit of its own here, and of any other task of this project's DAGs."""
    max_training_minutes: Annotated[float, AtLeast(0.01)] = 360.0
    """One try of ``Tuner`` or of ``Trainer``."""
    max_infra_validator_minutes: Annotated[float, AtLeast(0.01)] = 15.0
    """One try of ``InfraValidator``."""
    max_run_minutes: Annotated[float, AtLeast(0.01)] = 1440.0
    """A whole run, with all tries and waits, from its start. What still runs then is stopped."""
    max_metadata_wait_seconds: Annotated[int, AtLeast(1)] = 120
    """How long a node waits for its turn to write to ML Metadata in PostgreSQL, each time, and for a connection to it
    (30 s at most). The node fails then, and its task is tried again."""

    @property
    def refresh(self) -> dt.timedelta:
        """The limit of ``refresh_data``."""
        return dt.timedelta(minutes=self.max_refresh_minutes)

    @property
    def node(self) -> dt.timedelta:
        """The limit of other tasks."""
        return dt.timedelta(minutes=self.max_node_minutes)

    @property
    def training(self) -> dt.timedelta:
        """The limit of a training."""
        return dt.timedelta(minutes=self.max_training_minutes)

    @property
    def infra_validator(self) -> dt.timedelta:
        """The limit of ``InfraValidator``."""
        return dt.timedelta(minutes=self.max_infra_validator_minutes)

    @property
    def run(self) -> dt.timedelta:
        """The limit of a run."""
        return dt.timedelta(minutes=self.max_run_minutes)
