"""Finds the model in service, and the data that it was trained on, for the nodes that compare with them.

The ledger says which version is in service; ML Metadata has the artifacts.
"""

import logging
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Event, Execution
from tfx import types
from tfx.dsl.compiler import constants
from tfx.dsl.components.common import resolver
from tfx.types import standard_artifacts

from tfx_modules.artifact_store.resolving import is_readable
from tfx_modules.promotion import history, manifest
from tfx_modules.promotion.current import current_ledger
from tfx_modules.promotion.events import Event as PromotionEvent
from tfx_modules.settings.task import TaskSettings, from_parameter, of_model

MODEL = "model"
PUSHED = "pushed"
STATISTICS = "statistics"
VERSION = "pushed_version"
"""Custom property of a PushedModel: its version; TFX's own Pusher writes it too."""

Artifacts = dict[str, list[types.Artifact]]

_logger = logging.getLogger(__name__)


class ChampionStrategy(resolver.ResolverStrategy):  # type: ignore[misc]
    """Resolves the Model artifact that the version in service was copied from; none where none is in service.

    TFX's LatestBlessedModelStrategy picks the model blessed last, which may never have been pushed, be of older data,
    or have been rolled back. A model whose files are not those that were promoted is left out, and so is one that
    answers other labels; the log says so, and Evaluator then shows no baseline. Pusher decides, by the files of the
    version that is served.

    Args:
        task: the pipeline's, as an execution property has it; None: the default's.
    """

    def __init__(self, task: str | None = None) -> None:
        super().__init__()
        self._task = from_parameter(task)

    def resolve_artifacts(self, store: MetadataStore, input_dict: Artifacts) -> Artifacts | None:
        """Choose of all Models (``model``)."""
        del store
        events = current_ledger().events()
        live = history.service(events).live
        promotion = history.promotion_of(events, live) if live else None
        source = promotion.model_uri if promotion else ""
        found = [item for item in input_dict[MODEL] if source.startswith(f"{item.uri.rstrip('/')}/")]
        if found and not is_readable(found[0], "the model in service"):
            return {MODEL: []}
        if found and promotion and not may_be_baseline(promotion, Path(promotion.model_uri), self._task):
            return {MODEL: []}
        return {MODEL: found[:1]}


class ChampionStatisticsStrategy(resolver.ResolverStrategy):  # type: ignore[misc]
    """Resolves the version in service and the statistics of the run that pushed it; nothing where there is none."""

    def resolve_artifacts(self, store: MetadataStore, input_dict: Artifacts) -> Artifacts | None:
        """Choose of all PushedModels (``pushed``) and ExampleStatistics (``statistics``)."""
        live = str(current_ledger().service().live)
        pushed = [item for item in input_dict[PUSHED] if item.get_string_custom_property(VERSION) == live]
        if not pushed:
            return {PUSHED: [], STATISTICS: []}
        champion = max(pushed, key=lambda item: int(item.id))
        wanted = _statistics_of_run(store, _producer(store, champion.id))
        found = [item for item in input_dict[STATISTICS] if item.id in wanted]
        newest = sorted(found, key=lambda item: int(item.id))[-1:]
        what = "the statistics of the data of the model in service"
        return {PUSHED: [champion], STATISTICS: [item for item in newest if is_readable(item, what)]}


def may_be_baseline(promotion: PromotionEvent, model: Path, task: TaskSettings) -> bool:
    """Return whether the Evaluator can compare a candidate with a promoted model; the log says why not.

    Args:
        promotion: The model's event in the ledger.
        model: The model's SavedModel.
        task: The pipeline's.
    """
    return _is_as_promoted(promotion, model) and _is_comparable(promotion, model, task)


def _is_as_promoted(promotion: PromotionEvent, model: Path) -> bool:
    digest = manifest.describe(model).digest
    if promotion.model_digest in ("", digest):
        return True
    _logger.warning(
        "the model %s is not the one that was promoted as %s: its digest is %s, and the ledger's %s; it is no baseline",
        model,
        promotion.version,
        digest,
        promotion.model_digest,
    )
    return False


def _is_comparable(promotion: PromotionEvent, model: Path, task: TaskSettings) -> bool:
    theirs = of_model(model)
    # The Evaluator knows classes by their numbers, and has one threshold for both models.
    if task.is_comparable_with(theirs) and (task.classes, task.threshold) == (theirs.classes, theirs.threshold):
        return True
    _logger.warning(
        "the model in service, %s, answers %s, and the pipeline's labels are %s; it is no baseline",
        promotion.version,
        theirs.describe(),
        task.describe(),
    )
    return False


def model_channels() -> dict[str, types.BaseChannel]:
    """Return what ChampionStrategy chooses from."""
    return {MODEL: types.Channel(type=standard_artifacts.Model)}


def channels() -> dict[str, types.BaseChannel]:
    """Return what ChampionStatisticsStrategy chooses from."""
    return {
        PUSHED: types.Channel(type=standard_artifacts.PushedModel),
        STATISTICS: types.Channel(type=standard_artifacts.ExampleStatistics),
    }


def _producer(store: MetadataStore, artifact: int) -> int:
    """Return the execution that made an artifact; later ones only took it from the cache."""
    events = store.get_events_by_artifact_ids([artifact])
    return min(int(event.execution_id) for event in events if event.type == Event.OUTPUT)


def _statistics_of_run(store: MetadataStore, execution: int) -> frozenset[int]:
    """Return what StatisticsGen made, or took from the cache, in the run that an execution belongs to."""
    found: set[int] = set()
    for context in store.get_contexts_by_execution(execution):
        if context.type == constants.PIPELINE_RUN_CONTEXT_TYPE_NAME:
            found |= _outputs(
                store, [item.id for item in store.get_executions_by_context(context.id) if _is_done(item)]
            )
    return frozenset(found)


def _is_done(execution: Any) -> bool:
    return execution.last_known_state in (Execution.COMPLETE, Execution.CACHED)


def _outputs(store: MetadataStore, executions: list[int]) -> set[int]:
    events = store.get_events_by_execution_ids(executions)
    return {int(event.artifact_id) for event in events if event.type == Event.OUTPUT and _key(event) == STATISTICS}


def _key(event: Any) -> str:
    """Return the name that a node gives its output: Transform makes ExampleStatistics too, under other names."""
    return next((str(step.key) for step in event.path.steps if step.HasField("key")), "")
