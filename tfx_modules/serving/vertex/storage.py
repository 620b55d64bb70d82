"""Reads a folder of Google Cloud Storage, with the credentials of whoever runs this process."""

from pathlib import Path

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption

from tfx_modules.serving.exceptions import MissingObjectError, StorageError

_SECONDS = 60.0
_ERRORS = (GoogleAPIError, GoogleAuthError, DataCorruption, OSError)


class StoredFolder:
    """The objects below an address.

    Args:
        address: ``gs://BUCKET`` or ``gs://BUCKET/FOLDER``.

    Raises:
        StorageError: the address is none of Cloud Storage, or there are no credentials.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        scheme, _, path = self.address.partition("://")
        bucket, _, folder = path.partition("/")
        if scheme != "gs" or not bucket:
            raise StorageError(f"{address!r} is no address in Cloud Storage; allowed: gs://BUCKET/FOLDER. Correct it.")
        self._prefix = f"{folder}/" if folder else ""
        try:
            # A project is needed to make or list buckets alone.
            self._bucket = storage.Client(project=None).bucket(bucket)
        except _ERRORS as error:
            raise self._unreadable(error) from error

    def text(self, name: str) -> str:
        """Return an object's text.

        Raises:
            MissingObjectError: there is no such object.
            StorageError: it cannot be read, or is no text.
        """
        try:
            return str(self._blob(name).download_as_bytes(timeout=_SECONDS).decode())
        except UnicodeDecodeError as error:
            raise StorageError(f"{self.address}/{name} is no text. Copy the version anew.") from error
        except NotFound as error:
            raise self._missing(name) from error
        except _ERRORS as error:
            raise self._unreadable(error) from error

    def fetch(self, name: str, file: Path) -> None:
        """Copy an object into a file, whose folder is made where it is missing.

        Raises:
            MissingObjectError: there is no such object.
            StorageError: it cannot be read, or the file cannot be written.
        """
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._blob(name).download_to_filename(str(file), timeout=_SECONDS)
        except NotFound as error:
            raise self._missing(name) from error
        except _ERRORS as error:
            raise self._unreadable(error) from error

    def _blob(self, name: str) -> storage.Blob:
        return self._bucket.blob(f"{self._prefix}{name}")

    def _missing(self, name: str) -> MissingObjectError:
        return MissingObjectError(f"{self.address} has no {name}. Copy the version there, or correct the address.")

    def _unreadable(self, error: Exception) -> StorageError:
        return StorageError(
            f"{self.address} cannot be read: {type(error).__name__}: {error}. Check the address, and that this process "
            "may read the bucket: by its service account, or by `gcloud auth application-default login`."
        )
