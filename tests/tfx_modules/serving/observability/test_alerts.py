"""The alert rules of the model servers ask for metrics that a real server exports."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.load import until
from tfx_modules.serving.process import ModelServerProcess

RULES = Path(__file__).parents[4] / "docker" / "prometheus" / "alerts.yml"
METRIC = re.compile(r"(?::[a-z_]+){3,}")
PARTS = re.compile("_(bucket|sum|count)$")  # of a histogram


@pytest.fixture(scope="module")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def server(base_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServerProcess]:
    folder = tmp_path_factory.mktemp("monitored")
    monitoring = folder / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    flags = [f"--monitoring_config_file={monitoring}", f"--prediction_log_file={folder / 'log'}"]
    with ModelServerProcess(model_base_path=base_path, model_name=MODEL, poll_seconds=0.1, flags=flags) as process:
        yield process


def page(server: ModelServerProcess) -> str:
    return httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics", trust_env=False).text


def test_every_metric_of_the_rules_is_on_the_servers_page(server: ModelServerProcess) -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = next(group["rules"] for group in groups if group["name"] == "model-server")
    asked = {name for rule in rules for name in METRIC.findall(rule["expr"])}
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", page(server), re.MULTILINE))

    assert len(asked) >= 6
    for name in asked:
        assert name in kinds or kinds.get(PARTS.sub("", name)) == "histogram", name


def test_is_serving_tells_whether_a_version_is_available(
    server: ModelServerProcess, base_path: Path, publish: Publish
) -> None:
    assert ":bert_service:serving:is_serving 0\n" in page(server)

    publish(base_path, 1)

    until(lambda: ":bert_service:serving:is_serving 1\n" in page(server))
