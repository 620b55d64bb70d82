"""Replaces parts of TFX while InteractiveContext runs a component; it has no other way to be told."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apache_beam as beam
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.orchestration.metadata import Metadata

from tfx_modules.beam import runner


@contextmanager
def patched(beam_pipeline_args: Sequence[str]) -> Iterator[None]:
    """Put in place what follows, and take it back at the end.

    - Executors make their Beam pipelines as the node command's do. Beam's own choice looks for another runner on the
      internet, and for arguments TFX would pack itself into an archive.
    - An artifact may be two inputs of a component: Evaluator's, where the candidate is the model in service. TFX's
      own event for each is refused by ML Metadata; one event then names both, as that of the Launcher does.
    """

    def pipeline(executor: Any) -> beam.Pipeline:
        del executor
        return runner.pipeline_of(beam_pipeline_args)

    pairs = Metadata._artifact_and_event_pairs  # noqa: SLF001

    def merged_pairs(metadata: Metadata, *arguments: Any, **named: Any) -> list[tuple[Any, ...]]:
        return _merged(pairs(metadata, *arguments, **named))

    with (
        _replaced(BaseBeamExecutor, "_make_beam_pipeline", pipeline),
        _replaced(Metadata, "_artifact_and_event_pairs", merged_pairs),
    ):
        yield


@contextmanager
def _replaced(owner: type, name: str, function: Callable[..., Any]) -> Iterator[None]:
    own = getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        setattr(owner, name, own)


def _merged(pairs: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return pairs of artifact and event, with one event for each artifact that has an id."""
    found: dict[int, tuple[Any, ...]] = {}
    merged = []
    for artifact, *event in pairs:
        if event and artifact.id in found:
            found[artifact.id][1].path.steps.extend(event[0].path.steps)
            continue
        merged.append((artifact, *event))
        if event and artifact.id:
            found[artifact.id] = merged[-1]
    return merged
