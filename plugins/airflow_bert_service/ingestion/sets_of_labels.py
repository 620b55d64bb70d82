"""Makes the reader of rows that may have several labels, where the pipeline's task is a multilabel one."""

from collections.abc import Mapping

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.feeds.readers.label_sets import LabelSets
from airflow_bert_service.pipeline.labels import normal_label
from airflow_bert_service.pipeline.task import Task
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.settings import Settings


def label_sets(settings: Settings, task: Task, labels: Mapping[str, str]) -> LabelSets | None:
    """Return what reads the labels of rows; None: a row has one label.

    Args:
        settings: With the columns of labels, and what stands between labels.
        task: The pipeline's.
        labels: The pipeline's label by what the source calls it, from ``labels_for``.

    Raises:
        SettingsError: ``label_columns`` does not fit the task.
    """
    columns = settings.source.label_columns
    if not task.has_sets:
        if columns:
            raise SettingsError(
                f"[{SECTION}] label_columns is {', '.join(columns)}; allowed: none, with task.kind {task.kind}, of "
                "which a review has one label. Leave it out, or set task.kind multilabel in settings.toml."
            )
        return None
    if columns:
        _check(columns, task, labels)
    return LabelSets(labels, task.labels, settings.rules.label_separator)


def _check(columns: tuple[str, ...], task: Task, labels: Mapping[str, str]) -> None:
    found = [labels.get(normal_label(column)) for column in columns]
    unknown = [column for column, label in zip(columns, found, strict=True) if label is None]
    missing = [label for label in task.labels if label not in found]
    if unknown or missing or len(found) != len(task.labels):
        told = "".join(
            (
                f"; none of the labels: {', '.join(unknown)}" if unknown else "",
                f"; no column of: {', '.join(missing)}" if missing else "",
            )
        )
        raise SettingsError(
            f"[{SECTION}] label_columns is {', '.join(columns)}{told}; allowed: a column of each label "
            f"({', '.join(task.labels)}), once. Name them so, or say in the setting labels which label each column is."
        )
