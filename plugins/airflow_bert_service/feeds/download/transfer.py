"""Downloads a large file, and resumes a download that broke off."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_bert_service.addresses import place_of, quiet_libraries, without_credentials
from airflow_bert_service.exceptions import FeedError

if TYPE_CHECKING:
    import httpx

LARGEST_DOWNLOAD = 1 << 30
"""Bytes. The public IMDB archive has 84 million."""
TIMEOUT = 60.0
"""Seconds."""
TRIES = 5
"""Tries of a download in one run; the pauses between them are 1, 2, 4 and 8 seconds."""
_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<total>\d+|\*)")
_NOTHING_LEFT = re.compile(r"bytes \*/(?P<total>\d+)")
_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Partial:
    """The first bytes of a download on disk, with the validator of the version that they belong to."""

    file: Path
    """The file of the bytes. It may not exist yet."""

    @property
    def _note(self) -> Path:
        return self.file.with_name(f"{self.file.name}.validator")

    def validator(self) -> str:
        """Return the value for If-Range (RFC 9110, 13.1.5); empty: the download cannot be resumed."""
        if not self._note.exists() or not self.size():
            return ""
        note = self._note.read_text(encoding="utf-8", errors="replace")
        return note if note.isascii() and note.isprintable() else ""

    def size(self) -> int:
        """Return the number of bytes on disk."""
        return self.file.stat().st_size if self.file.exists() else 0

    def begin(self, validator: str) -> None:
        """Discard the bytes; the next ones belong to the version with this validator."""
        # In this order: a process that is killed in between must not leave bytes of one version with another's note.
        self.discard()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._note.write_text(validator, encoding="utf-8")

    def discard(self) -> None:
        """Delete the bytes and the validator."""
        self.file.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Downloads the file at an address. It does not check the file's digest."""

    address: str
    """An http(s) address."""
    partial: Partial
    timeout: float = TIMEOUT
    """Seconds to wait for a connection, and for each next piece."""
    sleep: Callable[[float], None] = time.sleep
    shown: str = field(init=False, default="")
    """The address without credentials and query, for messages."""

    def __post_init__(self) -> None:
        """Derive the address that messages show."""
        object.__setattr__(self, "shown", place_of(self.address))

    def run(self) -> None:
        """Download, or resume a download, until the partial file is complete.

        Raises:
            FeedError: The server refuses, fails too often, or has a file that is too large.
        """
        for attempt in range(1, TRIES + 1):
            reason = self._try()
            if not reason:
                return
            _logger.warning("%s: %s (try %d of %d)", self.shown, reason, attempt, TRIES)
            if attempt < TRIES:
                self.sleep(2.0 ** (attempt - 1))
        raise FeedError(
            f"{self.shown} could not be downloaded in {TRIES} tries, the last one: {reason}. Run again to resume the "
            "download, or download the file yourself and set [bert_service] imdb_archive to its path."
        )

    def _try(self) -> str:
        """Return why the file is not complete; empty: it is."""
        # Imported here: the module is on the way of every parse of the DAG file, a download is rare.
        import httpx

        # The file is wanted as it is stored, so no server may pack it on the way.
        headers = {"Accept-Encoding": "identity"}
        if validator := self.partial.validator():
            _logger.info("%s: resuming the download after %d bytes", self.shown, self.partial.size())
            headers |= {"Range": f"bytes={self.partial.size()}-", "If-Range": validator}
        try:
            with (
                quiet_libraries(),
                httpx.stream(
                    "GET", self.address, headers=headers, timeout=self.timeout, follow_redirects=True
                ) as response,
            ):
                return self._take(response)
        except httpx.TransportError as error:
            return without_credentials(f"{type(error).__name__}: {error}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._refused(f"{type(error).__name__}: {error}") from None  # its text has the address

    def _take(self, response: "httpx.Response") -> str:
        status = response.status_code
        if status == HTTPStatus.OK:
            self.partial.begin(_validator(response.headers))
            return self._save(response, None)
        if status == HTTPStatus.PARTIAL_CONTENT:
            return self._continue(response)
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and self.partial.size():
            return self._nothing_left(response)
        if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return f"HTTP {status}"
        raise self._refused(f"HTTP {status}")

    def _continue(self, response: "httpx.Response") -> str:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or int(found["first"]) != self.partial.size() or self._changed(response):
            self.partial.discard()
            return "the server sent another part of the file than it was asked for, or of another version"
        return self._save(response, None if found["total"] == "*" else int(found["total"]))

    def _changed(self, response: "httpx.Response") -> bool:
        # A server may know Range and not If-Range.
        seen = _validators(response.headers)
        return bool(seen) and self.partial.validator() not in seen

    def _nothing_left(self, response: "httpx.Response") -> str:
        # A process may have been killed between the last byte and the file's new name. Another version of the file may
        # have as many bytes, too, so the answer has to name the version. That of nginx does not: it begins anew.
        found = _NOTHING_LEFT.fullmatch(response.headers.get("Content-Range", ""))
        known = self.partial.validator() in _validators(response.headers)
        if known and found and int(found["total"]) == self.partial.size():
            return ""
        self.partial.discard()
        return "the server did not say that the bytes that were downloaded before are the whole file"

    def _save(self, response: "httpx.Response", total: int | None) -> str:
        size = self.partial.size()
        with self.partial.file.open("ab") as file:
            for piece in response.iter_raw():
                size += len(piece)
                if size > LARGEST_DOWNLOAD:
                    self.partial.discard()
                    raise FeedError(
                        f"{self.shown} has more bytes than the allowed {LARGEST_DOWNLOAD}. Set [bert_service] "
                        "imdb_archive to the address of the aclImdb archive."
                    )
                file.write(piece)
                file.flush()  # what has come is kept, even if this process is killed
        return "" if total in (None, size) else f"{size} of {total} bytes came"

    def _refused(self, why: str) -> FeedError:
        return FeedError(
            f"{self.shown} could not be downloaded: {why}. Check [bert_service] imdb_archive, or download the file "
            "yourself and set imdb_archive to its path."
        )


def _validators(headers: Mapping[str, str]) -> list[str]:
    return [headers[name] for name in ("ETag", "Last-Modified") if name in headers]


def _validator(headers: Mapping[str, str]) -> str:
    """Return a strong validator: the ETag, or the time of the last change where it cannot have changed since."""
    etag = headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    try:
        modified = headers["Last-Modified"]
        settled = parsedate_to_datetime(headers["Date"]) - parsedate_to_datetime(modified) >= timedelta(seconds=1)
    except (KeyError, ValueError, TypeError):
        return ""
    return modified if settled else ""
