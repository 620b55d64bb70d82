"""Settings of nodes that run in a container of their own: the keys ``container_*`` of ``[bert_service]``.

:mod:`airflow_bert_service.dag.containers` applies them. ``docs/how-to/node-containers.md`` tells when to use which.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.nodes.container import ALL_GPUS, ContainerMount
from airflow_bert_service.settings import parsing as read
from airflow_bert_service.settings.parsing import SECTION

# A folder or file of the engine's machine, or a volume's name as Docker allows it.
_MOUNT = re.compile(r"(?P<source>/[^:]*|[A-Za-z0-9][\w.-]+):(?P<target>/[^:]*)(?::(?P<mode>ro|rw))?")
_ENGINE = re.compile(r"unix:///\S+|tcp://[^\s/:]+:\d+")
_MEMORY = re.compile(r"[1-9]\d*[bkmg]?")


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
