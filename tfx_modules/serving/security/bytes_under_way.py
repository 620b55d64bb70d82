"""Bounds the bytes of all requests that are not answered yet, of both protocols together. Knows no protocol."""

from collections.abc import Iterator
from contextlib import contextmanager

from tfx_modules.serving.exceptions import OverloadedError


class Holding:
    """The bytes of one request."""

    def __init__(self, all_requests: "BytesUnderWay") -> None:
        self._all = all_requests
        self._size = 0

    def resize(self, size: int) -> None:
        """Hold so many bytes instead.

        Raises:
            OverloadedError: there are not so many left; what was held still is.
        """
        self._all.change(size - self._size)
        self._size = size


class BytesUnderWay:
    """The bytes of all requests that are not answered yet.

    Args:
        most: how many there may be; 0 = any number.
    """

    def __init__(self, most: int = 0) -> None:
        self.held = 0
        """How many there are."""
        self._most = most

    @contextmanager
    def holding(self, size: int = 0) -> Iterator[Holding]:
        """Hold a request's bytes for as long as the block lasts.

        Raises:
            OverloadedError: there are not so many left.
        """
        held = Holding(self)
        held.resize(size)
        try:
            yield held
        finally:
            held.resize(0)

    def change(self, size: int) -> None:
        """Take so many bytes; give them back where the number is negative.

        Raises:
            OverloadedError: there are not so many left.
        """
        if size > 0 and self._most and self.held + size > self._most:
            raise OverloadedError(
                f"the requests that the server is answering have {self.held} bytes, {size} would come, and "
                f"{self._most} may be under way (--max_bytes_under_way); ask again in a moment"
            )
        self.held += size
