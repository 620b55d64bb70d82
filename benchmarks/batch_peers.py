"""Measures the same model behind FastAPI, asked by clients that send many texts in a request."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving import models
from benchmarks.serving.peer_process import Peer
from tfx_modules.serving.flags.batching_flags import cores

ROWS = (32, 64)
"""Texts of a request."""
KINDS = ("onnx-int8", "openvino-int8-throughput", "openvino-throughput", "torch-bfloat16")
"""The peers that are compared where none is named: the faster ones for many texts."""
_CLIENTS_OF_A_CORE = 2
"""So that none of the server's cores ever waits for a client."""
_TIMEOUT = 600


@dataclass(frozen=True)
class Way:
    """How a peer is run and asked."""

    peer: Peer
    rows: int
    """Texts of a request."""

    def __str__(self) -> str:
        threads = self.peer.threads or cores()
        return f"FastAPI, {self.peer.kind}, {threads} threads an operation, {clients()} clients, batches of {self.rows}"


def clients() -> int:
    """Return how many clients ask at the same time."""
    return _CLIENTS_OF_A_CORE * cores()


def print_peers(
    python: str,
    kinds: Sequence[str],
    reviews: Path,
    folder: Path,
    few: Sequence[str],
    texts: Sequence[str],
    tokens: int,
) -> None:
    """Measure all ways with a few texts, and the fastest one with all.

    Args:
        python: of the peers' environment.
        kinds: the peers.
        reviews: the file that INT8 is calibrated with.
        folder: for the head's weights.
        few: texts that all ways are measured with.
        texts: those of the whole day.
        tokens: at which texts are cut.
    """
    head = folder / "head.npz"
    models.write_head(head)
    rates = {}
    for way in _ways(python, kinds, head, reviews):
        try:
            rates[way] = _measure(way, few, tokens)
        except (OSError, http.client.HTTPException, ValueError) as error:
            print(f"{way}: it gave no answers: {error!r}", flush=True)
    if rates:
        best = max(rates, key=lambda way: rates[way])
        _measure(best, texts, tokens, what="a whole day with the fastest of these, ")


def _ways(python: str, kinds: Sequence[str], head: Path, reviews: Path) -> Iterator[Way]:
    for kind, threads, rows in itertools.product(kinds, sorted({1, cores()}), ROWS):
        yield Way(Peer(python, kind, head, reviews, threads), rows)


def _measure(way: Way, texts: Sequence[str], tokens: int, what: str = "") -> float:
    """Print and return the texts a second."""
    with way.peer.running(batching=False) as address:
        asked = _Clients(address, tokens, way.rows)
        asked.scores(texts[: way.rows * clients()])  # what is computed first, prepares
        began = time.monotonic()
        scores = asked.scores(texts)
        seconds = time.monotonic() - began
    rate = len(scores) / seconds
    first = " ".join(f"{score:.3f}" for score in scores[:4])
    print(
        f"{what}{way}: {len(scores)} texts in {seconds:.1f} s, {rate:.1f} texts/s; mean score {np.mean(scores):.4f}, "
        f"first scores {first}",
        flush=True,
    )
    return rate


class _Clients:
    """Clients that ask at the same time, each on a connection of its own."""

    def __init__(self, address: str, tokens: int, rows: int) -> None:
        self._address = address
        self._path = f"/{tokens}"
        self._rows = rows
        self._mine = threading.local()

    def scores(self, texts: Sequence[str]) -> list[float]:
        """Return the scores of all texts, in their order."""
        batches = [texts[start : start + self._rows] for start in range(0, len(texts), self._rows)]
        with ThreadPoolExecutor(clients()) as threads:
            return list(itertools.chain.from_iterable(threads.map(self._ask, batches)))

    def _ask(self, texts: Sequence[str]) -> list[float]:
        if not hasattr(self._mine, "connection"):
            self._mine.connection = http.client.HTTPConnection(self._address, timeout=_TIMEOUT)
        body = json.dumps({"instances": list(texts)})
        self._mine.connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        answer = self._mine.connection.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise ValueError(f"status {answer.status}: {content[:200]!r}")
        found: list[float] = json.loads(content)["predictions"]
        return found
