"""Forks Beam's workers from a process that has imported everything, which takes a fresh process 15 s of a core."""

import contextlib
import json
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import NoReturn

import numpy as np
from apache_beam.runners.worker import sdk_worker_main

from tfx_modules.common.parent_death import die_with

_LARGEST_MESSAGE = 1 << 18
_DONE = b"done"
_CRASHED = 1

_logger = logging.getLogger(__name__)


class Forker:
    """A fork of this process that forks workers from itself on request.

    Make it before this process starts threads, for Beam's gRPC and TensorFlow's sessions are not safe to fork. It is a
    context manager: at its end no worker is left. The kernel ends it, and its workers with it, when this process dies.
    """

    def __init__(self) -> None:
        """Fork."""
        self._socket, its_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self._socket.close()
            _serve(its_socket, parent)
        its_socket.close()

    def __enter__(self) -> "Forker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # It kills its workers when it finds the other end closed.
        self._socket.close()
        os.waitpid(self._pid, 0)

    def start(self, environment: Mapping[str, str]) -> int:
        """Start a worker.

        Args:
            environment: the variables that Beam tells its workers by.

        Returns:
            A file descriptor whose end comes when the worker has ended; ``has_ended_well`` waits and tells how.
        """
        ended, its_end = os.pipe2(os.O_CLOEXEC)
        try:
            socket.send_fds(self._socket, [json.dumps(dict(environment)).encode()], [its_end])
        finally:
            os.close(its_end)
        return ended


def has_ended_well(ended: int) -> bool:
    """Wait for a worker's end; close the file descriptor.

    Returns:
        Whether it ended because it was asked to; otherwise it was killed or has crashed.
    """
    with os.fdopen(ended, "rb") as pipe:
        return pipe.read() == _DONE


def _serve(requests: socket.socket, parent: int) -> NoReturn:
    workers: set[int] = set()
    try:
        die_with(parent)
        # Ctrl-C is for the node's process to act on.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        this = os.getpid()
        while message := _next(requests, workers):
            environment, ended = message
            pid = os.fork()
            if pid == 0:
                requests.close()
                _work(json.loads(environment), ended, this)
            os.close(ended)
            workers.add(pid)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        for pid in workers:
            os.waitpid(pid, 0)
    except BaseException:
        _logger.exception("the process that forks Beam's workers failed")
    finally:
        # The server's or the node's code must never go on here.
        os._exit(0)


def _next(requests: socket.socket, workers: set[int]) -> tuple[bytes, int] | None:
    """Wait for a request; meanwhile, reap workers that have ended."""
    while True:
        ready, _, _ = select.select([requests], [], [], 1.0)
        for pid in list(workers):
            if os.waitpid(pid, os.WNOHANG)[0]:
                workers.discard(pid)
        if ready:
            message, (*ended,), _, _ = socket.recv_fds(requests, _LARGEST_MESSAGE, 1)
            return (message, ended[0]) if message else None


def _work(environment: Mapping[str, str], ended: int, parent: int) -> NoReturn:
    code = _CRASHED
    try:
        die_with(parent)
        os.environ.update(environment)
        np.random.seed()  # forks would all draw the same numbers
        sdk_worker_main.main([])
        os.write(ended, _DONE)
        code = 0
    except BaseException:
        _logger.exception("a Beam worker failed")
    finally:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)
