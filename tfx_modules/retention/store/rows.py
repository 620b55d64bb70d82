"""Reads ML Metadata's rows, marks artifacts, and deletes rows; the caller holds the transaction."""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

import sqlalchemy as sa

from tfx_modules.retention.store import tables as t
from tfx_modules.retention.store.graph import Execution, Graph, StoredArtifact

SPAN_VERSIONS = "span_versions"
"""Property of CsvExampleGen's executions: JSON, the version by day (``tfx_modules.pipeline.runtime_parameters``)."""
TUNED = "tuned"
"""Property of hyperparameters that a search found (``tfx_modules.components.tuner``)."""
_RUN_CONTEXT = "pipeline_run"
_PIPELINE_CONTEXT = "pipeline"
_CACHE_CONTEXT = "execution_cache"
_CALL_CONTEXT = "exit_handler_call"  # as tfx_modules.node.launching.calls writes it
_AT_ONCE = 500  # databases limit the values of a statement


def read_graph(connection: sa.Connection) -> Graph:
    """Read all executions and artifacts."""
    outputs: dict[int, set[int]] = {}
    touched: dict[int, set[int]] = {}
    for artifact, execution, kind in connection.execute(
        sa.select(t.events.c.artifact_id, t.events.c.execution_id, t.events.c.type)
    ):
        touched.setdefault(execution, set()).add(artifact)
        if kind in t.OUTPUT_EVENTS:
            outputs.setdefault(execution, set()).add(artifact)
    return Graph(
        executions=_executions(connection),
        artifacts=_artifacts(connection),
        outputs={number: frozenset(made) for number, made in outputs.items()},
        touched={number: frozenset(found) for number, found in touched.items()},
    )


def _executions(connection: sa.Connection) -> dict[int, Execution]:
    runs, pipelines = _contexts(connection, _RUN_CONTEXT), _contexts(connection, _PIPELINE_CONTEXT)
    properties = t.execution_properties.c
    query = sa.select(properties.execution_id, properties.string_value).where(properties.name == SPAN_VERSIONS)
    reads = {execution: _span_versions(text) for execution, text in connection.execute(query)}
    columns = t.executions.c
    found = sa.select(columns.id, columns.type_id, columns.last_known_state, columns.last_update_time_since_epoch)
    return {
        number: Execution(
            id=number,
            type=kind,
            run=runs.get(number),
            pipeline=pipelines.get(number),
            running=state == t.RUNNING,
            updated=dt.datetime.fromtimestamp(updated / 1000, tz=dt.UTC),
            reads=reads.get(number, frozenset()),
        )
        for number, kind, state, updated in connection.execute(found)
    }


def _contexts(connection: sa.Connection, kind: str) -> dict[int, str]:
    """Return the name of each execution's context of a type."""
    join = t.associations.join(t.contexts, t.associations.c.context_id == t.contexts.c.id)
    join = join.join(t.types, t.contexts.c.type_id == t.types.c.id)
    query = sa.select(t.associations.c.execution_id, t.contexts.c.name).select_from(join)
    rows = connection.execute(query.where(t.types.c.name == kind))
    return {row.execution_id: row.name for row in rows}


def _artifacts(connection: sa.Connection) -> dict[int, StoredArtifact]:
    properties = t.artifact_properties.c
    query = sa.select(properties.artifact_id).where(properties.name == TUNED, properties.int_value == 1)
    tuned = frozenset(connection.execute(query).scalars())
    query = sa.select(t.artifacts.c.id, t.artifacts.c.uri, t.artifacts.c.state)
    return {
        number: StoredArtifact(number, (uri or "").rstrip("/"), state == t.DELETED, number in tuned)
        for number, uri, state in connection.execute(query)
    }


def _span_versions(text: str | None) -> frozenset[tuple[dt.date, int]]:
    """Read CsvExampleGen's span versions; an older pipeline may have written another form."""
    try:
        versions: dict[str, Any] = json.loads(text or "{}")
        return frozenset(
            (dt.date.fromisoformat(day), int(version)) for day, version in versions.items() if version is not None
        )
    except (ValueError, TypeError, AttributeError):
        return frozenset()


def mark(connection: sa.Connection, artifacts: Collection[int], state: int) -> None:
    """Set the state of artifacts. The time of their last change stays: it is part of the cache's key."""
    for numbers in _parts(artifacts):
        connection.execute(sa.update(t.artifacts).where(t.artifacts.c.id.in_(numbers)).values(state=state))


def delete_executions(connection: sa.Connection, executions: Collection[int]) -> None:
    """Delete executions with their properties and events, and the contexts of runs, caches and calls without others."""
    contexts: set[int] = set()
    for numbers in _parts(executions):
        mine = sa.select(t.associations.c.context_id).where(t.associations.c.execution_id.in_(numbers))
        contexts |= set(connection.execute(mine).scalars())
        events = sa.select(t.events.c.id).where(t.events.c.execution_id.in_(numbers))
        connection.execute(sa.delete(t.event_paths).where(t.event_paths.c.event_id.in_(events)))
        for column in (
            t.events.c.execution_id,
            t.execution_properties.c.execution_id,
            t.associations.c.execution_id,
            t.executions.c.id,
        ):
            connection.execute(sa.delete(column.table).where(column.in_(numbers)))
    _delete_contexts(connection, contexts)


def _delete_contexts(connection: sa.Connection, candidates: Collection[int]) -> None:
    wanted = sa.select(t.types.c.id).where(t.types.c.name.in_((_RUN_CONTEXT, _CACHE_CONTEXT, _CALL_CONTEXT)))
    for numbers in _parts(candidates):
        # Not those of pipelines and nodes, which a run has looked up and goes on using.
        mine = sa.select(t.contexts.c.id).where(t.contexts.c.id.in_(numbers), t.contexts.c.type_id.in_(wanted))
        used = sa.select(t.associations.c.context_id)
        empty = list(connection.execute(mine.where(t.contexts.c.id.not_in(used))).scalars())
        for column in (
            t.context_properties.c.context_id,
            t.parent_contexts.c.context_id,
            t.attributions.c.context_id,
            t.contexts.c.id,
        ):
            connection.execute(sa.delete(column.table).where(column.in_(empty)))


def unused_deleted(connection: sa.Connection) -> dict[int, str]:
    """Return the addresses of artifacts that are marked as deleted, and that no execution has touched."""
    used = sa.select(t.events.c.artifact_id)
    query = sa.select(t.artifacts.c.id, t.artifacts.c.uri).where(t.artifacts.c.state == t.DELETED)
    return {number: uri or "" for number, uri in connection.execute(query.where(t.artifacts.c.id.not_in(used)))}


def delete_artifacts(connection: sa.Connection, artifacts: Collection[int]) -> None:
    """Delete artifacts with their properties."""
    for numbers in _parts(artifacts):
        for column in (t.artifact_properties.c.artifact_id, t.attributions.c.artifact_id, t.artifacts.c.id):
            connection.execute(sa.delete(column.table).where(column.in_(numbers)))


def _parts(numbers: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(sorted(numbers))
    while part := list(islice(rest, _AT_ONCE)):
        yield part
