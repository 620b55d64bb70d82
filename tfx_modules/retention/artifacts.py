"""Removes artifacts of old runs: files in the pipeline's folder, and rows in ML Metadata.

In this order, so that no row ever refers to a file that is not there:

1. One transaction, in which no node writes: artifacts are marked as deleted, and the executions that made them are
   deleted. From then on neither the cache nor a resolver nor a cleared task finds them.
2. Artifacts that a node has taken from the cache at that very moment are marked as live again.
3. Files are removed, each folder by one rename.
4. The rows of artifacts whose files are gone are deleted.

A kill in between leaves artifacts that are marked; the next retention goes on with 2.
"""

import datetime as dt
import functools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.common.files import locked
from tfx_modules.retention.files.folder import PipelineFolder
from tfx_modules.retention.plan import Item, ItemKind
from tfx_modules.retention.store import rows
from tfx_modules.retention.store.database import MetadataDatabase
from tfx_modules.retention.store.environment import read_environment, read_environments, write_environment
from tfx_modules.retention.store.graph import (
    STALE,
    Choice,
    Graph,
    Survey,
    Wanted,
    choose,
    is_of,
    makers_of,
    spans_read,
)
from tfx_modules.retention.store.tables import DELETED, LIVE
from tfx_modules.retention.versions import UNFINISHED, Sources

_LOCK = ".retention.lock"


@dataclass(frozen=True)
class Found:
    """The contents of ML Metadata and of the pipeline's folder, with the choice of what is removed."""

    graph: Graph
    choice: Choice
    folders: dict[int, list[Path]]
    """Folders below the pipeline's that are named after an execution, by its id."""

    @functools.cached_property
    def held_uris(self) -> frozenset[str]:
        """Addresses of artifacts that stay."""
        return frozenset(item.uri for item in self.graph.artifacts.values() if item.id in self.choice.held)

    @functools.cached_property
    def made(self) -> dict[int, list[int]]:
        """Artifacts by the execution that made them, which is not one that took them from the cache."""
        found: dict[int, list[int]] = {}
        for artifact, execution in makers_of(self.graph).items():
            found.setdefault(execution, []).append(artifact)
        return found


class Artifacts:
    """The artifacts of one store and folder.

    Args:
        address: the store's.
        pipeline: the pipeline's name; other pipelines may use the same store and folder.
        files: the pipeline's folder, and what is stored of it.
        days: ``keep_artifact_days``.
        now: the time.
    """

    def __init__(self, address: str, pipeline: str, files: PipelineFolder, days: int, now: dt.datetime) -> None:
        self._pipeline = pipeline
        self._database = MetadataDatabase(address)
        self.files = files
        self.root = files.root
        self._days = days
        self._now = now

    def plan(self, sources: Sources) -> tuple[list[Item], frozenset[tuple[dt.date, int]]]:
        """List the items to remove, and the days and versions of spans that the kept runs have read.

        Args:
            sources: what the versions that stay came from.
        """
        found = self._find(sources)
        read = spans_read(found.graph, found.choice.runs)
        return [*self._of_runs(found), *self._leftovers(found)], read

    @property
    def name(self) -> str:
        """The store, for people."""
        return self._database.name

    def survey(self) -> Survey:
        """Return what store and folder hold, to compare them with each other and with the ledger.

        Raises:
            RetentionError: the store cannot be used, or has several environment ids.
        """
        folders = self.files.numbered()  # before the rows, as for the plan
        with self._database.reading() as connection:
            graph = rows.read_graph(connection) if connection else Graph()
            environment = read_environment(connection) if connection else None
        living = [item.uri for item in graph.artifacts.values() if not item.gone]
        return Survey(
            environment=environment,
            runs=frozenset(item.run for item in graph.executions.values() if item.run is not None),
            executions=len(graph.executions),
            artifacts=len(living),
            astray=sum(not (self.files.is_ours(Path(uri)) and self.files.exists(Path(uri))) for uri in living),
            folders=sum(map(len, folders.values())),
            unknown=sum(len(found) for number, found in folders.items() if number not in graph.executions),
            newest=max((item.updated for item in graph.executions.values()), default=None),
            own_runs=len({item.run for item in graph.executions.values() if item.run and is_of(item, self._pipeline)}),
        )

    def unknown(self) -> list[Path]:
        """Return the folders of this machine that are named after an execution which the store does not have.

        Those that an execution is about to make are among them: nothing may run.
        """
        folders = self.files.on_disk()
        graph = self._read()
        known = {place for item in graph.artifacts.values() for place in (item.uri, str(Path(item.uri).parent))}
        strange = [path for number, found in folders.items() if number not in graph.executions for path in found]
        return sorted(path for path in strange if str(path) not in known)

    def totals(self, found: Survey) -> dict[ItemKind, int]:
        """Return how many runs there are, and folders that may be left over."""
        folders = found.folders + len(self.files.working())
        return {ItemKind.RUN: found.own_runs, ItemKind.LEFTOVER: folders}

    def environments(self) -> list[str]:
        """Return the store's environment ids; it should have one."""
        with self._database.reading() as connection:
            return read_environments(connection) if connection else []

    @property
    def has_store(self) -> bool:
        """Whether the store has been made."""
        with self._database.reading() as connection:
            return connection is not None

    def set_environment(self, environment: str) -> None:
        """Give the store an environment id, in place of what it has; harmless where there is no store yet."""
        with self._database.exclusive() as connection:
            if connection is not None:
                write_environment(connection, environment)

    def carry_out(self, items: Collection[Item], sources: Sources) -> list[Item]:
        """Remove the items that are still expired.

        Returns:
            The removed items.
        """
        if not self.files.is_there:
            return []
        with locked(self.root / _LOCK):
            self.files.empty_trash()
            gone = self._mark(sources)
            self._take_back(sources)
            self._remove_files(sources, gone)
            self._forget()
        return [item for item in items if item.kind is ItemKind.LEFTOVER or not gone.isdisjoint(item.ids)]

    def _find(self, sources: Sources) -> Found:
        folders = self.files.numbered()  # before the rows: an execution is there before its folder
        graph = self._read()
        return Found(graph, choose(graph, self._wanted(sources)), folders)

    def _read(self) -> Graph:
        with self._database.reading() as connection:
            return rows.read_graph(connection) if connection else Graph()

    def _wanted(self, sources: Sources) -> Wanted:
        since = self._now - dt.timedelta(days=self._days) if self._days else None
        return Wanted(
            pipeline=self._pipeline,
            runs=sources.runs,
            models=sources.models,
            since=since,
            now=self._now,
            root=str(self.root),
        )

    def _of_runs(self, found: Found) -> Iterator[Item]:
        by_run: dict[str, list[int]] = {}
        for number in sorted(found.choice.executions):
            by_run.setdefault(str(found.graph.executions[number].run), []).append(number)
        for run, numbers in by_run.items():
            executions = [found.graph.executions[number] for number in numbers]
            paths = {path for number in numbers for path in self._paths(found, number)}
            yield Item(
                kind=ItemKind.RUN,
                name=run,
                age=self._now - max(item.updated for item in executions),
                size=sum(map(self.files.size_of, paths)),
                reason=f"older than {self._days} days; no version that stays came from it",
                paths=tuple(sorted(paths)),
                ids=tuple(numbers),
            )

    def _paths(self, found: Found, execution: int) -> Iterator[Path]:
        """Yield the folders of an execution and of what it made."""
        yield from (Path(found.graph.artifacts[number].uri) for number in found.made.get(execution, ()))
        yield from (path for path in found.folders.get(execution, ()) if str(path) not in found.held_uris)

    def _leftovers(self, found: Found) -> list[Item]:
        paths = self._left(found)
        if not paths:
            return []
        return [
            Item(
                kind=ItemKind.LEFTOVER,
                name=f"{len(paths)} folder{'s' if len(paths) > 1 else ''}",
                age=self._now - min(map(self.files.changed_at, paths)),
                size=sum(map(self.files.size_of, paths)),
                reason="no execution in ML Metadata has made them; left by a kill",
                paths=tuple(paths),
                count=len(paths),
            )
        ]

    def _left(self, found: Found, gone: frozenset[int] = frozenset()) -> list[Path]:
        """Return what is marked as deleted and still there, and what no execution that is there works with.

        Args:
            found: what there is.
            gone: executions that have just been deleted.
        """
        artifacts = found.graph.artifacts.values()
        marked = [Path(item.uri) for item in artifacts if item.gone and item.id not in found.choice.held]
        last = max(found.graph.executions, default=0)
        orphans = [
            path
            for number, folders in found.folders.items()
            if number not in found.graph.executions
            for path in folders
            if number in gone or (number <= last and self._age(path) > UNFINISHED)
        ]
        paths = {path for path in (*marked, *orphans, *self._working()) if str(path) not in found.held_uris}
        return sorted(path for path in paths if self.files.is_ours(path) and self.files.exists(path))

    def _working(self) -> list[Path]:
        """Return working folders of nodes that were killed; TFX names them at random."""
        longest = dt.timedelta(days=self._days)
        return [path for path in self.files.working() if self._days and self._age(path) > max(longest, STALE)]

    def _mark(self, sources: Sources) -> frozenset[int]:
        with self._database.exclusive() as connection:
            if connection is None:
                return frozenset()
            graph = rows.read_graph(connection)
            choice = choose(graph, self._wanted(sources))
            made = frozenset(number for number, maker in makers_of(graph).items() if maker in choice.executions)
            rows.mark(connection, made, DELETED)
            rows.delete_executions(connection, choice.executions)
        return choice.executions

    def _take_back(self, sources: Sources) -> None:
        with self._database.exclusive() as connection:
            if connection is None:
                return
            graph = rows.read_graph(connection)
            held = choose(graph, self._wanted(sources)).held
            marked = [item for item in graph.artifacts.values() if item.gone and item.id in held]
            rows.mark(connection, [item.id for item in marked if self.files.exists(Path(item.uri))], LIVE)

    def _remove_files(self, sources: Sources, gone: frozenset[int]) -> None:
        for path in self._left(self._find(sources), gone):
            self.files.remove(path)

    def _forget(self) -> None:
        with self._database.exclusive() as connection:
            if connection is not None:
                unused = rows.unused_deleted(connection)
                gone = [number for number, uri in unused.items() if not self.files.exists(Path(uri))]
                rows.delete_artifacts(connection, gone)

    def _age(self, path: Path) -> dt.timedelta:
        return self._now - self.files.changed_at(path)
