"""Getting an archive that is named by a path or by an http(s) address."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from bert_service.exceptions import FeedError
from bert_service.files import locked, publishing

ADDRESS_SCHEMES = ("http://", "https://")
LARGEST_DOWNLOAD = 1 << 30
"""Bytes. The public IMDB archive has 84 million."""
TIMEOUT = 60.0
"""Seconds to wait for a connection, and for each next piece."""

log = logging.getLogger(__name__)


def local_archive(archive: str, downloads: Path) -> Path:
    """Return the path of an archive, downloading it first where it is an address.

    An address is downloaded once: the file is kept in ``downloads`` under a name made of the address. Delete it to have
    it downloaded again.

    Args:
        archive: A path, or an http(s) address.
        downloads: Folder that keeps downloads.

    Returns:
        A file that exists.

    Raises:
        FeedError: There is no such file, or the download failed.
    """
    if not archive.startswith(ADDRESS_SCHEMES):
        if not (file := Path(archive)).is_file():
            raise FeedError(
                f"archive {archive}: no such file. Put it there, or set [bert_service] imdb_archive to its path or "
                "address."
            )
        return file
    file = downloads / f"archive-{hashlib.sha256(archive.encode()).hexdigest()[:16]}.tar.gz"
    with locked(downloads / "archive.lock"):
        if not file.exists():
            _download(archive, file)
    return file


def _download(address: str, file: Path) -> None:
    # Imported here: the module is on the way of every parse of the DAG file, a download is rare.
    import httpx

    log.info("downloading %s", address)
    # The archive is wanted as it is stored, so no server may unpack it on the way.
    headers = {"Accept-Encoding": "identity"}
    try:
        with (
            httpx.stream("GET", address, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response,
            publishing(file) as part,
        ):
            response.raise_for_status()
            _save(response.iter_raw(), part, address)
    except httpx.HTTPError as error:
        raise FeedError(
            f"archive {address} could not be downloaded: {type(error).__name__}: {error}. Run again, or download it "
            "yourself and set [bert_service] imdb_archive to the file's path."
        ) from error
    log.info("downloaded %d bytes to %s", file.stat().st_size, file)


def _save(pieces: Iterator[bytes], part: Path, address: str) -> None:
    size = 0
    with part.open("wb") as handle:
        for piece in pieces:
            size += len(piece)
            if size > LARGEST_DOWNLOAD:
                raise FeedError(
                    f"archive {address} is larger than {LARGEST_DOWNLOAD} bytes, the largest allowed. "
                    "Is this the address of the aclImdb archive?"
                )
            handle.write(piece)
