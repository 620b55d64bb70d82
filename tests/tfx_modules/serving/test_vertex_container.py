"""The command of a Vertex endpoint's container: it fetches the promoted files, and becomes the model server."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import cloud_storage
from tests.support.cloud_storage import CloudStorage
from tests.tfx_modules.serving.exported_models import MODEL
from tfx_modules.promotion import manifest
from tfx_modules.serving.exceptions import ContainerError, StorageError
from tfx_modules.serving.vertex.container import Container
from tfx_modules.serving.vertex.storage import StoredFolder

VERSION = 2026110501
PLACE = "caip-tenant/artifacts/1"
"""Where Vertex AI has copied the version to."""


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudStorage]:
    with cloud_storage.running() as found:
        monkeypatch.setenv(cloud_storage.VARIABLE, found.address)
        yield found


def told(digest: str, **more: str) -> dict[str, str]:
    """The variables of a container."""
    return {
        "MODEL_NAME": MODEL,
        "BERT_SERVICE_VERSION": str(VERSION),
        "BERT_SERVICE_DIGEST": digest,
        "AIP_STORAGE_URI": f"gs://{PLACE}",
        "AIP_HTTP_PORT": "8080",
        **more,
    }


def version(folder: Path) -> manifest.Manifest:
    """Write a small version."""
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text("graph")
    (folder / "variables" / "variables.index").write_text("index")
    return manifest.write(folder)


def fetched(digest: str, models: Path) -> Path:
    container = Container.of(told(digest))
    return container.fetch(StoredFolder(container.address), models)


def asked(address: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(address, data), timeout=10) as answer:  # noqa: S310 (loopback)
        return json.load(answer)


def test_it_answers_as_vertex_ai_asks(
    exported: dict[int, Path], publish: Callable[[Path, int], Path], storage: CloudStorage, tmp_path: Path
) -> None:
    assert exported
    folder = publish(tmp_path, 1)
    digest = manifest.write(folder).digest
    storage.copy(folder, PLACE)
    words = [sys.executable, "-m", "tfx_modules.serving.vertex", "--models", str(tmp_path / "models")]
    environment = {**os.environ, **told(digest, AIP_HTTP_PORT="0")}
    with subprocess.Popen(
        [*words, "--host", "127.0.0.1"], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            ready = next(line for line in server.stdout if "REST on" in line)
            found = re.search(r"REST on (\S+)", ready)
            assert found is not None
            model = f"{found[1]}/v1/models/{MODEL}"
            assert asked(f"{model}/metadata")["model_spec"]["version"] == str(VERSION)
            answer = asked(f"{model}:predict", {"instances": ["a good film"]})
            assert answer["predictions"][0]["label"] == "positive"
        finally:
            server.terminate()


def test_the_files_are_there_with_the_digest_that_the_server_compares(storage: CloudStorage, tmp_path: Path) -> None:
    made = version(tmp_path / "made")
    storage.copy(tmp_path / "made", PLACE)
    folder = fetched(made.digest, tmp_path / "models")
    assert folder == tmp_path / "models" / MODEL / str(VERSION)
    assert manifest.check(folder, made.digest) == made
    assert manifest.promoted_digest(folder) == made.digest
    (folder / "left-over").touch()
    assert fetched(made.digest, tmp_path / "models") == folder  # a container that is started anew
    assert not (folder / "left-over").exists()


def changed(storage: CloudStorage) -> None:
    storage.objects[f"{PLACE}/saved_model.pb"] = b"grapf"


def one_missing(storage: CloudStorage) -> None:
    del storage.objects[f"{PLACE}/variables/variables.index"]


def all_missing(storage: CloudStorage) -> None:
    storage.objects.clear()


def damaged(storage: CloudStorage) -> None:
    storage.objects[f"{PLACE}/{manifest.PLACE}"] = b"{"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (changed, r"are not those that were promoted: .*saved_model\.pb \(changed\)"),
        (one_missing, r"gs://caip-tenant/artifacts/1 has no variables/variables\.index"),
        (all_missing, r"gs://caip-tenant/artifacts/1 has no assets\.extra/manifest\.json"),
        (damaged, r"are not those that were promoted: the manifest .* cannot be read"),
    ],
)
def test_other_files_than_those_that_were_promoted_are_refused(
    storage: CloudStorage, tmp_path: Path, damage: Callable[[CloudStorage], None], reason: str
) -> None:
    made = version(tmp_path / "made")
    storage.copy(tmp_path / "made", PLACE)
    damage(storage)
    with pytest.raises((ContainerError, StorageError), match=reason):
        fetched(made.digest, tmp_path / "models")


def test_another_model_is_refused(storage: CloudStorage, tmp_path: Path) -> None:
    version(tmp_path / "made")
    storage.copy(tmp_path / "made", PLACE)
    with pytest.raises(ContainerError, match=r"has the digest \w{64}; needed: 0{64}, that of version 2026110501"):
        fetched("0" * 64, tmp_path / "models")


def test_a_container_of_somebody_else_is_told() -> None:
    with pytest.raises(ContainerError, match=r"lacks BERT_SERVICE_DIGEST, AIP_STORAGE_URI; needed: what a container"):
        Container.of({"MODEL_NAME": MODEL, "BERT_SERVICE_VERSION": "1"})
    with pytest.raises(ContainerError, match=r"AIP_HTTP_PORT='http' is no number"):
        Container.of(told("0" * 64, AIP_HTTP_PORT="http"))


def test_an_address_elsewhere_is_refused() -> None:
    with pytest.raises(StorageError, match=r"'s3://models/1' is no address in Cloud Storage; allowed: gs://"):
        StoredFolder("s3://models/1")
