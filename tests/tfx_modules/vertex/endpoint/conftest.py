"""A ledger with promotions, copies of the versions in Cloud Storage, and an endpoint; all but the ledger stand-ins."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import cloud_storage
from tests.support.cloud_storage import CloudStorage
from tests.tfx_modules.promotion.conftest import Site, site
from tests.tfx_modules.vertex.registry import PROJECT, Registry
from tests.tfx_modules.vertex.stand_in import StandIn
from tfx_modules.promotion.command import LEDGER, MODELS, PIPELINE
from tfx_modules.vertex.endpoint import following
from tfx_modules.vertex.endpoint.__main__ import main

__all__ = ["site"]
IMAGE = f"europe-west4-docker.pkg.dev/{PROJECT}/bert/serving:1"
UP = ["UploadModel", "DeployModel", "UpdateEndpoint"]
"""What brings a version into service that Vertex AI does not know."""
NEEDED = (
    *("--project", PROJECT),
    *("--location", "europe-west4"),
    *("--endpoint", "7001"),
    *("--artifact-uri", "gs://models/bert/"),
    *("--image", IMAGE),
)


@dataclass(frozen=True)
class Deploying:
    """What the command works on."""

    site: Site
    registry: Registry
    storage: CloudStorage
    host: str

    def promote(self, day: int) -> int:
        """Promote a model, and copy what is served to Cloud Storage."""
        version = self.site.promote(self.site.candidate(day)).version
        assert version is not None
        self.copy(version)
        return version

    def copy(self, version: int, folder: str = "models/bert") -> None:
        """Copy a version as copy-models does."""
        self.storage.copy(self.site.repository.folder(version), f"{folder}/{version}")

    def files(self, version: int) -> str:
        """The name of a version's files; that of an upload goes on with what serves them."""
        return f"v{version}-{self.site.ledger.service().digest_of(version)[:16]}"

    def serving(self) -> list[str]:
        """The files that have traffic."""
        return [name.split()[1].rpartition("-")[0] for name, percent in self.registry.traffic.items() if percent]

    def deployed(self) -> list[str]:
        """The files that are deployed."""
        return [name.split()[1].rpartition("-")[0] for name in self.registry.deployed]

    def methods(self) -> list[str]:
        """What was changed since this was asked last."""
        found = [method for method, _ in self.registry.changes]
        self.registry.changes.clear()
        return found

    def lock(self, endpoint: str) -> Path:
        """The lock of an endpoint's passes."""
        served = self.site.repository.served
        return served.with_name(f"{served.name}.{PROJECT}.europe-west4.{endpoint}.vertex.lock")

    def run(self, *flags: str) -> int:
        return main([*NEEDED, "--api-endpoint", self.host, *flags])


@pytest.fixture
def deploying(stand_in: StandIn, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deploying]:
    monkeypatch.setenv(LEDGER, f"sqlite:///{site.folder}/ledger/ledger.db")
    monkeypatch.setenv(PIPELINE, "bert")
    monkeypatch.setenv(MODELS, str(site.repository.served))
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.01)
    with cloud_storage.running() as storage:
        monkeypatch.setenv(cloud_storage.VARIABLE, storage.address)
        yield Deploying(site, stand_in.registry, storage, stand_in.endpoint)
