"""Says how far the sources on disk are from service, by the DAG bundle's files; for commands beside Airflow."""

from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.bundle.snapshots import SnapshotStore, Version, sources_version


@dataclass(frozen=True)
class SourcesStatus:
    """The sources on disk, and the version that the DAG bundle shows to Airflow."""

    wanted: str
    """The version of the sources on disk."""
    shown: Version | None
    """The version that the bundle shows; None: none yet."""
    failure: str = ""
    """Why the sources on disk do not compile; empty: they do, or nobody has tried yet."""

    @property
    def published(self) -> bool:
        """Whether the bundle shows the sources on disk; Airflow reads their DAG files a moment later."""
        return self.shown == Version(self.wanted)

    @property
    def served(self) -> str:
        """The version of the sources that the bundle's DAG files are from; empty: none yet."""
        return self.shown.served if self.shown else ""


def status_of(store: SnapshotStore, root: Path) -> SourcesStatus:
    """Compare the sources below a root with the bundle's versions. Costs milliseconds; it starts nothing.

    Raises:
        OSError: The sources cannot be read; a file may have gone away meanwhile.
    """
    wanted, shown = sources_version(root), store.current()
    failure = store.failure(shown) if shown is not None and shown.failed == wanted else ""
    return SourcesStatus(wanted, shown, failure)
