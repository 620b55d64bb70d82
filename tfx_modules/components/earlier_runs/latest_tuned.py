"""Finds the hyperparameters of the last search, for the Tuner of a run that does not search.

Not in the Tuner's own module: its code version would cover the artifact store's code, and a new version of it has the
Trainer train anew.
"""

import itertools
from typing import Any

from tfx import types
from tfx.dsl.components.common import resolver

from tfx_modules.artifact_store.resolving import is_readable
from tfx_modules.components.tuner import TUNED


class LatestTunedStrategy(resolver.ResolverStrategy):  # type: ignore[misc]
    """Resolves the newest hyperparameters that a search found and that can be read, or none.

    Those passed on do not count. Were they counted, every run would get another artifact, and neither Tuner nor Trainer
    could ever use the cache.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        """Choose for every key of ``input_dict``."""
        del store
        return {key: self._latest(artifacts) for key, artifacts in input_dict.items()}

    @staticmethod
    def _latest(artifacts: list[types.Artifact]) -> list[types.Artifact]:
        found = [artifact for artifact in artifacts if artifact.get_int_custom_property(TUNED)]
        newest_first = sorted(found, key=lambda artifact: int(artifact.id), reverse=True)
        readable = (artifact for artifact in newest_first if is_readable(artifact, "the result of a search"))
        return list(itertools.islice(readable, 1))
