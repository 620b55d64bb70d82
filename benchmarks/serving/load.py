"""Measures a server with clients that send requests one after the other, each on a connection of its own."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

Ask = Callable[[Sequence[str]], float]
"""Sends texts in one request; returns the first one's score."""


@dataclass(frozen=True)
class Measured:
    """The result of a workload.

    Attributes:
        percentiles: milliseconds of one client's requests: half, 95 and 99 of 100 take no longer.
        throughput: texts a second of many clients together.
        slowest: milliseconds that 99 of 100 of their requests take at most.
        scores: the first texts' scores.
        answered: how many texts were asked in all, by the one client and by the many.
    """

    percentiles: tuple[float, float, float]
    throughput: float
    slowest: float
    scores: tuple[float, ...]
    answered: int


def rest_asker(address: str, path: str, score: Callable[[Any], float]) -> Callable[[], Ask]:
    """Return what opens a REST connection; ``score`` reads the first of the answer's ``predictions``."""

    def connect() -> Ask:
        connection = http.client.HTTPConnection(address, timeout=120)

        def ask(texts: Sequence[str]) -> float:
            body = json.dumps({"instances": list(texts)})
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = json.load(connection.getresponse())
            return score(answer["predictions"][0])

        return ask

    return connect


def grpc_asker(address: str, model: str) -> Callable[[], Ask]:
    """Return what opens a channel of its own to a TensorFlow Serving."""

    def connect() -> Ask:
        channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict

        def ask(texts: Sequence[str]) -> float:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model
            request.inputs["text"].dtype = 7  # DT_STRING
            request.inputs["text"].string_val.extend(text.encode() for text in texts)
            request.inputs["text"].tensor_shape.dim.add(size=len(texts))
            answer: float = predict(request, timeout=120).outputs["score"].float_val[0]
            return answer

        return ask

    return connect


def measure(
    connect: Callable[[], Ask], texts: Sequence[str], *, clients: int, seconds: float, rows: int = 1
) -> Measured:
    """Ask with one client, then with many.

    Args:
        connect: opens a connection.
        texts: asked in turns.
        clients: how many there are the second time.
        seconds: for how long, each time.
        rows: texts of each request.
    """
    ask = connect()
    scores = tuple(ask([text]) for text in texts[:8])
    first = _repeat(ask, texts, seconds / 4, rows)  # shapes that were not there before are prepared now
    alone = np.array(_repeat(ask, texts, seconds, rows))
    found: list[list[float]] = []
    askers = [connect() for _ in range(clients)]
    for asker in askers:
        asker(texts[:1])
    threads = [
        threading.Thread(target=lambda n=n: found.append(_repeat(askers[n], texts[n * 7 :], seconds, rows)))
        for n in range(clients)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    many = np.concatenate(found)
    p50, p95, p99 = (float(np.percentile(alone, share)) * 1000 for share in (50, 95, 99))
    answered = len(scores) + clients + rows * (len(first) + len(alone) + len(many))
    slowest = float(np.percentile(many, 99)) * 1000
    return Measured((p50, p95, p99), rows * len(many) / took, slowest, scores, answered)


def _repeat(ask: Ask, texts: Sequence[str], seconds: float, rows: int) -> list[float]:
    """Ask for so long; return the seconds that each answer took."""
    times: list[float] = []
    turns = itertools.cycle(texts)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        some = list(itertools.islice(turns, rows))
        began = time.perf_counter()
        ask(some)
        times.append(time.perf_counter() - began)
    return times
