"""Settings of nodes that run in a container of their own: the keys ``container_*`` of ``[bert_service]``.

:mod:`airflow_bert_service.dag.containers` applies them. ``docs/how-to/node-containers.md`` tells when to use which.
"""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.nodes.container import ALL_GPUS, ContainerMount
from airflow_bert_service.settings.reading.declared import SettingsGroup, refused
from airflow_bert_service.settings.reading.limits import Matches
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.reading.reader import LowerCase, ReadBy, Separated

# A folder or file of the engine's machine, or a volume's name as Docker allows it.
_MOUNT = re.compile(r"(?P<source>/[^:]*|[A-Za-z0-9][\w.-]+):(?P<target>/[^:]*)(?::(?P<mode>ro|rw))?")


def read_mount(text: str) -> ContainerMount:
    """Read a mount: ``SOURCE:TARGET`` or ``SOURCE:TARGET:ro``.

    Raises:
        SettingsError: It is of another form.
    """
    found = _MOUNT.fullmatch(text)
    if found is None:
        raise SettingsError(
            f"[{SECTION}] container_mounts has {text!r}; allowed: SOURCE:TARGET and SOURCE:TARGET:ro with absolute "
            "paths, or a volume's name as source, with spaces or commas between them. Write it so, or leave it out."
        )
    return ContainerMount(found["source"], Path(found["target"]), read_only=found["mode"] == "ro")


def read_gpus(text: str) -> int:
    """Read a number of GPUs from 1 on, or ``all``.

    Raises:
        SettingsError: It is neither.
    """
    if text.lower() == "all":
        return ALL_GPUS
    if not text.isdecimal() or int(text) < 1:
        raise refused("container_gpus", text, "all, and numbers from 1")
    return int(text)


@dataclass(frozen=True, kw_only=True)
class ContainerSettings(SettingsGroup):
    """Which nodes run in a container of their own, and what it is made of.

    With the default values none does. Not which worker starts it: that is the queue's.
    """

    container_nodes: tuple[str, ...] = ()
    """Ids of the nodes, with commas between them; empty: none."""
    container_image: str = ""
    """Image that has the TFX environment; pulled where the engine does not have it."""
    container_python: Annotated[str, Matches(r"/.*", "an absolute path in the image")] = (
        "/opt/bert-service/.venv/tfx/bin/python"
    )
    """Python of the TFX environment in the image; the default is where ``docker/Dockerfile.worker`` has it."""
    container_mounts: Annotated[
        tuple[Annotated[ContainerMount, ReadBy(read_mount)], ...], Separated(r"[\s,]", "spaces or commas")
    ] = ()
    """``SOURCE:TARGET[:ro]``, with spaces or commas between them. Source: a path on the engine's machine, or a volume.
    Empty: the state folder, writable, and what else a node reads (``tfx_modules``, compiled pipeline, holdout), each
    under its own path."""
    container_network: str = ""
    """Docker network; ``none`` and ``host`` are two. Empty: Docker's default."""
    container_memory: Annotated[
        str, LowerCase(), Matches(r"[1-9]\d*[bkmg]?", "a number with b, k, m or g, like 8g")
    ] = ""
    """Most memory that the node and all that it starts may take, as ``8g`` or ``6000m``; empty: no limit."""
    container_gpus: Annotated[int, ReadBy(read_gpus)] = 0
    """GPUs that the containers of nodes that are for one ask for: ``all`` or a number; empty: they ask for none."""
    container_engine: Annotated[str, Matches(r"unix:///\S+|tcp://[^\s/:]+:\d+", "unix:///PATH and tcp://HOST:PORT")] = (
        ""
    )
    """The Docker engine's address, ``unix:///PATH`` or ``tcp://HOST:PORT``; empty: ``DOCKER_HOST`` of the worker's
    environment, else the machine's own."""

    def __post_init__(self) -> None:
        """Check the limits, and that the settings come together."""
        super().__post_init__()
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
