"""Settings of where artifacts are kept: the keys ``artifact_*`` of ``[bert_service]``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from airflow_bert_service.settings.reading.declared import SettingsGroup
from airflow_bert_service.settings.reading.limits import AtLeast, Matches

_ADDRESS = r"(?:s3|gs)://[A-Za-z0-9_.-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.=+-]+)+/?"


@dataclass(frozen=True)
class StoreAddress(Matches):
    """The address of a folder on an object store, without credentials; messages do not repeat another one."""

    def problem(self, value: str) -> str:
        """Return what a message says: another value may have a password in it."""
        del value
        return "is no such address"


@dataclass(frozen=True, kw_only=True)
class ArtifactSettings(SettingsGroup):
    """Where artifacts are kept, and where nodes read and write them; the same for all pipelines.

    Not where reviews, models in service and the ledger are: these need the locks and renames of a file system.
    """

    artifact_store: Annotated[
        str,
        StoreAddress(
            _ADDRESS, "s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, without credentials, and without . and .. in it"
        ),
    ] = ""
    """Address that artifacts are kept at, like ``s3://bucket/artifacts``, a folder with nothing else in it: workers
    need no shared disk for them. Empty: they are in ``artifact_folder`` alone. ``docs/how-to/object-stores.md`` has
    credentials, and what stays on disks."""
    artifact_folder: Path | None = None
    """Folder that nodes read and write artifacts in; the same path on all workers. With ``artifact_store`` it may be on
    a disk of each worker's own. Empty: ``pipeline`` below ``state``."""
    artifact_copies_gb: Annotated[int, AtLeast(0)] = 20
    """Gigabytes that copies of stored artifacts may have in ``artifact_folder``, once a node has ended; those that were
    used least recently go. 0: no limit."""

    @property
    def copies_gb(self) -> int:
        """The limit of copies; 0: none, as where there is no store."""
        return self.artifact_copies_gb if self.artifact_store else 0

    def __post_init__(self) -> None:
        """Check the limits, and leave out a slash at the end of the address: nodes and reports get it without one."""
        super().__post_init__()
        object.__setattr__(self, "artifact_store", self.artifact_store.removesuffix("/"))
