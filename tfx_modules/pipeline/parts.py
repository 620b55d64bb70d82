"""Declares the parts of the pipeline that differ with the system that runs it; all other parts are the same everywhere.

``ON_AIRFLOW`` is what Airflow and local runs have. Kubeflow Pipelines has others (``tfx_modules.kubeflow.parts``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tfx import types
from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode

from tfx_modules.components import champion
from tfx_modules.components.earlier_runs.latest_tuned import LatestTunedStrategy
from tfx_modules.components.earlier_runs.searched_for import searched_for
from tfx_modules.components.example_validator import ExampleValidator
from tfx_modules.components.infra_validator import InfraValidator
from tfx_modules.settings.settings import EncoderSettings, Platform
from tfx_modules.settings.task import KEY as TASK
from tfx_modules.settings.task import TaskSettings, to_parameter

_PREVIOUS = "previous"


@dataclass(frozen=True)
class EarlierRuns:
    """What a run takes from the runs before it; each channel may turn out to be empty."""

    statistics: types.BaseChannel
    """Of the data of the model in service."""
    hyperparameters: types.BaseChannel
    """Those that a search has found last."""
    model: types.BaseChannel
    """The model in service."""
    nodes: Sequence[BaseNode]
    """What finds them."""


@dataclass(frozen=True)
class Results:
    """What a run leaves for the runs after it."""

    statistics: types.BaseChannel
    hyperparameters: types.BaseChannel
    pushed_model: types.BaseChannel
    searched_for: str
    """What the hyperparameters are good for."""


def _nothing_more(_: Results) -> Sequence[BaseNode]:
    return ()


@dataclass(frozen=True)
class Parts:
    """Makes the parts that differ."""

    earlier_runs: Callable[[TaskSettings, EncoderSettings], EarlierRuns]
    """Finds what earlier runs have left."""
    infra_validators: Mapping[Platform, type[BaseNode]]
    """The component of each ``serving_check.platform``."""
    data_gate: Callable[[ExampleValidator], BaseNode]
    """Returns the node that costly nodes wait for, so that they do not run when the data are blocked."""
    keeping: Callable[[Results], Sequence[BaseNode]] = _nothing_more
    """Returns what keeps a run's results for later runs, where the metadata store is not asked for them."""


def resolved_earlier_runs(task: TaskSettings, encoder: EncoderSettings) -> EarlierRuns:
    """Find what earlier runs have left by the ledger and ML Metadata."""
    statistics = tfx.dsl.Resolver(strategy_class=champion.ChampionStatisticsStrategy, **champion.channels()).with_id(
        "ChampionStatistics"
    )
    latest_tuned = tfx.dsl.Resolver(
        strategy_class=LatestTunedStrategy,
        config={"wanted": searched_for(encoder.to_config(), task)},
        **{_PREVIOUS: tfx.dsl.Channel(type=tfx.types.standard_artifacts.HyperParameters)},
    ).with_id("LatestTuned")
    baseline = tfx.dsl.Resolver(
        strategy_class=champion.ChampionStrategy,
        # TFX reads a table back otherwise than it was written; a text stays one.
        config={TASK: text} if (text := to_parameter(task)) else {},
        **champion.model_channels(),
    ).with_id("Resolver")
    return EarlierRuns(
        statistics=statistics.outputs[champion.STATISTICS],
        hyperparameters=latest_tuned.outputs[_PREVIOUS],
        model=baseline.outputs[champion.MODEL],
        nodes=(statistics, latest_tuned, baseline),
    )


ON_AIRFLOW = Parts(
    earlier_runs=resolved_earlier_runs,
    infra_validators={Platform.PROJECT: InfraValidator, Platform.LOCAL_DOCKER: tfx.components.InfraValidator},
    # The runner skips what follows a blocked node.
    data_gate=lambda validator: validator,
)
