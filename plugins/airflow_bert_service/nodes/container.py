"""What a node's container is made of. Nothing here needs a Docker engine, or Airflow's provider for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ALL_GPUS = -1


@dataclass(frozen=True)
class ContainerMount:
    """A folder or file of the engine's machine, or a volume of the engine, as a node's container sees it."""

    source: str
    """An absolute path, or a volume's name."""
    target: Path
    """Absolute path in the container."""
    read_only: bool = False

    def __str__(self) -> str:
        return f"{self.source}:{self.target}{':ro' if self.read_only else ''}"


@dataclass(frozen=True, kw_only=True)
class NodeContainer:
    """What one node's container is made of. What the node does in it is in the request, as anywhere else."""

    image: str
    python: str
    """Python of the TFX environment in the image."""
    mounts: tuple[ContainerMount, ...]
    network: str = ""
    """Empty: Docker's default."""
    engine: str = ""
    """Empty: the environment's ``DOCKER_HOST``, else the machine's own."""
    gpus: int = 0
    """How many; :data:`ALL_GPUS`: all there are."""
    memory: str = ""
    """Limit; empty: none."""


def mount_of(path: Path, mounts: Iterable[ContainerMount]) -> ContainerMount | None:
    """Return the mount that a path is in: the innermost one."""
    holding = [mount for mount in mounts if path.is_relative_to(mount.target)]
    return max(holding, key=lambda mount: len(mount.target.parts), default=None)
