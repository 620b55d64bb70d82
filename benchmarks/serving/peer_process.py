"""Runs a peer, ``peer.py``, as a process of its own in the peers' environment."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.serving import models

OPENVINO_PEERS = tuple(f"openvino{kind}-{hint}" for kind in ("", "-int8") for hint in ("latency", "throughput"))
PEERS = ("onnx", "torch", "onnx-int8", "torch-bfloat16", *OPENVINO_PEERS)
_PROGRAM = Path(__file__).with_name("peer.py")
_SECONDS = 180
"""That a peer has until it answers."""


@dataclass(frozen=True)
class Peer:
    """A peer, and what it is started with."""

    python: str
    """Python of the peers' environment."""
    kind: str
    """One of ``PEERS``."""
    head: Path
    """The head's weights, from ``models.write_head``."""
    reviews: Path
    """The file that INT8 is calibrated with."""
    threads: int = 0
    """Threads that an operation computes with; 0: one for each core."""

    @contextlib.contextmanager
    def running(self, *, batching: bool) -> Iterator[str]:
        """Start it, and end it with the block; yields its address once it answers.

        Args:
            batching: whether it computes requests together that arrive while it computes.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [self.python, str(_PROGRAM), self.kind, str(port), str(models.encoder_folder()), str(self.head)]
        command.append(str(self.reviews))
        flags = [*(["--batch"] if batching else []), *([f"--threads={self.threads}"] if self.threads else [])]
        process = subprocess.Popen([*command, *flags])
        try:
            _wait(f"http://127.0.0.1:{port}/docs", process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, trust_env=False, timeout=5)
            return
        time.sleep(0.2)
    sys.exit(f"the peer did not start: {process.args!r}")
