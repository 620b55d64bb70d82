"""Keeps annotations: texts that tasks leave for people, in files of the state folder.

A task writes them while it runs, and what shows them reads them outside of tasks: the scheduler for the run's note, the
API server for the note and for reports. Airflow has no public interface for that: XComs of other tasks are only read by
tasks, or with the login of a user. They decide nothing.

A task has one file, below folders of its DAG and its run, with the id of the try that has left them: Airflow gives each
try of a task another one. What an earlier try has left goes when a later one begins or writes.
"""

import datetime as dt
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from airflow_bert_service.files import make_folder, sync
from airflow_bert_service.runs.log_folders import annotations_folder, annotations_of, digest_of

VERDICT = "verdict"
"""Key of a line for the run's note, like ``blocked: 12 of 300 reviews have no text``. Any operator may leave one."""
REPORT = "report"
"""Key of the path of a report that the task wrote."""
STORED_AS = "report_stored_as"
"""Key of the name that the artifact store has that report's artifact by; without a store there is none."""
FAILURE = "failure"
"""Key of the error that ended the task's last try, in one line; ``notify_promotion`` reports it."""

_logger = logging.getLogger(__name__)


class TaskTry(Protocol):
    """A try of a task, as Airflow describes it to the task: ``context["ti"]``."""

    id: Any
    """Of this try alone."""
    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None
    """-1 or None for a task that is not mapped."""


@dataclass(frozen=True)
class TaskAnnotations:
    """What the last try of a task that left something has left."""

    task_id: str
    map_index: int
    """-1 for a task that is not mapped."""
    try_id: str
    texts: Mapping[str, str]
    """By key."""
    at: Mapping[str, str]
    """When each was left, by key, as ISO 8601 in UTC."""


class AnnotationStore:
    """The files of annotations.

    Args:
        folder: Where they are; one for all DAGs. Tasks, scheduler and API server see the same.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, of: TaskTry) -> None:
        """Remove what earlier tries of a task have left. A task that goes on after it was deferred keeps its own.

        Raises:
            OSError: The file cannot be removed.
        """
        file = self._file(of.dag_id, of.run_id, of.task_id, _index(of.map_index))
        if (found := _read(file)) and found.try_id != str(of.id):
            file.unlink(missing_ok=True)

    def put(self, of: TaskTry, key: str, text: str) -> None:
        """Add a text to what a try of a task has left, or replace it; it is on the disk then.

        Raises:
            OSError: The disk does not take it; what was there is there still.
        """
        index = _index(of.map_index)
        file = self._file(of.dag_id, of.run_id, of.task_id, index)
        found = _read(file)
        if found is None or found.try_id != str(of.id):
            found = TaskAnnotations(of.task_id, index, str(of.id), {}, {})
        now = dt.datetime.now(dt.timezone.utc).isoformat()
        document = {
            "dag_id": of.dag_id,
            "run_id": of.run_id,
            "task_id": of.task_id,
            "map_index": index,
            "try_id": found.try_id,
            "texts": {**found.texts, key: text},
            "at": {**found.at, key: now},
        }
        _replace(file, json.dumps(document, ensure_ascii=True))

    def of_task(self, dag_id: str, run_id: str, task_id: str, map_index: int | None = -1) -> Mapping[str, str]:
        """Return the texts of a task by key; empty where it has left none."""
        found = _read(self._file(dag_id, run_id, task_id, _index(map_index)))
        return found.texts if found else {}

    def of_run(self, dag_id: str, run_id: str) -> list[TaskAnnotations]:
        """Return what the tasks of a run have left."""
        files = sorted(self._of_run(dag_id, run_id).glob("*.json"))
        return [found for file in files if (found := _read(file))]

    def knows(self, dag_id: str, run_id: str) -> bool:
        """Whether a task of a run has ever left something, as far as that was not removed since."""
        return self._of_run(dag_id, run_id).is_dir()

    def _of_run(self, dag_id: str, run_id: str) -> Path:
        return annotations_of(self._folder, dag_id) / digest_of(run_id)

    def _file(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> Path:
        return self._of_run(dag_id, run_id) / f"{digest_of(f'{map_index} {task_id}')}.json"


def annotation_store() -> AnnotationStore:
    """Return the store in the state folder of ``[bert_service]``.

    Raises:
        SettingsError: The setting ``state`` or ``root`` is not allowed.
    """
    return AnnotationStore(annotations_folder())


def in_order(found: Iterable[TaskAnnotations], key: str) -> Iterator[tuple[TaskAnnotations, str]]:
    """Yield the texts of a key with whose they are, in the order in which they were left."""
    having = [one for one in found if key in one.texts]
    for one in sorted(having, key=lambda one: (one.at[key], one.task_id, one.map_index)):
        yield one, one.texts[key]


def _index(map_index: int | None) -> int:
    return -1 if map_index is None else map_index


def _read(file: Path) -> TaskAnnotations | None:
    """Read a file; one that is broken, as after a power failure, is logged and taken for one that is not there."""
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return _parsed(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        _logger.warning("%s is no file of a task's texts (%r), and was not read", file, error)
        return None


def _parsed(found: Any) -> TaskAnnotations:
    made = TaskAnnotations(*(found[name] for name in ("task_id", "map_index", "try_id", "texts", "at")))
    if not all(isinstance(each, str) for key, text in made.texts.items() for each in (text, made.at[key])):
        raise TypeError("a text or its time is no string")
    return made


def _replace(file: Path, text: str) -> None:
    make_folder(file.parent)
    # A name of its own: another try of the task, which Airflow has given up, may still write.
    descriptor, name = tempfile.mkstemp(prefix=".part-", dir=file.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
        part.chmod(0o644)  # others of Airflow's processes may have another user
        sync(part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    sync(file.parent)
