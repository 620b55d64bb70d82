"""Declares the tables of ML Metadata (schema version 10) that are read or deleted from.

Names are in lower case: SQLite does not tell cases apart, and PostgreSQL's are so.
"""

import sqlalchemy as sa

SCHEMA_VERSIONS = frozenset({10})
"""Versions of the schema whose tables are known here: that of ml_metadata 1.16."""

LIVE, DELETED = 2, 4
"""States of artifacts (``StoredArtifact.State`` of ML Metadata)."""
RUNNING = 2
"""A state of executions (``Execution.State``)."""
CONTEXT_KIND = 2
"""The kind of types of contexts (``TypeKind.CONTEXT_TYPE``)."""
OUTPUT_EVENTS = frozenset({1, 4, 7})
"""Kinds of events (``Event.Type``) that say that an execution has made an artifact, or took it from the cache."""

_metadata = sa.MetaData()


def _table(name: str, numbers: str, texts: str = "") -> sa.Table:
    columns = [sa.Column(column, sa.BigInteger) for column in numbers.split()]
    return sa.Table(name, _metadata, *columns, *(sa.Column(column, sa.Text) for column in texts.split()))


env = _table("mlmdenv", "schema_version")
types = _table("type", "id type_kind", "name")
artifacts = _table("artifact", "id type_id state", "uri")
artifact_properties = _table("artifactproperty", "artifact_id int_value", "name")
executions = _table("execution", "id type_id last_known_state last_update_time_since_epoch")
execution_properties = _table("executionproperty", "execution_id", "name string_value")
contexts = _table("context", "id type_id create_time_since_epoch last_update_time_since_epoch", "name")
context_properties = _table("contextproperty", "context_id")
parent_contexts = _table("parentcontext", "context_id parent_context_id")
events = _table("event", "id artifact_id execution_id type")
event_paths = _table("eventpath", "event_id")
associations = _table("association", "context_id execution_id")
attributions = _table("attribution", "context_id artifact_id")
