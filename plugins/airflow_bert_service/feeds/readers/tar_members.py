"""Reads a tar.gz that may be hostile, without unpacking it to the disk, in bounded memory and time."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from airflow_bert_service.exceptions import FeedError

LARGEST_MEMBER = 1 << 20
"""Bytes of a file that is read, and of a header; the longest review in the IMDB archive has 14,000."""
MOST_MEMBERS = 250_000
"""The IMDB archive has 100,000."""
LARGEST_UNPACKED = 1 << 31
"""Bytes of the whole archive, unpacked; the IMDB archive has about 500 million."""
BROKEN = (tarfile.TarError, OSError, EOFError, zlib.error)
"""The errors that reading an incomplete or malformed tar.gz raises."""


class Member:
    """A member of an archive; valid until the next one is yielded."""

    def __init__(self, archive: Path, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        self._archive = archive
        self._tar = tar
        self._info = info

    @property
    def name(self) -> str:
        """The member's path in the archive, relative and without dots."""
        return self._info.name

    @property
    def size(self) -> int:
        """The member's size in bytes."""
        return self._info.size

    def content(self) -> bytes:
        """Read the member's content.

        Raises:
            FeedError: The member is a folder, larger than ``LARGEST_MEMBER``, or incomplete.
        """
        file = self._tar.extractfile(self._info) if self._info.isfile() else None
        if file is None or self._info.size > LARGEST_MEMBER:
            raise FeedError(
                f"archive {self._archive}, member {self.name}: "
                f"{'a folder' if file is None else f'{self._info.size} bytes'}; allowed: a file of up to "
                f"{LARGEST_MEMBER} bytes. Get the archive anew."
            )
        try:
            return file.read()
        except BROKEN as error:
            raise _broken(self._archive, error) from error


def members(archive: Path) -> Iterator[Member]:
    """Yield an archive's members in their order.

    Args:
        archive: A tar.gz.

    Raises:
        FeedError: The file is no tar.gz, is incomplete, has a member that no archive of reviews has, or is too large.
    """
    try:
        with BoundedGzip(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            count = 0
            while (info := tar.next()) is not None:
                # It keeps every header otherwise; typeshed has left the attribute out.
                tar.members.clear()  # type: ignore[attr-defined]
                count += 1
                _refuse_hostile(info, count, archive)
                yield Member(archive, tar, info)
    except BROKEN as error:
        raise _broken(archive, error) from error


def _broken(archive: Path, error: Exception) -> FeedError:
    return FeedError(f"archive {archive} cannot be read as a tar.gz: {error}. Get the archive anew.")


class BoundedGzip(gzip.GzipFile):
    """A gzip file that unpacks to a bounded size, and is read in bounded pieces.

    ``tarfile`` reads a long name or an extended header at once, however large its header says that it is.
    """

    def __init__(self, file: Path) -> None:
        """Open a file.

        Args:
            file: Its path.

        Raises:
            OSError: It cannot be opened.
        """
        super().__init__(file, "rb")
        self._path = file

    def read(self, size: int | None = -1) -> bytes:
        """Read a piece.

        Raises:
            FeedError: The piece is too large, or past the bound.
        """
        # Its last block is filled up, and a pair of headers may go before it.
        if size is None or not 0 <= size <= LARGEST_MEMBER + tarfile.BLOCKSIZE:
            raise FeedError(
                f"archive {self._path} has a header of {size} bytes; allowed: {LARGEST_MEMBER}. This is not the "
                "aclImdb archive: get it anew from a place that you trust."
            )
        self._refuse_large(self.tell() + size)
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset.

        Raises:
            FeedError: It is past the bound.
        """
        self._refuse_large(offset)
        return super().seek(offset, whence)

    def _refuse_large(self, end: int) -> None:
        if end > LARGEST_UNPACKED:
            raise FeedError(
                f"archive {self._path} unpacks to more than {LARGEST_UNPACKED} bytes, the most allowed. This is not "
                "the aclImdb archive: get it anew from a place that you trust."
            )


def refuse_broken(file: Path, what: str) -> None:
    """Read a gzip file to its end, where its checksum is.

    Args:
        file: Its path.
        what: What it is, for the message.

    Raises:
        FeedError: The file is no gzip file, is incomplete, or unpacks to too much.
    """
    try:
        with BoundedGzip(file) as stream:
            if not stream.read(LARGEST_MEMBER):
                raise EOFError("it is empty")
            while stream.read(LARGEST_MEMBER):
                pass
    except BROKEN as error:
        raise FeedError(
            f"{what} is not a complete gzip file: {error}. Run again to download it anew, or set [bert_service] "
            "imdb_archive to the aclImdb archive."
        ) from error


def _refuse_hostile(member: tarfile.TarInfo, count: int, archive: Path) -> None:
    # Nothing is ever unpacked to the disk, so none of these could do harm; an archive that has one is not what it
    # claims to be.
    name = PurePosixPath(member.name)
    plain = (member.isfile() and not member.issparse() and member.size >= 0) or member.isdir()
    if name.is_absolute() or ".." in name.parts or not plain:
        raise FeedError(
            f"archive {archive} has the member {member.name!r}; allowed: files and folders below the archive's top, no "
            "links, no devices, no sparse files. This is not the aclImdb archive: get it anew from a place that you "
            "trust."
        )
    if count > MOST_MEMBERS:
        raise FeedError(
            f"archive {archive} has more than {MOST_MEMBERS} members, the most allowed. This is not the aclImdb "
            "archive: get it anew from a place that you trust."
        )
