"""What a container of a Vertex endpoint is told, and the files of its version. Knows no TensorFlow."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tfx_modules.promotion import manifest
from tfx_modules.promotion.exceptions import ManifestError
from tfx_modules.serving.exceptions import ContainerError, StorageError

NAME = "MODEL_NAME"
VERSION = "BERT_SERVICE_VERSION"
DIGEST = "BERT_SERVICE_DIGEST"
"""Variables that the uploaded model has: its name and version, and its digest by the ledger of promotions."""
PORT = 8080
"""Vertex AI's own default."""
MODULE = "tfx_modules.serving.vertex"
_ADDRESS = "AIP_STORAGE_URI"
_PORT = "AIP_HTTP_PORT"


class Folder(Protocol):
    """Where the version's files are."""

    address: str

    def fetch(self, name: str, file: Path) -> None:
        """Copy an object into a file."""


@dataclass(frozen=True)
class Container:
    """What is served."""

    name: str
    version: int
    digest: str
    address: str
    """Vertex AI's own copy of the version's files."""
    port: int

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Container":
        """Read the environment's variables.

        Raises:
            ContainerError: one is missing, or no number.
        """
        if missing := [name for name in (NAME, VERSION, DIGEST, _ADDRESS) if not environ.get(name)]:
            raise ContainerError(
                f"the environment lacks {', '.join(missing)}; needed: what a container of a Vertex endpoint has. "
                "Upload the model with `bert-service deploy-vertex`; elsewhere, start `python -m tfx_modules.serving`."
            )
        numbers = {VERSION: environ[VERSION], _PORT: environ.get(_PORT) or str(PORT)}
        if wrong := [f"{name}={text!r}" for name, text in numbers.items() if not text.isascii() or not text.isdigit()]:
            raise ContainerError(
                f"{', '.join(wrong)} is no number. Upload the model with `bert-service deploy-vertex`."
            )
        return cls(environ[NAME], int(numbers[VERSION]), environ[DIGEST], environ[_ADDRESS], int(numbers[_PORT]))

    def flags(self, models: Path, host: str) -> list[str]:
        """Return the model server's flags.

        Args:
            models: the folder of the models' folders.
            host: the address that the server is bound to.
        """
        return [
            f"--host={host}",
            "--allowed_hosts=*",  # Vertex AI alone reaches the container, by a name that it does not document
            "--port=0",  # gRPC, which Vertex AI does not ask unless a model names a port for it
            f"--rest_api_port={self.port}",
            f"--model_name={self.name}",
            f"--model_base_path={models / self.name}",
            "--max_rows_per_run=4",
        ]

    def fetch(self, stored: Folder, models: Path) -> Path:
        """Copy the version's files, and check that they are those that were promoted.

        Args:
            stored: has the files.
            models: gets ``NAME/VERSION``, and the digest beside it, with which the server compares what it loads.

        Returns:
            The version's folder.

        Raises:
            StorageError: a file is missing, or cannot be read.
            ContainerError: they are not the files of the version.
        """
        folder = models / self.name / str(self.version)
        shutil.rmtree(folder, ignore_errors=True)  # of a start before, which may have been ended in the middle
        stored.fetch(manifest.PLACE, folder / manifest.PLACE)
        try:
            listed = manifest.listed(folder)
            if listed is None or listed.digest != self.digest:
                found = listed.digest if listed else "none"
                raise ContainerError(
                    f"the model at {stored.address} has the digest {found}; needed: {self.digest}, that of version "
                    f"{self.version} in the ledger. Copy the version to the bucket anew, and upload it again."
                )
            for name in listed.files:
                stored.fetch(name, folder / name)
            manifest.check(folder, self.digest)
            manifest.note_digest(folder.parent, self.version, self.digest)
        except ManifestError as error:
            raise ContainerError(f"the files at {stored.address} are not those that were promoted: {error}") from error
        except OSError as error:
            raise StorageError(f"the files of {stored.address} cannot be written to {folder}: {error}.") from error
        return folder
