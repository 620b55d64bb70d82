"""The executions and artifacts of ML Metadata as a graph, and the choice of those to remove. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

STALE = dt.timedelta(days=7)
"""A node that has been running for so long without a change was killed; tasks may take hours."""


@dataclass(frozen=True)
class Execution:
    """An execution: one try of one node in one run."""

    id: int
    type: int
    """Nodes of one class have the same."""
    run: str | None
    """Id of the run; None: of none."""
    running: bool
    updated: dt.datetime
    """When it changed last."""
    pipeline: str | None = None
    """Name of the pipeline; None: of none."""
    reads: frozenset[tuple[dt.date, int]] = frozenset()
    """Days and versions of the spans that it has read."""


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact, as it is stored."""

    id: int
    uri: str
    gone: bool = False
    """Whether it is marked as deleted."""
    tuned: bool = False
    """Whether these are hyperparameters that a search found."""


@dataclass(frozen=True)
class Graph:
    """Executions, artifacts, and the events between them."""

    executions: Mapping[int, Execution] = field(default_factory=dict)
    artifacts: Mapping[int, StoredArtifact] = field(default_factory=dict)
    outputs: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Artifacts by the execution that made them or took them from the cache."""
    touched: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Artifacts by execution: its inputs, its outputs, and what a resolver resolved to."""

    def all_touched(self, executions: Iterable[int]) -> frozenset[int]:
        """Return what any of some executions has touched."""
        return frozenset().union(*(self.touched.get(number, frozenset()) for number in executions))


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The runs and artifacts that have to be kept."""

    pipeline: str
    """Name of the pipeline whose executions may go; those of others stay, whatever their age."""
    runs: frozenset[str]
    """Runs of versions that stay."""
    models: tuple[str, ...]
    """Addresses of the models of versions that stay; an artifact's own, or below it."""
    since: dt.datetime | None
    """Runs that have changed since then stay; None: all do."""
    now: dt.datetime
    root: str
    """The pipeline's folder. A run that made something outside of it is not touched."""


@dataclass(frozen=True)
class Choice:
    """The executions to remove, and the artifacts and runs to keep."""

    executions: frozenset[int]
    """Executions that go, with what they have made."""
    held: frozenset[int]
    """Artifacts that stay."""
    runs: frozenset[str]
    """Runs of which all stays."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a store and the pipeline's folder hold, to compare them with each other and with the ledger."""

    environment: str | None
    """The store's environment id; None: it has none."""
    runs: frozenset[str]
    executions: int
    artifacts: int
    """Artifacts that are not marked as deleted."""
    astray: int
    """How many of these are not in the pipeline's folder."""
    folders: int
    """Folders of executions in the pipeline's folder."""
    unknown: int
    """How many of these are of executions that the store does not know."""
    newest: dt.datetime | None
    """When an execution changed last."""
    own_runs: int = 0
    """How many of the runs are of the pipeline."""


def choose(graph: Graph, wanted: Wanted) -> Choice:
    """Choose the executions to remove.

    All of other pipelines stays: they have rules of their own, and share the store and the folder only.
    A run stays that is young, is running, or promoted a version that stays. What its executions have touched stays, and
    whatever was made together with something that stays: an execution has all of its outputs or is not there, so
    that neither the cache nor a cleared task hands out a part of them.
    """
    # Runs of other pipelines may have the same ids: Airflow names a run after its time.
    others = [item for item in graph.executions.values() if not is_of(item, wanted.pipeline)]
    runs = _kept_runs(graph, wanted)
    busy = {item.type for item in graph.executions.values() if _is_running(item, wanted)}
    stay = {item.id for item in graph.executions.values() if item.run is None or item.run in runs}
    stay |= {item.id for item in others}
    held = graph.all_touched(stay) | _needed(graph, wanted)
    # One of these may be about to take something from the cache that another execution of its class has made.
    stay |= {item.id for item in graph.executions.values() if item.type in busy}
    makers = makers_of(graph)
    while True:
        held |= frozenset().union(*(graph.outputs.get(number, frozenset()) for number in stay))
        more = {makers[number] for number in held if number in makers} - stay
        if not more:
            # The reviews that runs of other pipelines have read stay, too.
            kept = runs.union(item.run for item in others if item.run is not None)
            return Choice(frozenset(graph.executions.keys() - stay), held, kept)
        stay |= more


def is_of(item: Execution, pipeline: str) -> bool:
    """Whether an execution is of a pipeline; one that is of none counts as its."""
    return item.pipeline in (None, pipeline)


def spans_read(graph: Graph, runs: Iterable[str]) -> frozenset[tuple[dt.date, int]]:
    """Return the days and versions that some runs have read."""
    wanted = frozenset(runs)
    return frozenset().union(*(item.reads for item in graph.executions.values() if item.run in wanted))


def _kept_runs(graph: Graph, wanted: Wanted) -> frozenset[str]:
    own = [item for item in graph.executions.values() if is_of(item, wanted.pipeline)]
    found = {item.run for item in own if _keeps_run(graph, item, wanted)}
    return frozenset(run for run in found if run is not None)


def _keeps_run(graph: Graph, item: Execution, wanted: Wanted) -> bool:
    if wanted.since is None or item.updated >= wanted.since or _is_running(item, wanted) or item.run in wanted.runs:
        return True
    made = graph.outputs.get(item.id, frozenset())
    return any(not graph.artifacts[number].uri.startswith(f"{wanted.root}/") for number in made)


def _is_running(item: Execution, wanted: Wanted) -> bool:
    return item.running and item.updated >= wanted.now - STALE


def _needed(graph: Graph, wanted: Wanted) -> frozenset[int]:
    """Return the artifacts that later runs resolve: models that stay, each pipeline's newest hyperparameters."""
    living = [item for item in graph.artifacts.values() if not item.gone]
    makers = makers_of(graph)
    tuned: dict[str | None, int] = {}
    for number in sorted(item.id for item in living if item.tuned):
        maker = graph.executions.get(makers.get(number, 0))
        tuned[maker.pipeline if maker else None] = number
    models = [item.id for item in living if any(f"{uri}/".startswith(f"{item.uri}/") for uri in wanted.models)]
    return frozenset([*tuned.values(), *models])


def makers_of(graph: Graph) -> dict[int, int]:
    """Return the execution that made each artifact; later ones only took it from the cache."""
    found: dict[int, int] = {}
    for execution in sorted(graph.outputs, reverse=True):
        found.update(dict.fromkeys(graph.outputs[execution], execution))
    return found
