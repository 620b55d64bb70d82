"""Clients that ask a server without a pause, and what it says of its versions."""

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import grpc
import httpx
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.tfx_modules.serving.exported_models import MODEL
from tfx_modules.serving.process import ModelServerProcess


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def status(server: ModelServerProcess) -> dict[str, Any]:
    response = httpx.get(f"{server.rest_url}/v1/models/{MODEL}", trust_env=False)
    if response.status_code != 200:
        return {"error": response.status_code}
    return {entry["version"]: entry["state"] for entry in response.json()["model_version_status"]}


class Clients:
    """Threads that ask for as long as the block lasts; each of these functions watches ``stop``."""

    def __init__(self, asking: Iterable[Callable[[], None]]) -> None:
        self.stop = threading.Event()
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=ask) for ask in asking]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()


class Load(Clients):
    """Clients that ask over both protocols without a pause and remember every answer.

    They ask for the newest version, or for one that is given.
    """

    def __init__(self, server: ModelServerProcess, version: int | None = None) -> None:
        super().__init__(partial(self._repeat, ask) for ask in (self._rest, self._grpc))
        self._server = server
        self._version = version
        self.versions: list[int] = []

    def _repeat(self, ask: Callable[[Callable[[int], None]], None]) -> None:
        try:
            ask(self.versions.append)
        except (AssertionError, grpc.RpcError, httpx.HTTPError) as error:
            self.failures.append(repr(error))

    def _rest(self, answered: Callable[[int], None]) -> None:
        body = {"signature_name": "which_version", "instances": ["x"]}
        path = f"/v1/models/{MODEL}" + ("" if self._version is None else f"/versions/{self._version}")
        with httpx.Client(base_url=self._server.rest_url, trust_env=False, timeout=30) as client:
            while not self.stop.is_set():
                response = client.post(f"{path}:predict", json=body)
                assert response.status_code == 200, response.text
                answered(response.json()["predictions"][0])

    def _grpc(self, answered: Callable[[int], None]) -> None:
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = MODEL, "which_version"
        if self._version is not None:
            request.model_spec.version.value = self._version
        request.inputs["text"].dtype = 7  # DT_STRING
        request.inputs["text"].string_val.append(b"x")
        request.inputs["text"].tensor_shape.dim.add(size=1)
        with grpc.insecure_channel(self._server.grpc_address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not self.stop.is_set():
                answered(stub.Predict(request, timeout=30).outputs["version"].int64_val[0])
