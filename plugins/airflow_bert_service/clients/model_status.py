"""Asks model servers which versions they serve, over REST as TensorFlow Serving has it."""

import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from airflow_bert_service.addresses import without_credentials

SECONDS = 1.5
"""How long servers have to answer; they are asked at the same time."""
_MOST_BYTES = 1 << 20
_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """What a model server says about a model."""

    address: str
    """Where it was asked, without credentials."""
    states: tuple[tuple[int, str], ...] = ()
    """Versions with their states, like ``AVAILABLE`` or ``LOADING``; the largest version first."""
    problem: str = ""
    """Why there is no answer; empty: there is one."""

    @property
    def served(self) -> int | None:
        """The version that answers requests which name none: the largest one that is available; None: there is none."""
        return next((version for version, state in self.states if state == "AVAILABLE"), None)


def ask_servers(addresses: Sequence[str], seconds: float = SECONDS) -> tuple[ServerStatus, ...]:
    """Ask model servers for the state of a model, all at the same time.

    Args:
        addresses: Of the model's status, ``http://HOST:PORT/v1/models/NAME``.
        seconds: How long all of it may take; a server that has not answered by then has a problem.

    Returns:
        What each of them says, in the order of the addresses.
    """
    if not addresses:
        return ()
    threads, connections = ThreadPoolExecutor(len(addresses)), _Connections()
    asked = [threads.submit(_ask, address, seconds, connections) for address in addresses]
    wait(asked, seconds)
    found = tuple(_answer(address, future, seconds) for address, future in zip(addresses, asked, strict=True))
    # A server that sends a byte a second would keep its thread for days, and the process from ending.
    connections.shut_down()
    threads.shutdown(wait=False, cancel_futures=True)
    return found


def _answer(address: str, future: "Future[ServerStatus]", seconds: float) -> ServerStatus:
    if future.done():
        return future.result()
    return ServerStatus(address=without_credentials(address), problem=f"no answer within {seconds:g} s")


class _Connections:
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

    def opener(self) -> urllib.request.OpenerDirector:
        """Return what opens addresses by such connections; it knows no proxies."""
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

        return urllib.request.build_opener(urllib.request.ProxyHandler({}), HttpHandler, HttpsHandler)


def _ask(address: str, seconds: float, connections: _Connections) -> ServerStatus:
    shown = without_credentials(address)
    opener = connections.opener()
    try:
        with opener.open(address, timeout=seconds) as response:
            return ServerStatus(address=shown, states=_states(json.loads(response.read(_MOST_BYTES))))
    except urllib.error.HTTPError as error:
        problem = "it has no version of the model" if error.code == _NOT_FOUND else f"HTTP status {error.code}"
    except TimeoutError:
        problem = f"no answer within {seconds:g} s"
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        problem = "the answer is not the state of a model"
    except OSError as error:
        reason = getattr(error, "reason", error)
        problem = f"no answer ({getattr(reason, 'strerror', None) or reason})"
    except http.client.HTTPException:
        problem = "it does not answer in HTTP; is it the port for REST, and not the one for gRPC?"
    return ServerStatus(address=shown, problem=without_credentials(problem, of=address))


def _states(answer: Any) -> tuple[tuple[int, str], ...]:
    found = [(int(item["version"]), str(item["state"])) for item in answer["model_version_status"]]
    return tuple(sorted(found, reverse=True))
