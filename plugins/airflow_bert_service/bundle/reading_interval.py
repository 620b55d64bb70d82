"""Keeps Airflow's DAG processor to ``[dag_processor] min_file_process_interval`` after a callback of a DAG.

Airflow up to 3.3 keeps a record for the file and version whose callback it has run, and that record has no time. It
takes it for the record of the file's last reading: from then on it reads the file in every loop, which occupies a
processor core until the DAG processor is restarted (https://github.com/apache/airflow/issues/73432). Each run that
fails has such a callback.
"""

import functools
import logging
from typing import Any

_logger = logging.getLogger(__name__)


@functools.cache
def keep_reading_interval() -> None:
    """Have this process's DAG processor forget such records before it decides which files to read.

    A version of Airflow that does not need it loses nothing: a record without a time says nothing about readings. In a
    version that keeps its records elsewhere, nothing is changed, and a warning says so.
    """
    from airflow.dag_processing.manager import DagFileProcessorManager

    prepare_file_queue = getattr(DagFileProcessorManager, "prepare_file_queue", None)
    if prepare_file_queue is None:
        _warn()
        return

    @functools.wraps(prepare_file_queue)
    def prepare(manager: DagFileProcessorManager, *arguments: Any, **named: Any) -> None:
        try:
            _forget(manager._file_stats)  # noqa: SLF001 - no public way leads there
        except AttributeError:
            _warn()
        prepare_file_queue(manager, *arguments, **named)

    DagFileProcessorManager.prepare_file_queue = prepare  # type: ignore[method-assign, assignment]


def _forget(records: dict[Any, Any]) -> None:
    """Remove the records of files in a version of a bundle that have no time."""
    for file in [file for file, record in records.items() if file.bundle_version and not record.last_finish_time]:
        del records[file]


@functools.cache
def _warn() -> None:
    _logger.warning(
        "this Airflow's DAG processor keeps its records in another way; after a failed run it may read DAG files more "
        "often than [dag_processor] min_file_process_interval says"
    )
