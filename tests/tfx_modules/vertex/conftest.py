"""The pipeline as compiled for Vertex AI, and a stand-in for its API."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.kubeflow.conftest import kfp_environment
from tests.tfx_modules.vertex.stand_in import PROJECT, StandIn, running
from tfx_modules.kubeflow import compile as compiling
from tfx_modules.vertex.options import Place, add_arguments, place_of

__all__ = ["kfp_environment"]
NEEDED = (
    *("--project", PROJECT),
    *("--location", "europe-west4"),
    *("--pipeline-root", "gs://bert/artifacts/"),
    *("--service-account", f"bert@{PROJECT}.iam.gserviceaccount.com"),
    *("--network", "projects/12345/global/networks/bert"),
    *("--nfs", "10.0.0.2:/bert"),
    *("--ledger", "postgresql://bert@10.0.0.3/bert"),
    *("--image", "registry.example/worker:1"),
)
WITH_GPU = (
    *("--gpu-image", "registry.example/worker:1-cuda"),
    *("--machine", "Trainer:n1-standard-8,NVIDIA_TESLA_T4=1"),
    *("--machine", "Tuner:n1-highmem-4"),
)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args([*NEEDED, *arguments])


@pytest.fixture(scope="session")
def place() -> Place:
    return place_of(parsed(*WITH_GPU, "--label", "team=reviews", "--env", "AIRFLOW__BERT_SERVICE__FEED=sample"))


@pytest.fixture(scope="session")
def compiled(kfp_environment: Path, place: Place) -> dict[str, Any]:
    assert kfp_environment.is_dir()
    from tfx_modules.pipeline.compile import checked_settings

    return compiling.compile_containers(checked_settings(compiling.SETTINGS), place.containers)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    # One for all tests: gRPC reads the file with the certificates once in a process.
    with running(tmp_path_factory.mktemp("vertex")) as found:
        yield found


@pytest.fixture
def stand_in(served: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    served.requests.clear()
    served.jobs.clear()
    served.looks = 0
    served.states = StandIn.states
    served.at_look = None
    served.registry.clear()
    return served
