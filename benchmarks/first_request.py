"""Measure what a version's warm-up requests save its first clients.

    .venv/tfx/bin/python -m benchmarks.first_request var/models/bert_sentiment/2026110501

In turns, fresh servers with and without warm-up load the version and are asked, over gRPC, the version's own warm-up
requests, the first time and then some more. Figures are medians over the servers.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.serving.warmup import PLACE

NAME = "measured"
LATER = 10


class BenchmarkError(Exception):
    """The version has no warm-up requests."""


@dataclass(frozen=True)
class Times:
    """One server's times, in milliseconds, by request.

    Attributes:
        ready: from the start of the process to its being ready, in seconds.
    """

    ready: float
    first: tuple[float, ...]
    later: tuple[float, ...]


def read_requests(version: Path) -> list[predict_pb2.PredictRequest]:
    """Return the version's warm-up requests.

    Raises:
        BenchmarkError: it has none.
    """
    path = version / PLACE
    if not path.is_file():
        raise BenchmarkError(f"{path} is not there; give a version folder that the pipeline has exported")
    requests = [
        PredictionLog.FromString(record).predict_log.request
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    for request in requests:
        request.model_spec.name = NAME
    return requests


def measure(version: Path, requests: Sequence[predict_pb2.PredictRequest], *, warm: bool) -> Times:
    """Start a server on the version and ask it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "1").symlink_to(version.absolute())
        start = time.perf_counter()
        flags = (f"--enable_model_warmup={'true' if warm else 'false'}",)
        with ModelServerProcess(model_base_path=Path(folder), model_name=NAME, flags=flags) as server:
            ready = time.perf_counter() - start
            with grpc.insecure_channel(server.grpc_address) as channel:
                grpc.channel_ready_future(channel).result(timeout=30)
                ask = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
                first = tuple(_milliseconds(ask, request) for request in requests)
                later = tuple(
                    statistics.median(_milliseconds(ask, request) for _ in range(LATER)) for request in requests
                )
    return Times(ready, first, later)


def _milliseconds(ask: grpc.UnaryUnaryMultiCallable, request: predict_pb2.PredictRequest) -> float:
    start = time.perf_counter()
    ask(request, timeout=60)
    return 1000 * (time.perf_counter() - start)


def _median(columns: Sequence[Sequence[float]]) -> str:
    return ", ".join(f"{statistics.median(column):.1f}" for column in zip(*columns, strict=True))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", type=Path, help="a version folder with warm-up requests")
    parser.add_argument("--servers", type=int, default=5, help="how many servers with and how many without warm-up")
    flags = parser.parse_args()
    requests = read_requests(flags.version)
    with_warm_up, without = [], []
    for _ in range(flags.servers):
        without.append(measure(flags.version, requests, warm=False))
        with_warm_up.append(measure(flags.version, requests, warm=True))
    for name, times in (("without warm-up", without), ("with warm-up", with_warm_up)):
        print(
            f"{name}: ready after {_median([[one.ready] for one in times])} s; "
            f"first request by length {_median([one.first for one in times])} ms; "
            f"later ones {_median([one.later for one in times])} ms"
        )


if __name__ == "__main__":
    main()
