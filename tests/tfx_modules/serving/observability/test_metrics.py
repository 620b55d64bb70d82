"""The metrics page, with TensorFlow Serving's names, of a real server and as text."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import prediction_log_pb2

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tfx_modules.serving.client import ClientError, Model, ModelClient, RetryPolicy, Server
from tfx_modules.serving.observability.metrics import LIMITS, Info, Metrics, Reading
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.serving.warmup import PLACE

PATH = "/monitoring/prometheus/metrics"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Iterator[ModelServerProcess]:
    folder = tmp_path_factory.mktemp("watched")
    config = folder / "monitoring.config"
    config.write_text(f'prometheus_config {{ enable: true, path: "{PATH}" }}')
    warm_up = publish(folder, 1) / PLACE
    warm_up.parent.mkdir()
    request = prediction_log_pb2.PredictionLog()
    request.predict_log.request.inputs["text"].CopyFrom(tf.make_tensor_proto(["good"]))
    with tf.io.TFRecordWriter(str(warm_up)) as file:
        file.write(request.SerializeToString())
    (folder / "2").mkdir()
    (folder / "2" / "saved_model.pb").write_bytes(b"not a model")
    flags = [f"--monitoring_config_file={config}"]
    with ModelServerProcess(model_base_path=folder, model_name=MODEL, flags=flags) as process:
        yield process


def page(server: ModelServerProcess) -> str:
    response = httpx.get(f"{server.rest_url}{PATH}", trust_env=False)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return response.text


def clients(server: ModelServerProcess, model: Model) -> Iterator[ModelClient]:
    for where in (Server.rest(server.rest_url.removeprefix("http://")), Server.grpc(server.grpc_address)):
        with ModelClient(where, model, RetryPolicy(retries=0)) as client:
            yield client


def test_batches_are_counted_by_their_rows(tmp_path: Path, publish: Publish) -> None:
    publish(tmp_path, 1)
    config = tmp_path / "monitoring.config"
    config.write_text("prometheus_config { enable: true }")
    flags = [f"--monitoring_config_file={config}", "--enable_batching"]
    with ModelServerProcess(model_base_path=tmp_path, model_name=MODEL, flags=flags) as server:
        for client in clients(server, Model(MODEL)):
            client.predict(["good", "bad", "good"])
        lines = page(server).splitlines()
    name = ":tensorflow:serving:batching_session:processed_batch_size"
    assert {f'{name}_bucket{{le="2"}} 0', f'{name}_bucket{{le="4"}} 2', f"{name}_sum{{}} 6"} <= set(lines)


def test_requests_are_counted_by_model_and_status_and_timed_by_method(watched: ModelServerProcess) -> None:
    for client in clients(watched, Model(MODEL)):
        client.predict(["good"])
        client.status()
    for client in clients(watched, Model("made-up")):
        with pytest.raises(ClientError):
            client.predict(["good"])
    lines = page(watched).splitlines()
    assert "# TYPE :tensorflow:serving:request_count counter" in lines
    assert f':tensorflow:serving:request_count{{model_name="{MODEL}",status="OK"}} 2' in lines
    assert ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 2' in lines
    assert "made-up" not in "".join(lines), "names that anybody can make up would fill the memory"
    assert "# TYPE :tensorflow:serving:request_latency histogram" in lines
    for api, entrypoint in (("predict", "REST"), ("Predict", "GRPC")):
        labels = f'model_name="{MODEL}",API="{api}",entrypoint="{entrypoint}"'
        assert f":tensorflow:serving:request_latency_count{{{labels}}} 1" in lines
        assert f':tensorflow:serving:request_latency_bucket{{{labels},le="+Inf"}} 1' in lines


def test_latency_is_told_by_version_and_loading_by_folder(watched: ModelServerProcess) -> None:
    for client in clients(watched, Model(MODEL)):
        client.predict(["good"])
    text = page(watched)
    assert f':bert_service:serving:version_latency_count{{model_name="{MODEL}",model_version="1"}} ' in text
    labels = f'model_name="{MODEL}",API="Predict",runtime="TF2"'
    assert f":tensorflow:serving:runtime_latency_count{{{labels}}} " in text
    assert '/1",status="success"} 1' in text
    assert '/2",status="fail"} 1' in text
    assert '/1",status="OK",le="+Inf"} 1' in text, "the warm-up of version 1"


def test_a_refusal_by_the_model_is_counted_with_its_code(watched: ModelServerProcess) -> None:
    for client in clients(watched, Model(MODEL, signature_name="none")):
        with pytest.raises(ClientError, match="not found"):
            client.predict(["good"])
    text = page(watched)
    for code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"):  # HTTP's 400 is both
        assert f'{{model_name="{MODEL}",status="{code}"}} 1' in text


def test_without_the_flag_there_is_no_page(server: ModelServerProcess) -> None:
    assert httpx.get(f"{server.rest_url}{PATH}", trust_env=False).status_code == 404


@given(st.lists(st.floats(0, 3000)), st.text())
def test_what_is_written_is_what_prometheus_reads(times: list[float], model: str) -> None:
    metrics = Metrics()
    metrics.show(Reading(":bert_service:serving:requests_running", "gauge", lambda: 7))
    for seconds in times:
        metrics.answered(model, "predict", "REST", "OK", seconds)
    families = {family.name: family for family in text_string_to_metric_families(metrics.page())}
    assert families[":bert_service:serving:requests_running"].samples[0].value == 7
    latency = families[":tensorflow:serving:request_latency"].samples
    if not times:
        assert latency == []
        return
    buckets = [sample for sample in latency if sample.name.endswith("_bucket")]
    assert len(buckets) == len(LIMITS) + 1
    assert all(sample.labels["model_name"] == model for sample in buckets)
    for sample in buckets[:-1]:
        # The limits are written with six digits, as TensorFlow Serving writes them.
        limit = float(sample.labels["le"])
        assert sum(t * 1e6 <= limit * 0.99999 for t in times) <= sample.value
        assert sample.value <= sum(t * 1e6 <= limit * 1.00001 for t in times)
    assert buckets[-1].value == len(times)


def test_the_limits_are_tensorflow_servings() -> None:
    written = [f"{limit:g}" for limit in LIMITS]
    assert (len(written), written[:4], written[19]) == (33, ["10", "18", "32.4", "58.32"], "708235")


def test_a_description_is_a_line_for_each_of_its_values() -> None:
    metrics, versions = Metrics(), [("b", "1"), ("a", 'with "quotes"')]
    metrics.show(Info(":bert_service:serving:shown", ("model_name", "said"), lambda: versions))
    families = {family.name: family for family in text_string_to_metric_families(metrics.page())}
    samples = families[":bert_service:serving:shown"].samples
    assert [(sample.labels["model_name"], sample.labels["said"], sample.value) for sample in samples] == [
        ("a", 'with "quotes"', 1),
        ("b", "1", 1),
    ]
    versions.clear()
    assert 'said="1"' not in metrics.page()
