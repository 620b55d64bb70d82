"""Finds the data that the model in service was trained on."""

from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Event, Execution
from tfx import types
from tfx.dsl.compiler import constants
from tfx.dsl.components.common import resolver
from tfx.types import standard_artifacts

PUSHED = "pushed"
STATISTICS = "statistics"
_WAS_PUSHED = "pushed"
"""Property that the Pusher sets to 1 where it has published the model."""


class ChampionStatisticsStrategy(resolver.ResolverStrategy):  # type: ignore[misc]
    """Picks the model pushed last, and the statistics that the run that pushed it had; neither where none was pushed.

    Pushed and not blessed: a model may be blessed by the Evaluator, fail in the server, and so never be in service.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        """Choose of all PushedModels (``pushed``) and ExampleStatistics (``statistics``)."""
        pushed = [item for item in input_dict[PUSHED] if item.get_int_custom_property(_WAS_PUSHED)]
        if not pushed:
            return {PUSHED: [], STATISTICS: []}
        latest = max(pushed, key=lambda item: int(item.id))
        wanted = _outputs_of_run(store, _producer(store, latest.id))
        found = [item for item in input_dict[STATISTICS] if item.id in wanted]
        return {PUSHED: [latest], STATISTICS: sorted(found, key=lambda item: int(item.id))[-1:]}


def channels() -> dict[str, types.BaseChannel]:
    """Return what the strategy chooses from."""
    return {
        PUSHED: types.Channel(type=standard_artifacts.PushedModel),
        STATISTICS: types.Channel(type=standard_artifacts.ExampleStatistics),
    }


def _producer(store: MetadataStore, artifact: int) -> int:
    """Return the execution that made an artifact; later ones only took it from the cache."""
    events = store.get_events_by_artifact_ids([artifact])
    return min(int(event.execution_id) for event in events if event.type == Event.OUTPUT)


def _outputs_of_run(store: MetadataStore, execution: int) -> frozenset[int]:
    """Return the outputs of all nodes of the run that an execution belongs to, those from the cache too."""
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
    return {int(event.artifact_id) for event in events if event.type == Event.OUTPUT}
