"""Which nodes run in a container of their own, and what it is made of: keys of ``[bert_service]``.

:mod:`airflow_bert_service.settings.settings` reads them with the others; :class:`~airflow_bert_service.dag.config.AirflowPipelineConfig` applies
them. Nothing here needs a Docker engine, or Airflow's provider for it. ``docs/cluster.md`` tells when to use which.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipeline.plan import NodePlan, PipelinePlan
from airflow_bert_service.settings import parsing as read
from airflow_bert_service.settings.gpu import GpuUse
from airflow_bert_service.settings.parsing import SECTION

if TYPE_CHECKING:
    from airflow_bert_service.settings.settings import Settings

ALL_GPUS = -1
_SQLITE = "sqlite:///"
# A folder or file of the engine's machine, or a volume's name as Docker allows it.
_MOUNT = re.compile(r"(?P<source>/[^:]*|[A-Za-z0-9][\w.-]+):(?P<target>/[^:]*)(?::(?P<mode>ro|rw))?")
_ENGINE = re.compile(r"unix:///\S+|tcp://[^\s/:]+:\d+")
_MEMORY = re.compile(r"[1-9]\d*[bkmg]?")


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


@dataclass(frozen=True, kw_only=True)
class ContainerSettings:
    """Which nodes run in a container of their own, and what it is made of.

    With the default values none does. Not which worker starts it: that is the queue's.
    """

    container_nodes: tuple[str, ...] = ()
    """Ids of the nodes, with commas between them; empty: none."""
    container_image: str = ""
    """Image that has the TFX environment; pulled where the engine does not have it."""
    container_python: str = "/opt/bert-service/.venv/tfx/bin/python"
    """Python of the TFX environment in the image; the default is where ``docker/Dockerfile.worker`` has it."""
    container_mounts: tuple[ContainerMount, ...] = ()
    """``SOURCE:TARGET[:ro]``, with spaces or commas between them. Source: a path on the engine's machine, or a volume.
    Empty: the state folder, writable, and what else a node reads (``tfx_modules``, compiled pipeline, holdout), each
    under its own path."""
    container_network: str = ""
    """Docker network; ``none`` and ``host`` are two. Empty: Docker's default."""
    container_memory: str = ""
    """Most memory that the node and all that it starts may take, as ``8g`` or ``6000m``; empty: no limit."""
    container_gpus: int = 0
    """GPUs that the containers of nodes that are for one ask for: ``all`` or a number; empty: they ask for none."""
    container_engine: str = ""
    """The Docker engine's address, ``unix:///PATH`` or ``tcp://HOST:PORT``; empty: ``DOCKER_HOST`` of the worker's
    environment, else the machine's own."""

    def __post_init__(self) -> None:
        """Check that they come together, and the forms of those that have one."""
        given = [setting.name for setting in fields(self) if getattr(self, setting.name) != setting.default]
        if given and not self.container_nodes:
            raise SettingsError(
                f"[{SECTION}] has {', '.join(given)} but no container_nodes; allowed: these for nodes that it names. "
                "Name the nodes that run in containers, or leave all of it out."
            )
        if self.container_nodes and not self.container_image:
            raise SettingsError(
                f"[{SECTION}] container_nodes has {', '.join(self.container_nodes)}, and container_image is empty; "
                "allowed: an image that has the TFX environment, such as bert-service/worker:local. Set it."
            )
        self._check_forms()

    def _check_forms(self) -> None:
        if not self.container_python.startswith("/"):
            raise _wrong("container_python", self.container_python, "an absolute path in the image")
        if self.container_memory and not _MEMORY.fullmatch(self.container_memory):
            raise _wrong("container_memory", self.container_memory, "a number with b, k, m or g, like 8g")
        if self.container_engine and not _ENGINE.fullmatch(self.container_engine):
            raise _wrong("container_engine", self.container_engine, "unix:///PATH and tcp://HOST:PORT")

    def check(self, plan: PipelinePlan, settings: "Settings") -> None:
        """Check what depends on the pipeline, and on other settings.

        Raises:
            SettingsError: The pipeline has no such node, no node in a container is for a GPU that they ask for, or
                something that nodes write is not mounted: it would be gone with the container.
        """
        if not self.container_nodes:
            return
        read.known_nodes("container_nodes", self.container_nodes, plan)
        nodes = [node for node in plan.nodes if node.id in self.container_nodes]
        if self.container_gpus and all(settings.gpu.use_of(node) is GpuUse.NONE for node in nodes):
            raise SettingsError(
                f"[{SECTION}] container_gpus is set, and none of {', '.join(self.container_nodes)} is for a GPU; "
                "allowed: with a node of gpu_nodes among container_nodes. Name one, or leave it out."
            )
        mounts = self._mounts(plan, settings)
        for name, path in _written(settings):
            mount = mount_of(path, mounts)
            if mount is None or mount.read_only:
                raise SettingsError(
                    f"[{SECTION}] container_mounts has {', '.join(map(str, self.container_mounts)) or 'its default'}, "
                    f"where {name} ({path}) is not writable; allowed: mounts that hold all that nodes write, under the "
                    f"paths that the settings have. Add SOURCE:{path}, or of a folder above."
                )

    def container_of(self, node: NodePlan, plan: PipelinePlan, settings: "Settings") -> NodeContainer | None:
        """Return what a node's container is made of; None where it runs in none."""
        if node.id not in self.container_nodes:
            return None
        return NodeContainer(
            image=self.container_image,
            python=self.container_python,
            mounts=self._mounts(plan, settings),
            network=self.container_network,
            engine=self.container_engine,
            gpus=0 if settings.gpu.use_of(node) is GpuUse.NONE else self.container_gpus,
            memory=self.container_memory,
        )

    def _mounts(self, plan: PipelinePlan, settings: "Settings") -> tuple[ContainerMount, ...]:
        if self.container_mounts:
            return self.container_mounts
        state = ContainerMount(str(settings.state), settings.state)
        others = [path for path in _read(plan, settings) if not path.is_relative_to(settings.state)]
        return (state, *(ContainerMount(str(path), path, read_only=True) for path in others))


def mount_of(path: Path, mounts: Iterable[ContainerMount]) -> ContainerMount | None:
    """Return the mount that a path is in: the innermost one."""
    holding = [mount for mount in mounts if path.is_relative_to(mount.target)]
    return max(holding, key=lambda mount: len(mount.target.parts), default=None)


def _written(settings: "Settings") -> Iterator[tuple[str, Path]]:
    yield "state", settings.state
    for name, address in (("metadata", settings.metadata), ("ledger", settings.ledger)):
        if address.startswith(_SQLITE):
            yield name, Path(address.removeprefix(_SQLITE))


def _read(plan: PipelinePlan, settings: "Settings") -> Iterator[Path]:
    # Not the whole folder: the image may have its environment there, and a project's folder may hold secrets.
    yield plan.module_root / "tfx_modules"
    yield plan.path
    if settings.holdout:
        yield settings.holdout
    elif settings.feed.value == "sample":
        yield settings.sample_holdout


def container_settings_from(given: Mapping[str, str]) -> ContainerSettings:
    """Make the settings of texts.

    Args:
        given: Texts by key, none of them empty. Keys of other settings are passed over.

    Raises:
        SettingsError: A value is not allowed.
    """
    return ContainerSettings(
        container_nodes=read.names(given.get("container_nodes", "")),
        container_image=given.get("container_image", ""),
        container_python=given.get("container_python", ContainerSettings.container_python),
        container_mounts=tuple(map(_mount, given.get("container_mounts", "").replace(",", " ").split())),
        container_network=given.get("container_network", ""),
        container_memory=given.get("container_memory", "").lower(),
        container_gpus=_gpus(given["container_gpus"]) if "container_gpus" in given else 0,
        container_engine=given.get("container_engine", ""),
    )


def _mount(text: str) -> ContainerMount:
    found = _MOUNT.fullmatch(text)
    if found is None:
        raise SettingsError(
            f"[{SECTION}] container_mounts has {text!r}; allowed: SOURCE:TARGET and SOURCE:TARGET:ro with absolute "
            "paths, or a volume's name as source, with spaces or commas between them. Write it so, or leave it out."
        )
    return ContainerMount(found["source"], Path(found["target"]), read_only=found["mode"] == "ro")


def _gpus(text: str) -> int:
    if text.lower() == "all":
        return ALL_GPUS
    if not text.isdecimal() or int(text) < 1:
        raise _wrong("container_gpus", text, "all, and numbers from 1")
    return int(text)


def _wrong(key: str, value: str, allowed: str) -> SettingsError:
    return SettingsError(f"[{SECTION}] {key} is {value!r}; allowed: {allowed}. Write it so, or leave it out.")
