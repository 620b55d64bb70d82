"""Tries of tasks, as Airflow describes them to running tasks, which know what they have left for people."""

import uuid
from typing import Any

from airflow_bert_service.runs.annotations import annotation_store


class MadeUpTry:
    """A try of a task of a DAG of its own.

    Args:
        task_id: The task's id.
        more: Further attributes, like ``xcom_pull``.
    """

    def __init__(self, task_id: str = "made_up", **more: Any) -> None:
        self.id = uuid.uuid4()
        self.dag_id = f"made_up_{self.id}"
        self.run_id = "manual__2026-11-05"
        self.task_id = task_id
        self.map_index: int | None = -1
        vars(self).update(more)

    @property
    def left(self) -> dict[str, str]:
        """What the task has left, by key."""
        return dict(annotation_store().of_task(self.dag_id, self.run_id, self.task_id, self.map_index))

    def begin_again(self) -> None:
        """Begin another try of the task."""
        self.id = uuid.uuid4()
        annotation_store().begin(self)
