"""Prometheus takes the alert rules; they fire when they should; Airflow sends the metrics that they ask for."""

import gzip
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.scripts.test_compose import ROOT

PROMETHEUS = ROOT / "docker" / "prometheus"
# Airflow's own client for metrics, as its parts use it.
SENDS = """
from airflow.observability.metrics.otel_logger import get_otel_logger
from opentelemetry import metrics
client = get_otel_logger()
for name in {names!r}:
    client.incr(name)
metrics.get_meter_provider().force_flush()
"""


def rules(group: str) -> list[dict[str, str]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, str]] = next(made["rules"] for made in groups if made["name"] == group)
    return found


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool; install Prometheus (Debian's package is prometheus)")
    for file in (*PROMETHEUS.glob("*.yml"), Path(__file__).with_name("alerts_test.yml")):
        shutil.copy(file, tmp_path)
    return tmp_path


def promtool(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_configuration_and_rules(checked: Path) -> None:
    assert "SUCCESS: 1 rule files found" in promtool(checked, "check", "config", "prometheus.yml")


def test_rules_fire_when_they_should(checked: Path) -> None:
    promtool(checked, "test", "rules", "alerts_test.yml")


class Receiver(BaseHTTPRequestHandler):
    """Prometheus' receiver of OpenTelemetry's metrics, as far as names and kinds go."""

    monotonic: dict[str, bool]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/api/v1/otlp/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    self.monotonic.update({metric.name: metric.sum.is_monotonic for metric in scope.metrics})
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        pass


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    Receiver.monotonic = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_airflow_sends_the_metrics_of_its_rules(receiver: ThreadingHTTPServer, tmp_path: Path) -> None:
    asked = {name for rule in rules("airflow") for name in re.findall(r"\bairflow_\w+", rule["expr"])}
    # Airflow's own list of what it counts.
    listed = ROOT / ".venv/airflow/lib/python3.12/site-packages/airflow/_shared/observability/metrics"
    counters = {
        metric["name"]
        for metric in yaml.safe_load((listed / "metrics_template.yaml").read_text())["metrics"]
        if metric["type"] == "counter"
    }
    names = sorted(name.removeprefix("airflow_").removesuffix("_total") for name in asked)
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["x-common-environment"]
    endpoint = compose["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]
    subprocess.run(
        [sys.executable, "-c", SENDS.format(names=names)],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__METRICS__OTEL_ON": "true",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": endpoint.replace(
                "prometheus:9090", f"127.0.0.1:{receiver.server_port}"
            ),
            "OTEL_EXPORTER_OTLP_PROTOCOL": compose["OTEL_EXPORTER_OTLP_PROTOCOL"],
        },
        check=True,
        capture_output=True,
    )

    assert len(names) == 3
    assert set(names) <= counters
    # Prometheus writes _ for a dot, and puts _total behind what only grows.
    assert {f"{name.replace('.', '_')}_total" for name, grows in Receiver.monotonic.items() if grows} == asked
