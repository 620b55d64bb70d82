"""A pipeline's folder and its ML Metadata, written as TFX writes them: by ml_metadata itself, on a real database."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto
from sqlalchemy.pool import NullPool

from tfx_modules.node.connection import connection_config
from tfx_modules.retention.plan import Item
from tfx_modules.retention.request import Places, RetentionRules
from tfx_modules.retention.retention import retain

NOW = dt.datetime.now(dt.UTC)
KEEP_ALL = RetentionRules(
    keep_versions=0,
    keep_span_days=0,
    keep_span_versions=0,
    keep_artifact_days=0,
    keep_score_days=0,
    keep_log_days=0,
    keep_max_removed_share=1.0,
)
DAY = dt.timedelta(days=1)
TABLES = "artifact artifactproperty execution executionproperty event eventpath context association attribution"


@dataclass(frozen=True)
class Made:
    """An execution, and what it made or took."""

    execution: int
    artifacts: tuple[int, ...]
    folder: Path


class Records:
    """Nodes of runs, in a store and a folder."""

    def __init__(self, address: str, root: Path, config: proto.ConnectionConfig | None = None) -> None:
        self.address = address
        self.root = root
        self.store = MetadataStore(config or connection_config(address))
        engine = address.replace("postgresql://", "postgresql+psycopg://")
        self.engine = sa.create_engine(engine, poolclass=NullPool)
        kinds = {"text": proto.STRING}
        self._artifact = self.store.put_artifact_type(proto.ArtifactType(name="Thing", properties=kinds))
        names = ("pipeline", "pipeline_run", "execution_cache", "node")
        self._contexts = {name: self.store.put_context_type(proto.ContextType(name=name)) for name in names}

    def node(
        self,
        node: str,
        run: str,
        *,
        age: float = 0,
        inputs: Iterable[int] = (),
        cached: Made | None = None,
        state: int = proto.Execution.COMPLETE,
        uri: str = "",
        tuned: bool = False,
        read: str = "",
        pipeline: str = "bert",
    ) -> Made:
        """A node of a run, some days ago: it makes one artifact, or takes those that another has made."""
        kind = self.store.put_execution_type(proto.ExecutionType(name=f"tfx.{node}"))
        execution = proto.Execution(type_id=kind, last_known_state=state)
        if read:
            execution.custom_properties["span_versions"].string_value = read
        execution.id = self.store.put_executions([execution])[0]
        folder = Path(uri) if uri else self.root / node / "thing" / str(execution.id)
        made = (
            cached.artifacts if cached else self._make(folder, tuned=tuned) if state == proto.Execution.COMPLETE else ()
        )
        contexts = {"pipeline": pipeline, "pipeline_run": run, "node": node, "execution_cache": f"{node} key"}
        self._record(execution, inputs, made, contexts)
        self._set_age(execution.id, age)
        return Made(execution.id, tuple(made), cached.folder if cached else folder)

    def _make(self, folder: Path, *, tuned: bool) -> Sequence[int]:
        folder.mkdir(parents=True)
        (folder / "file").write_text("content")
        artifact = proto.Artifact(type_id=self._artifact, uri=str(folder), state=proto.Artifact.LIVE)
        artifact.properties["text"].string_value = "told"
        if tuned:
            artifact.custom_properties["tuned"].int_value = 1
        return tuple(self.store.put_artifacts([artifact]))

    def _record(self, execution: Any, inputs: Iterable[int], made: Iterable[int], contexts: Mapping[str, str]) -> None:
        events = [(number, proto.Event.INPUT) for number in inputs] + [(number, proto.Event.OUTPUT) for number in made]
        pairs = []
        for number, kind in events:
            event = proto.Event(artifact_id=number, execution_id=execution.id, type=kind)
            event.path.steps.add().key = "thing"
            pairs.append((self.store.get_artifacts_by_id([number])[0], event))
        found = [proto.Context(type_id=self._contexts[kind], name=name) for kind, name in contexts.items()]
        self.store.put_execution(execution, pairs, found, reuse_context_if_already_exist=True)

    def _set_age(self, execution: int, days: float) -> None:
        at = int((NOW - days * DAY).timestamp() * 1000)
        query = sa.text("UPDATE execution SET last_update_time_since_epoch = :at WHERE id = :id")
        with self.engine.begin() as connection:
            connection.execute(query, {"at": at, "id": execution})

    def mark(self, artifact: int, state: int) -> None:
        """Set an artifact's state."""
        found = self.store.get_artifacts_by_id([artifact])[0]
        found.state = state
        self.store.put_artifacts([found])

    def counts(self) -> dict[str, int]:
        """Rows by table, of the tables that runs add to."""
        with self.engine.connect() as connection:
            found = {name: sa.select(sa.func.count()).select_from(sa.table(name)) for name in TABLES.split()}
            return {name: connection.execute(query).scalar_one() for name, query in found.items()}

    def states(self) -> dict[int, int]:
        """States of all artifacts."""
        return {item.id: item.state for item in self.store.get_artifacts()}

    def executions(self) -> set[int]:
        """Ids of all executions."""
        return {item.id for item in self.store.get_executions()}


def places(folder: Path, metadata: str = "") -> Places:
    """Places below a folder."""
    return Places(
        ledger=f"sqlite:///{folder}/ledger.db",
        metadata=metadata or f"sqlite:///{folder}/mlmd.db",
        name="bert",
        models=folder / "models" / "bert",
        pipeline=folder / "pipeline",
        spans=folder / "spans",
        scores=folder / "scores" / "bert",
        logs=(folder / "logs" / "dag_id=bert",),
    )


def remove_all_but(where: Places, *, dry_run: bool = False, now: dt.datetime = NOW, **rules: int) -> list[Item]:
    """Have retention do its work by some rules; the others keep all. It may remove all at once, at any time."""
    return retain(replace(KEEP_ALL, **rules), where, dry_run=dry_run, now=now, trust_clock=True).items


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All files below a folder, with time and content."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
