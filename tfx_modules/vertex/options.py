"""What the command is told of the project in Google Cloud, and of the run. Imports no TFX, no client of Google."""

import argparse
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from tfx_modules.exceptions import SettingsError
from tfx_modules.kubeflow.options import Containers, check_gpu_image, variable_unless
from tfx_modules.kubeflow.spec import task_name
from tfx_modules.kubeflow.values import LEDGER, STATE
from tfx_modules.vertex.rules import checked

PASSWORD_FILE = "pgpass"  # noqa: S105 (a file's name)
"""File of the state folder with the ledger's password, as PostgreSQL's clients read it."""
MOUNT_POINT = "bert-state"
MOUNT_PATH = f"/mnt/nfs/{MOUNT_POINT}"
"""Where Vertex AI mounts a share of the name ``MOUNT_POINT``."""
DEFAULT_MACHINE = "n1-standard-4"
SECONDS = 30.0
"""How often a job is looked at that is waited for."""
_PASSWORD_VARIABLE = "PGPASSFILE"  # noqa: S105 (a variable's name)
_SET_OTHERWISE: Mapping[str, str] = {
    "AIRFLOW__BERT_SERVICE__LEDGER": "--ledger",
    LEDGER: "--ledger",
    _PASSWORD_VARIABLE: "--ledger",
    "AIRFLOW__BERT_SERVICE__STATE": "--nfs",
    STATE: "--nfs",
    "PYTHONPATH": "the image",
}
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):(/[^\s]*[^\s/])")
_MACHINE = re.compile(r"([A-Za-z][A-Za-z-]*):([a-z0-9]+-[a-z0-9-]+)(?:,([A-Z][A-Z0-9_]+)=([1-9]\d?))?")
_LABEL = re.compile(r"([a-z][a-z0-9_-]{0,62})=([a-z0-9_-]{0,63})")


@dataclass(frozen=True)
class Share:
    """An NFS share."""

    server: str
    """Its private IP address."""
    path: str


@dataclass(frozen=True)
class Machine:
    """What a node's custom job runs on."""

    type: str
    gpu: str = ""
    """As Vertex AI's AcceleratorType names it, like NVIDIA_TESLA_T4; empty: none."""
    gpus: int = 0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in Google Cloud a pipeline runs, and as whom."""

    project: str
    location: str
    root: str
    """Where artifacts are kept: an address in Cloud Storage."""
    service_account: str
    network: str
    """The one that the share and the ledger are reached in."""
    reserved_ip_ranges: tuple[str, ...] = ()
    image: str
    gpu_image: str = ""
    """For nodes with a GPU."""
    share: Share
    """The state folder."""
    ledger: str
    """Its address, without a password."""
    machine: Machine = Machine(DEFAULT_MACHINE)
    """Of all nodes that are not in ``machines``."""
    machines: Mapping[str, Machine] = field(default_factory=lambda: MappingProxyType({}))
    """By node, as the DAG names it or as the task is called at Vertex AI."""
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def containers(self) -> Containers:
        """What the spec says of the nodes' containers."""
        own = {LEDGER: self.ledger, _PASSWORD_VARIABLE: f"{MOUNT_PATH}/{PASSWORD_FILE}"}
        return Containers(image=self.image, mount_path=MOUNT_PATH, environment={**self.environment, **own})


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is said of one run."""

    job_id: str
    parameters: Mapping[str, str | bool | int]
    """Those that differ from the pipeline's defaults."""
    caches: bool = True
    """Whether results of earlier runs may be taken."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that :func:`place_of` and :func:`run_of` read."""
    _add_place(parser.add_argument_group("the project in Google Cloud"))
    _add_nodes(parser.add_argument_group("the nodes"))
    run = parser.add_argument_group("the run")
    run.add_argument("--date", type=_date, help="the last day of the window, like 2026-11-05 (default: yesterday, UTC)")
    run.add_argument("--tune", action="store_true", help="search for hyperparameters before training")
    run.add_argument("--train-steps", type=_steps, metavar="N", help="batches to train on (default: by the settings)")
    run.add_argument(
        "--promote-older", action="store_true", help="let a model of an older date take the place of one of newer data"
    )
    run.add_argument("--no-cache", action="store_true", help="compute every node anew")
    run.add_argument(
        "--job-id",
        type=checked("job id"),
        metavar="ID",
        help="the job's id; a second job of the same id is refused (default: the pipeline's name and the time)",
    )
    run.add_argument(
        "--label", action="append", default=[], type=_label, metavar="KEY=VALUE", help="a label of the job and its jobs"
    )


def _add_place(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--project", required=True, type=checked("project"), metavar="ID")
    group.add_argument("--location", required=True, type=checked("location"), metavar="REGION")
    group.add_argument(
        "--pipeline-root", required=True, type=checked("root"), metavar="gs://...", help="where artifacts are kept"
    )
    group.add_argument(
        "--service-account",
        required=True,
        type=checked("service account"),
        metavar="ADDRESS",
        help="who the nodes run as",
    )
    group.add_argument(
        "--network",
        required=True,
        type=checked("network"),
        metavar="projects/NUMBER/global/networks/NAME",
        help="the VPC network with the share and the ledger, peered with Vertex AI",
    )
    group.add_argument(
        "--reserved-ip-range",
        action="append",
        default=[],
        type=checked("range"),
        metavar="NAME",
        help="of the network",
    )
    group.add_argument(
        "--nfs",
        required=True,
        type=_share,
        metavar="ADDRESS:/PATH",
        help="the NFS share with the state folder, like a Filestore instance. Cloud Storage is none: it has no locks, "
        "and renames no folder in one step",
    )
    group.add_argument(
        "--ledger",
        required=True,
        type=_ledger,
        metavar="postgresql://USER@HOST/NAME",
        help=f"the ledger's address without a password, which is in the share's file {PASSWORD_FILE}",
    )
    group.add_argument(
        "--api-endpoint",
        type=checked("API endpoint"),
        metavar="HOST",
        help="Vertex AI's API, like one of Private Service Connect (default: REGION-aiplatform.googleapis.com)",
    )


def _add_nodes(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--image", required=True, help="the worker image (docker/Dockerfile.worker), with its registry")
    group.add_argument(
        "--gpu-image", default="", metavar="IMAGE", help="the image of nodes with a GPU: built for ACCELERATOR=cuda"
    )
    group.add_argument(
        "--default-machine",
        default=DEFAULT_MACHINE,
        type=checked("machine type"),
        metavar="TYPE",
        help="what nodes run on (default: %(default)s)",
    )
    group.add_argument(
        "--machine",
        action="append",
        default=[],
        type=_machine,
        metavar="NODE:TYPE[,GPU=COUNT]",
        help="what a node runs on, like Trainer:n1-standard-8,NVIDIA_TESLA_T4=1; may be given for several nodes",
    )
    group.add_argument(
        "--env",
        action="append",
        default=[],
        type=variable_unless(_SET_OTHERWISE),
        metavar="NAME=VALUE",
        help="a variable of all nodes, like AIRFLOW__BERT_SERVICE__FEED=files; may be given several times",
    )


def place_of(flags: argparse.Namespace) -> Place:
    """Return what the arguments say of the project.

    Raises:
        SettingsError: they do not fit each other.
    """
    tasks = [task_name(node) for node, _ in flags.machine]
    if twice := sorted({task for task in tasks if tasks.count(task) > 1}):
        raise SettingsError(f"--machine names {', '.join(twice)} twice; allowed: each node once. Leave one out.")
    with_gpu = sorted(node for node, machine in flags.machine if machine.gpu)
    example = "Trainer:n1-standard-8,NVIDIA_TESLA_T4=1"
    check_gpu_image(flags.gpu_image, with_gpu, option="--machine", example=example, gpu="the GPU")
    return Place(
        project=flags.project,
        location=flags.location,
        root=flags.pipeline_root.rstrip("/"),
        service_account=flags.service_account,
        network=flags.network,
        reserved_ip_ranges=tuple(flags.reserved_ip_range),
        image=flags.image,
        gpu_image=flags.gpu_image,
        share=flags.nfs,
        ledger=flags.ledger,
        machine=Machine(flags.default_machine),
        machines=dict(flags.machine),
        environment=dict(flags.env),
        labels=dict(flags.label),
    )


def run_of(flags: argparse.Namespace, pipeline: str, now: dt.datetime) -> Run:
    """Return what the arguments say of the run.

    Args:
        flags: the arguments.
        pipeline: the pipeline's name at Vertex AI.
        now: the time, for the job's id.
    """
    parameters: dict[str, str | bool | int] = {}
    if flags.date:
        parameters["data_date"] = flags.date.isoformat()
    if flags.tune:
        parameters["tune"] = True
    if flags.train_steps:
        parameters["train_steps"] = flags.train_steps
    if flags.promote_older:
        parameters["promote_older"] = True
    job_id = flags.job_id or f"{pipeline[:100]}-{now:%Y%m%d%H%M%S}"
    return Run(job_id=job_id, parameters=parameters, caches=not flags.no_cache)


def seconds(text: str) -> float:
    """Read how often a job is looked at."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds between looks; allowed: up to 3600")
    return value


def _share(text: str) -> Share:
    if text.startswith(("gs://", "/gcs/")):
        raise argparse.ArgumentTypeError(
            f"{text!r} is in Cloud Storage, where the state folder cannot be: it has no locks between machines, and "
            "renames no folder in one step, by which models are promoted; allowed: ADDRESS:/PATH of an NFS share, like "
            "a Filestore instance"
        )
    found = _SHARE.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no NFS share; allowed: ADDRESS:/PATH with a private IP address, like 10.0.0.2:/bert"
        )
    return Share(found[1], found[2])


def _ledger(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_good = parts.scheme == "postgresql" and bool(parts.hostname) and parts.path not in ("", "/")
        has_password = parts.password is not None or "password" in parts.query
    except ValueError:
        is_good = has_password = False
    # No message repeats the address: it may hold a password.
    if has_password:
        raise argparse.ArgumentTypeError(
            f"the address has a password, which everybody could read in the job; allowed: postgresql://USER@HOST/NAME, "
            f"and the password in the share's file {PASSWORD_FILE}"
        )
    if not is_good:
        raise argparse.ArgumentTypeError(
            "the address is none of PostgreSQL; allowed: postgresql://USER@HOST:PORT/NAME. SQLite locks its file on "
            "one machine only"
        )
    return text


def _machine(text: str) -> tuple[str, Machine]:
    found = _MACHINE.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no node with a machine; allowed: NODE:TYPE[,GPU=COUNT], like "
            "Trainer:n1-standard-8,NVIDIA_TESLA_T4=1"
        )
    return found[1], Machine(found[2], found[3] or "", int(found[4] or 0))


def _label(text: str) -> tuple[str, str]:
    found = _LABEL.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no label; allowed: KEY=VALUE of a-z, 0-9, - and _")
    return found[1], found[2]


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; allowed: one like 2026-11-05") from None


def _steps(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of batches; allowed: a whole number from 1")
    return int(text)
