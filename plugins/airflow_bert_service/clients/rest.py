"""Asks servers over HTTP within a time that holds for all of it, from connecting to the last byte of the answer."""

import http.client
import socket
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

Answer = TypeVar("Answer")


class Connections:
    """The connections to servers, so that all of them can be ended when the time is over."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._is_over = False

    def add(self, connected: socket.socket) -> None:
        """Take a connection; it ends at once where the time is over."""
        self._sockets.append(connected)
        if self._is_over:
            self.shut_down()

    def shut_down(self) -> None:
        """End all connections, and those that come later: what waits for one of them goes on."""
        self._is_over = True
        for connected in list(self._sockets):
            with suppress(OSError):  # closed already
                connected.shutdown(socket.SHUT_RDWR)

    def opener(self, *more: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
        """Return what opens addresses by such connections; it knows no proxies.

        Args:
            more: Handlers of urllib that it has beside its own ones, or in their place.
        """
        add = self.add

        class Http(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                add(self.sock)

        class Https(http.client.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                add(self.sock)

        class HttpHandler(urllib.request.HTTPHandler):
            def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(Http, req)

        class HttpsHandler(urllib.request.HTTPSHandler):
            def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(Https, req)

        return urllib.request.build_opener(urllib.request.ProxyHandler({}), HttpHandler, HttpsHandler, *more)


def ask_within(seconds: float, questions: Sequence[Callable[[Connections], Answer]]) -> list[Answer | None]:
    """Ask at the same time, each in a thread, and wait no longer than a time.

    Args:
        seconds: How long all of it may take.
        questions: Each asks by the connections that it is given.

    Returns:
        The answers, in the order of the questions; None for one that has not come in time.
    """
    if not questions:
        return []
    threads, connections = ThreadPoolExecutor(len(questions)), Connections()
    asked: list[Future[Answer]] = [threads.submit(question, connections) for question in questions]
    try:
        wait(asked, seconds)
        return [future.result() if future.done() else None for future in asked]
    finally:
        # A server that sends a byte a second would keep its thread for days, and the process from ending.
        connections.shut_down()
        threads.shutdown(wait=False, cancel_futures=True)


def trouble_of(error: Exception) -> str:
    """Return why a server gave no answer in HTTP.

    Args:
        error: An ``OSError`` or an ``HTTPException``.
    """
    if not isinstance(error, OSError):
        return "it does not answer in HTTP; is it the port for REST, and not the one for gRPC?"
    reason = getattr(error, "reason", error)
    return f"no answer ({getattr(reason, 'strerror', None) or reason})"
