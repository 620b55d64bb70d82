"""Measure what costly requests of one client cost the others.

    .venv/tfx/bin/python -m benchmarks.serving.stalls --model VERSION_FOLDER

While each attack runs, two steady clients ask: one for the health (gRPC), one for a text with its key (REST). An attack
is two threads that send one kind of request without a pause, first without a key, then with one. Both clients should
stay under half a second in 99 of 100 requests.
"""

import argparse
import http.client
import json
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.serving.attacks import ATTACKS, MODEL, Attack
from tfx_modules.serving.process import ModelServerProcess

Ask = Callable[[], None]
TEXT = "a warm and funny film about people who love the cinema"
PAUSE = 0.02  # seconds between a steady client's requests
ATTACKERS = 2
FLAGS = ["--max_rows_per_run=4", "--rest_api_timeout_in_ms=5000"]


@contextmanager
def serving(version: Path, key: str, flags: list[str]) -> Iterator[ModelServerProcess]:
    """Serve a version's folder, to who has the key."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = folder / "keys"
        keys.write_text(key)
        base = folder / "model"
        base.mkdir()
        shutil.copytree(version, base / "1")
        flags = [f"--api_key_file={keys}", "--status_without_api_key", *flags]
        with ModelServerProcess(model_base_path=base, model_name=MODEL, flags=flags) as server:
            yield server


def health_asker(server: ModelServerProcess) -> Ask:
    """Return what asks for the health over gRPC."""
    check = health_pb2_grpc.HealthStub(grpc.insecure_channel(server.grpc_address)).Check

    def ask() -> None:
        check(health_pb2.HealthCheckRequest(), timeout=60)

    return ask


def text_asker(server: ModelServerProcess, key: str) -> Ask:
    """Return what asks about one text over REST."""
    connection = http.client.HTTPConnection(server.rest_url.removeprefix("http://"), timeout=60)
    body = json.dumps({"instances": [TEXT]})

    def ask() -> None:
        connection.request("POST", f"/v1/models/{MODEL}:predict", body, {"x-api-key": key})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"the steady client got {answer.status}: {content!r}")

    return ask


def measure(asks: Mapping[str, Ask], attack: Callable[[], Any] | None, seconds: float) -> tuple[dict[str, Any], int]:
    """Return each client's times in seconds, and how many requests the attack has sent."""
    end = time.monotonic() + seconds
    times: dict[str, list[float]] = {name: [] for name in asks}
    sent: list[Any] = []

    def steady(name: str) -> None:
        while time.monotonic() < end:
            began = time.perf_counter()
            asks[name]()
            times[name].append(time.perf_counter() - began)
            time.sleep(PAUSE)

    def attacking(send: Callable[[], Any]) -> None:
        while time.monotonic() < end:
            sent.append(send())

    threads = [threading.Thread(target=steady, args=(name,)) for name in asks]
    threads += [threading.Thread(target=attacking, args=(attack,)) for _ in range(ATTACKERS)] if attack else []
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {name: np.array(found) for name, found in times.items()}, len(sent)


def main() -> None:
    """Run the attacks, and print each result at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a version's folder, with the input text")
    parser.add_argument("--seconds", type=float, default=5, help="seconds for each figure (default: %(default)s)")
    parser.add_argument("--only", nargs="+", default=list(ATTACKS), choices=ATTACKS, help="attacks (default: all)")
    parser.add_argument("--flag", action="append", default=FLAGS, help="a further flag of the server, as --flag=--x=1")
    options = parser.parse_args()
    key = secrets.token_hex(32)
    with serving(options.model, key, options.flag) as server:
        asks = {"health": health_asker(server), "text": text_asker(server, key)}
        for _ in range(20):
            for ask in asks.values():
                ask()
        print("attack | key | sent | health p50, p99, most (ms) | one text p50, p99, most (ms)", flush=True)
        _report("none", "", *measure(asks, None, options.seconds))
        for name in options.only:
            for given in ("", key):
                attack: Attack = ATTACKS[name](server.rest_url.removeprefix("http://"), server.grpc_address, given)
                _report(name, "yes" if given else "no", *measure(asks, attack, options.seconds))
                time.sleep(1)


def _report(name: str, key: str, times: Mapping[str, Any], sent: int) -> None:
    shown = (
        ", ".join(f"{value * 1000:.0f}" for value in (np.median(found), np.percentile(found, 99), found.max()))
        for found in times.values()
    )
    print(f"{name} | {key} | {sent} | {' | '.join(shown)}", flush=True)


if __name__ == "__main__":
    main()
