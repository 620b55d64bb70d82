"""A server with ``--engine``: both protocols, metrics, deadlines, and versions with and without files for OpenVINO."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.tfx_modules.serving.engine_versions import Exported, written_by
from tests.tfx_modules.serving.exported_models import MODEL
from tests.tfx_modules.serving.load import Clients, status, until
from tfx_modules.serving.process import ModelServerProcess

TEXTS = ["A fine film.", "", "été 电影 😀", "word " * 10_000]
METRICS = "/monitoring/prometheus/metrics"
ENGINES = ("tensorflow", "openvino")


def process_of(base_path: Path, *flags: str) -> ModelServerProcess:
    config = base_path.parent / f"{base_path.name}.monitoring"
    config.write_text("prometheus_config { enable: true }")
    given = (f"--monitoring_config_file={config}", *flags)
    return ModelServerProcess(model_base_path=base_path, model_name=MODEL, poll_seconds=0.1, flags=given)


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, with_openvino: Exported
) -> Iterator[dict[str, ModelServerProcess]]:
    """The same version in each engine; that in OpenVINO computes batches."""
    base_path = tmp_path_factory.mktemp("served") / "models"
    with_openvino.publish(base_path, 1)
    tensorflow = process_of(base_path, "--engine=tensorflow")
    with tensorflow, process_of(base_path, "--engine=openvino", "--enable_batching") as openvino:
        yield {"tensorflow": tensorflow, "openvino": openvino}


def post(server: ModelServerProcess, verb: str, body: dict[str, Any]) -> Any:
    url = f"{server.rest_url}/v1/models/{MODEL}:{verb}"
    response = httpx.post(url, json=body, trust_env=False, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def test_rest_answers_as_with_tensorflow(servers: dict[str, ModelServerProcess]) -> None:
    found = [post(servers[engine], "predict", {"instances": TEXTS})["predictions"] for engine in ENGINES]
    assert [row["label"] for row in found[1]] == [row["label"] for row in found[0]]
    assert [row["score"] for row in found[1]] == pytest.approx([row["score"] for row in found[0]], abs=1e-4)


@pytest.mark.parametrize("verb", ["classify", "regress"])
def test_rest_classifies_and_regresses_as_with_tensorflow(servers: dict[str, ModelServerProcess], verb: str) -> None:
    body = {"signature_name": verb, "examples": [{"review": text} for text in TEXTS]}
    found = [post(servers[engine], verb, body)["results"] for engine in ENGINES]
    if verb == "regress":
        assert found[1] == pytest.approx(found[0], abs=1e-4)
        return
    for row, expected in zip(found[1], found[0], strict=True):
        assert [label for label, _ in row] == [label for label, _ in expected]
        assert [score for _, score in row] == pytest.approx([score for _, score in expected], abs=1e-4)


def stub_of(server: ModelServerProcess) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(server.grpc_address))


def predict_request(texts: list[str]) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = MODEL
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(texts, tf.string, [len(texts)]))
    return request


@pytest.mark.parametrize("texts", [TEXTS, [], [f"{'word ' * (n % 50)}{n}" for n in range(1000)]])
def test_grpc_answers_as_with_tensorflow(servers: dict[str, ModelServerProcess], texts: list[str]) -> None:
    answers = [stub_of(servers[engine]).Predict(predict_request(texts), timeout=120).outputs for engine in ENGINES]
    found, expected = ({name: tf.make_ndarray(proto) for name, proto in each.items()} for each in answers[::-1])
    assert found["score"] == pytest.approx(expected["score"], abs=1e-4)
    assert found["label"].tolist() == expected["label"].tolist()


def test_grpc_classifies_and_regresses_as_with_tensorflow(servers: dict[str, ModelServerProcess]) -> None:
    scores: dict[str, list[float]] = {}
    for engine in ENGINES:
        stub = stub_of(servers[engine])
        classify, regress = classification_pb2.ClassificationRequest(), regression_pb2.RegressionRequest()
        for signature, request in (("classify", classify), ("regress", regress)):
            request.model_spec.name, request.model_spec.signature_name = MODEL, signature
            for text in TEXTS:
                made = request.input.example_list.examples.add()
                made.features.feature["review"].bytes_list.value.append(text.encode())
        classes = stub.Classify(classify, timeout=60).result.classifications
        regressions = stub.Regress(regress, timeout=60).result.regressions
        scores[engine] = [one.score for each in classes for one in each.classes] + [one.value for one in regressions]
    assert scores["openvino"] == pytest.approx(scores["tensorflow"], abs=1e-4)


def test_the_metadata_are_the_same(servers: dict[str, ModelServerProcess]) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = MODEL
    found = []
    for engine in ENGINES:
        answer = stub_of(servers[engine]).GetModelMetadata(request, timeout=60)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        found.append((answer.model_spec, dict(signatures.signature_def)))
    assert found[0] == found[1]


def test_a_deadline_ends_a_long_request(servers: dict[str, ModelServerProcess]) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stub_of(servers["openvino"]).Predict(predict_request(["word " * 40] * 16_000), timeout=0.3)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert post(servers["openvino"], "predict", {"instances": ["still there"]})["predictions"]


def engines_of(server: ModelServerProcess) -> list[str]:
    page = httpx.get(f"{server.rest_url}{METRICS}", trust_env=False).text
    return [line for line in page.splitlines() if line.startswith(":bert_service:serving:version_engine{")]


def test_the_metrics_and_the_log_say_which_engine_serves(servers: dict[str, ModelServerProcess]) -> None:
    labels = f'{{model_name="{MODEL}",model_version="1",engine='
    name = ":bert_service:serving:version_engine"
    assert engines_of(servers["openvino"]) == [f'{name}{labels}"openvino",precision="float32"}} 1']
    assert engines_of(servers["tensorflow"]) == [f'{name}{labels}"tensorflow",precision="as exported"}} 1']
    assert "is served by OpenVINO (float32): --engine asks for it" in servers["openvino"].logs()


def test_openvino_alone_refuses_what_it_cannot_compute_and_keeps_the_former_version(
    tmp_path: Path, with_openvino: Exported
) -> None:
    base_path = tmp_path / "models"
    with_openvino.publish(base_path, 1)
    with process_of(base_path, "--engine=openvino") as server:
        with_openvino.publish(base_path, 2, openvino=False)
        until(lambda: status(server).get("2") == "END")
        url = f"{server.rest_url}/v1/models/{MODEL}/versions/2"
        error = httpx.get(url, trust_env=False).json()["model_version_status"][0]["status"]
        assert error["error_code"] == "INVALID_ARGUMENT"
        assert "carries nothing for OpenVINO" in error["error_message"]
        assert status(server)["1"] == "AVAILABLE"
        assert post(server, "predict", {"instances": ["x"]})["predictions"]


class Asking(Clients):
    """Clients that ask over REST without a pause."""

    def __init__(self, server: ModelServerProcess, count: int) -> None:
        super().__init__([self._ask] * count)
        self._server = server
        self.scores: list[float] = []

    def _ask(self) -> None:
        try:
            while not self.stop.is_set():
                rows = post(self._server, "predict", {"instances": [{"text": "A fine film."}]})["predictions"]
                self.scores.append(rows[0]["score"])
        except (AssertionError, httpx.HTTPError) as error:
            self.failures.append(repr(error))


def test_versions_with_and_without_files_for_openvino_change_while_requests_run(
    tmp_path: Path, with_openvino: Exported
) -> None:
    base_path = tmp_path / "models"
    with_openvino.publish(base_path, 1)
    with process_of(base_path, "--engine=auto") as server, Asking(server, 4) as asking:
        for version in range(2, 8):
            copied = with_openvino.publish(tmp_path / "aside", version, openvino=version % 3 != 0)
            if version % 3 == 1:
                written_by(copied, "2019.1.0")
            shutil.move(copied, base_path / str(version))
            until(lambda: status(server).get(str(version)) == "AVAILABLE")  # noqa: B023 - called in this turn
            until(lambda: len(engines_of(server)) == 1)
        logs = server.logs()
    assert asking.failures == []
    assert asking.scores == pytest.approx([asking.scores[0]] * len(asking.scores), abs=1e-4)
    assert logs.count("a short and a long warm-up request") == 1
    assert logs.count("so TensorFlow serves it") == 2  # versions 4 and 7
