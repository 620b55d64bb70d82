"""Finds the hyperparameters of the last search, for the Tuner of a run that does not search.

Not in the Tuner's own module: its code version would cover the artifact store's code, and a new version of it has the
Trainer train anew.
"""

import itertools
import json
import logging
from collections.abc import Iterator

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Event
from tfx import types
from tfx.dsl.components.common import resolver
from tfx.types import standard_component_specs

from tfx_modules.artifact_store.resolving import is_readable
from tfx_modules.components.earlier_runs.searched_for import searched_for
from tfx_modules.components.tuner import TUNED
from tfx_modules.exceptions import SettingsError
from tfx_modules.settings.task import from_config

_logger = logging.getLogger(__name__)


class LatestTunedStrategy(resolver.ResolverStrategy):  # type: ignore[misc]
    """Resolves the newest hyperparameters that a search has found for the same encoder and task, or none.

    Those passed on do not count. Were they counted, every run would get another artifact, and neither Tuner nor Trainer
    could ever use the cache. What cannot be read any more is left out, and the log says so.

    Args:
        wanted: what the search must have been for, as ``searched_for`` writes it.
    """

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self._wanted = wanted

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        """Choose for every key of ``input_dict``."""
        return {key: self._latest(store, artifacts) for key, artifacts in input_dict.items()}

    def _latest(self, store: MetadataStore, artifacts: list[types.Artifact]) -> list[types.Artifact]:
        fitting = self._fitting(store, [item for item in artifacts if item.get_int_custom_property(TUNED)])
        readable = (artifact for artifact in fitting if is_readable(artifact, "the result of a search"))
        return list(itertools.islice(readable, 1))

    def _fitting(self, store: MetadataStore, found: list[types.Artifact]) -> Iterator[types.Artifact]:
        """Yield those that were found for the same encoder and task, the newest first."""
        for artifact in sorted(found, key=lambda artifact: int(artifact.id), reverse=True):
            try:
                made_for = _made_for(store, int(artifact.id))
            except (SettingsError, KeyError, ValueError, TypeError, AttributeError) as error:  # of another release
                _logger.warning(
                    "what the search of %s was for cannot be read (%r); it is left out", artifact.uri, error
                )
                continue
            if made_for == self._wanted:
                yield artifact
            else:
                _logger.warning(
                    "the result of a search, %s, is for %s, and this pipeline is for %s; it is left out; "
                    "a run with the parameter tune searches for these",
                    artifact.uri,
                    made_for,
                    self._wanted,
                )


def _made_for(store: MetadataStore, artifact: int) -> str:
    """Return what a search was for, by the configuration that its Tuner had."""
    events = store.get_events_by_artifact_ids([artifact])
    # Executions that have taken it from the cache came later.
    producer = min(event.execution_id for event in events if event.type == Event.OUTPUT)
    (execution,) = store.get_executions_by_id([producer])
    config = json.loads(execution.custom_properties[standard_component_specs.CUSTOM_CONFIG_KEY].string_value)
    return searched_for(config["encoder"], from_config(config))
