"""Tells people which version of the sources a run uses, and whether the sources on disk are others by now."""

import logging
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from airflow_bert_service.exceptions import BertServiceError

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

_logger = logging.getLogger(__name__)


@runtime_checkable
class SourcesBundle(Protocol):
    """A DAG bundle that compares its version with the sources on disk: ``bundle.dag_bundle.PipelineDagBundle``."""

    def served_sources(self) -> str:
        """Return the version of the sources that the bundle's DAG files are from; empty: it has none."""
        ...

    def other_sources(self) -> str:
        """Return the version of the sources on disk where it is another one; empty: it is the same, or not known."""
        ...


def other_sources(bundle: object) -> str:
    """Return the version of the sources on disk where a run's bundle has another one.

    Args:
        bundle: The run's DAG bundle, with the run's version.

    Returns:
        The version; empty where it is the same, or where bundles of this class do not tell.
    """
    return bundle.other_sources() if isinstance(bundle, SourcesBundle) else ""


def sources_note(dag_run: "DagRun") -> str:
    """Describe the version of the sources that a run uses, for its note.

    A run's version is the one that was in service when it was created. Errors are logged, and cost the text only.

    Args:
        dag_run: The run, in a database session.

    Returns:
        A line, like ``pipeline version: 18e906e37d2adc3c``; empty where the run's DAG bundle has no such versions.
    """
    if not dag_run.bundle_version or dag_run.dag_model is None:
        return ""
    # Imported here: the listener is imported in every process of Airflow's.
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    try:
        manager = DagBundlesManager()  # type: ignore[no-untyped-call]
        bundle = manager.get_bundle(dag_run.dag_model.bundle_name, dag_run.bundle_version)
        if not isinstance(bundle, SourcesBundle) or not bundle.served_sources():
            return ""
        served, other = bundle.served_sources(), bundle.other_sources()
    except (BertServiceError, OSError, ValueError):  # a ValueError: this process knows no bundle of that name
        _logger.exception("the note of run %s does not name its pipeline version", dag_run.run_id)
        return ""
    newer = f"; the sources on disk were others already: version {other}, not in service yet" if other else ""
    return f"pipeline version: {served}{newer}"
