"""Defines the feed ``files``: CSV or JSON Lines files for each day, or for several, on a disk or an object store."""

import datetime as dt
import gzip
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.exceptions import FeedError, MissingDayError
from airflow_bert_service.feeds.own_feed import DatedFeed, feed_errors
from airflow_bert_service.feeds.readers.row_days import rows_of
from airflow_bert_service.feeds.readers.row_files import read_csv_rows, read_json_rows
from airflow_bert_service.feeds.readers.rows import RawRow

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

ADVICE = (
    "Check [bert_service] files_pattern and files_conn_id, and that the provider package of the store is installed "
    "(apache-airflow-providers-amazon[s3fs] for s3://, apache-airflow-providers-google for gs://)."
)
_logger = logging.getLogger(__name__)
_READERS: Mapping[str, Callable[..., Iterator[RawRow]]] = {
    ".csv": read_csv_rows,
    ".jsonl": read_json_rows,
    ".ndjson": read_json_rows,
}


@dataclass(frozen=True, kw_only=True)
class PartitionedFeed(DatedFeed):
    """Reads the files that a pattern names, in the order of their names, one after the other.

    The pattern has ``{date}``, or the rows have a column with their date, or both.

    A file's ending names its format: ``.csv``, ``.jsonl`` or ``.ndjson``, each also with ``.gz`` after it. A day
    without a file is a missing day.
    """

    name: ClassVar[str] = "files"

    pattern: str
    """Path or address, perhaps with ``{date}`` and wildcards."""
    conn_id: str = ""
    """Airflow connection of the object store; empty: none."""

    def rows(self, day: dt.date) -> Iterator[RawRow]:
        """Yield the rows of a day's files.

        Raises:
            MissingDayError: There is no file.
            FeedError: The store or a file cannot be read, or a file's ending is not known.
        """
        place = self._place(day)
        with feed_errors(place, ADVICE):
            files = self._files(place)
            if not files:
                raise MissingDayError(
                    f"feed {self.name} has no reviews of {day}: there is no file {place}. Deliver it and run again, or "
                    "correct [bert_service] files_pattern."
                )
            readers = [(file, _reader(str(file))) for file in files]  # before the first row, so that none is in vain
            rows = self._in_turn(readers)
            yield from rows_of(day, rows, self._place) if self.columns.date else rows

    def _place(self, day: dt.date) -> str:
        return self.pattern.format(date=day)

    def _in_turn(self, readers: "list[tuple[ObjectStoragePath, Callable[..., Iterator[RawRow]]]]") -> Iterator[RawRow]:
        number = 1
        for file, read in readers:
            row = None
            for row in self._rows(file, read, number):
                yield row
            number = row.number + 1 if row else number

    def _files(self, place: str) -> "list[ObjectStoragePath]":
        # Imported here: the DAG file makes a feed at every parse, and reads none.
        from airflow.sdk import BaseHook, ObjectStoragePath

        if self.conn_id:
            # Fails where there is none; some stores would go on as somebody else.
            BaseHook.get_connection(self.conn_id)
        root = ObjectStoragePath(place, conn_id=self.conn_id or None)
        # The store, and not the path's own glob: that one goes on without the connection where it is wrong.
        store = root.fs
        store.invalidate_cache()  # or a file that came in since the last look stays unseen
        found = _glob(store, root.path)
        names = sorted(name for name, facts in found.items() if facts["type"] == "file")
        hidden = [name for name in names if _is_hidden(name, place)]
        if hidden:
            _logger.warning("%s: hidden files are left out: %s", place, ", ".join(hidden))
            names = [name for name in names if name not in hidden]
        return [ObjectStoragePath(store.unstrip_protocol(name), conn_id=self.conn_id or None) for name in names]

    def _rows(self, file: "ObjectStoragePath", read: Callable[..., Iterator[RawRow]], start: int) -> Iterator[RawRow]:
        with ExitStack() as stack:
            stored = stack.enter_context(cast("Any", file).open("rb"))
            handle = stack.enter_context(gzip.GzipFile(fileobj=stored)) if str(file).endswith(".gz") else stored
            yield from read(handle, self.columns, where=self._shown(file), start=start)

    def _shown(self, file: "ObjectStoragePath") -> str:
        """Return a file's address without credentials; the connection's id, which stands at their place, is none."""
        place = f"://{self.conn_id}@" if self.conn_id else "://"
        return without_credentials(str(file).replace(place, "://", 1)).replace("://", place, 1)


def _is_hidden(name: str, pattern: str) -> bool:
    """Tell whether a wildcard has found a hidden file, like macOS's ``._reviews.csv``, whose name nobody asked for."""
    asked = PurePosixPath(pattern).name
    return PurePosixPath(name).name.startswith(".") and not asked.startswith(".")


def _reader(name: str) -> Callable[..., Iterator[RawRow]]:
    ending = PurePosixPath(name.removesuffix(".gz")).suffix
    try:
        return _READERS[ending]
    except KeyError:
        raise FeedError(
            f"{name} has the unknown ending {ending!r}; allowed: {', '.join(_READERS)}, each also with .gz after it. "
            "Rename the file, or set [bert_service] files_pattern so that it does not match."
        ) from None


def _glob(store: Any, pattern: str) -> dict[str, dict[str, Any]]:
    """Return what is there, with its facts; fsspec's ``glob`` takes a folder that cannot be listed for an empty one.

    Raises:
        OSError: A folder cannot be listed. Other libraries than the local one have errors of their own.
    """
    # Other stores than the local disk would be handed the argument.
    strict = {"on_error": "raise"} if "local" in store.protocol else {}
    try:
        found = cast("dict[str, dict[str, Any]]", store.glob(pattern, detail=True, **strict))
        if not found:
            store.ls(_folder(pattern), detail=False)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return found


def _folder(pattern: str) -> str:
    """Return the folder below which a pattern looks: the part before its first wildcard."""
    fixed = list(takewhile(lambda part: not set("*?[{") & set(part), PurePosixPath(pattern).parent.parts))
    return str(PurePosixPath(*fixed))
