"""What the tasks of a run have left for people, read and changed as their next tries would."""

import uuid
from pathlib import Path

from airflow.models.dagrun import DagRun
from airflow_bert_service.runs.annotations import AnnotationStore, in_order

from tests.plugins.tries import MadeUpTry


class RunTexts:
    """The annotations of runs.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._store = AnnotationStore(folder)

    def of(self, run: DagRun, key: str) -> list[str]:
        """The texts of a key, in the order in which they were left."""
        return [text for _, text in in_order(self._store.of_run(run.dag_id, run.run_id), key)]

    def replace(self, run: DagRun, key: str, text: str) -> None:
        """Have the task that has left a text of the key leave another one."""
        ((one, _),) = in_order(self._store.of_run(run.dag_id, run.run_id), key)
        self._store.put(self._try(run, one.task_id, one.try_id), key, text)

    def forget(self, run: DagRun) -> None:
        """Begin another try of each task, which leaves nothing."""
        for one in self._store.of_run(run.dag_id, run.run_id):
            self._store.begin(self._try(run, one.task_id, str(uuid.uuid4())))

    def replace_try(self, run: DagRun, key: str, text: str) -> None:
        """Have an earlier try of the task that has left a text of the key be the one that left it."""
        ((one, _),) = in_order(self._store.of_run(run.dag_id, run.run_id), key)
        self._store.put(self._try(run, one.task_id, str(uuid.uuid4())), key, text)

    @staticmethod
    def _try(run: DagRun, task_id: str, try_id: str) -> MadeUpTry:
        return MadeUpTry(task_id, id=try_id, dag_id=run.dag_id, run_id=run.run_id)
