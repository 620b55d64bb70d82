"""Exported models, made once, and one server that the tests of both protocols share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import pytest
import tensorflow_transform as tft

from tests.tfx_modules.serving.engine_versions import Exported, export_version
from tests.tfx_modules.serving.exported_models import MODEL, Publish, export
from tfx_modules.serving.models.model import ServedModel, load_model
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.settings.settings import EncoderSettings


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("exported")
    paths = {version: folder / f"model-{version}" for version in (1, 2, 9, 10)}
    for version, path in paths.items():
        export(path, version)
    return paths


@pytest.fixture(scope="session")
def publish(exported: dict[int, Path]) -> Publish:
    """Copy a version under a base path as the Pusher does: aside first, then by one rename."""

    def copy(base_path: Path, version: int) -> Path:
        aside = base_path / f"copying-{version}"
        shutil.copytree(exported[version], aside)
        return aside.rename(base_path / str(version))

    return copy


@pytest.fixture(scope="session")
def with_openvino(
    tmp_path_factory: pytest.TempPathFactory,
    classifier: keras.Model,
    transform: tft.TFTransformOutput,
    encoder_config: EncoderSettings,
) -> Exported:
    """A version of the project's own model, which carries what OpenVINO needs."""
    return export_version(tmp_path_factory.mktemp("with-openvino") / "model", classifier, transform, encoder_config)


@pytest.fixture(scope="session")
def served_model(exported: dict[int, Path]) -> ServedModel:
    return load_model(exported[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Iterator[ModelServerProcess]:
    """A server with version 1, for tests that only ask."""
    base_path = tmp_path_factory.mktemp("served")
    publish(base_path, 1)
    with ModelServerProcess(model_base_path=base_path, model_name=MODEL) as process:
        yield process
