"""Finds or downloads an archive that is named by a path or by an http(s) address."""

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.download.transfer import Partial, Transfer
from airflow_bert_service.feeds.readers.tar_members import refuse_broken
from airflow_bert_service.files import locked, sha256, sync

ADDRESS_SCHEMES = ("http://", "https://")

_logger = logging.getLogger(__name__)


def local_archive(
    archive: str, downloads: Path, *, digest: str = "", sleep: Callable[[float], None] = time.sleep
) -> Path:
    """Return the path of an archive, downloading it first where it is an address.

    An address is downloaded once: the file is kept in ``downloads`` under a name made of the address. Delete it to have
    it downloaded again. A download that breaks off is resumed, by this call or a later one. A file appears under its
    name when it is known to be complete: by its digest, or without one by gzip's own checksum.

    Args:
        archive: A path, or an http(s) address.
        downloads: Folder that keeps downloads.
        digest: SHA-256 that the file must have, in hex digits; empty: any.
        sleep: Waits between two tries, in seconds.

    Returns:
        A file that exists.

    Raises:
        FeedError: There is no such file, the download failed, or it is another file than the digest says.
    """
    if archive.startswith(ADDRESS_SCHEMES):
        return _downloaded(archive, downloads, digest, sleep)
    if not (file := Path(archive)).is_file():
        raise FeedError(
            f"archive {archive}: no such file. Put it there, or set [bert_service] imdb_archive to its path or address."
        )
    if digest and (found := sha256(file)) != digest:
        raise _wrong(f"archive {archive}", found, digest)
    return file


def _downloaded(address: str, downloads: Path, digest: str, sleep: Callable[[float], None]) -> Path:
    file = downloads / f"archive-{hashlib.sha256(address.encode()).hexdigest()[:16]}.tar.gz"
    with locked(downloads / "archive.lock"):
        if file.exists() and digest and sha256(file) != digest:
            _logger.warning("%s is not the file that [bert_service] imdb_sha256 asks for; downloading it again", file)
            file.unlink()
        if not file.exists():
            partial = Partial(file.with_name(f"{file.name}.part"))
            _download(Transfer(address=address, partial=partial, sleep=sleep), file, digest)
    return file


def _download(transfer: Transfer, file: Path, digest: str) -> None:
    partial = transfer.partial
    _logger.info("downloading %s", transfer.shown)
    try:
        transfer.run()
        _refuse_wrong(transfer, digest)
        sync(partial.file)
    except OSError as error:
        raise FeedError(
            f"{transfer.shown} cannot be written to {file.parent}: {error.strerror}. Free disk space, or correct the "
            "permissions, and run again to resume the download."
        ) from error
    partial.file.replace(file)
    partial.discard()
    sync(file.parent)
    _logger.info("downloaded %d bytes to %s", file.stat().st_size, file)


def _refuse_wrong(transfer: Transfer, digest: str) -> None:
    try:
        if not digest:
            refuse_broken(transfer.partial.file, transfer.shown)
        elif (found := sha256(transfer.partial.file)) != digest:
            raise _wrong(transfer.shown, found, digest)
    except FeedError:
        transfer.partial.discard()
        raise


def _wrong(what: str, found: str, digest: str) -> FeedError:
    return FeedError(
        f"{what} has the SHA-256 {found}; allowed: {digest}. It was changed or damaged: get it from a source that you "
        "trust, or correct [bert_service] imdb_sha256."
    )
