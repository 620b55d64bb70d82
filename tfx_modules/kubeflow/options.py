"""What the compiling command is told of the cluster: images, volume, and resources of each node. Imports no TFX."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tfx_modules.exceptions import SettingsError

_CPU = re.compile(r"\d+(\.\d+)?")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)(G|Gi|M|Mi)")
_GB: Mapping[str, float] = {"G": 1.0, "Gi": 1.073741824, "M": 0.001, "Mi": 0.001048576}
_COUNT = re.compile(r"[1-9]\d?")
_DNS = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VOLUME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ROOT = re.compile(r"(s3|gs|minio)://[^/].*")
_KEYS = "cpu, memory, gpu"
_SET_OTHERWISE: Mapping[str, str] = {
    "AIRFLOW__BERT_SERVICE__LEDGER": "--ledger-secret",
    "BERT_SERVICE_LEDGER": "--ledger-secret",
    "AIRFLOW__BERT_SERVICE__STATE": "--mount-path",
    "BERT_SERVICE_STATE": "--mount-path",
    "PYTHONPATH": "the image",
}
"""Variables that a part of the containers would not go by, and what says the same to all of them."""


@dataclass(frozen=True)
class Resources:
    """What the container of a node gets at most; an empty text or 0: what the cluster gives by itself."""

    cpu: str = ""
    """Cores, like 4 or 0.5."""
    memory: str = ""
    """Like 16G or 16Gi."""
    gpu: int = 0

    @property
    def gigabytes(self) -> float:
        """The memory in units of 10^9 bytes, as the spec's older field has it."""
        found = _MEMORY.fullmatch(self.memory)
        return float(found[1]) * _GB[found[2]] if found else 0.0


@dataclass(frozen=True)
class Secret:
    """A key of a Secret of Kubernetes."""

    name: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Containers:
    """What the spec says of the nodes' containers, wherever it is going to run."""

    image: str
    """The worker's."""
    gpu_image: str = ""
    """The worker's with NVIDIA's libraries, for nodes with a GPU; empty: the same image."""
    gpu_type: str = "nvidia.com/gpu"
    """Name of the resource that a GPU is."""
    mount_path: str = "/state"
    """Where the state folder is mounted."""
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Variables of all containers."""
    resources: Mapping[str, Resources] = field(default_factory=lambda: MappingProxyType({}))
    """By node."""
    pipeline_root: str = ""
    """Where artifacts are kept; empty: Kubeflow Pipelines' own."""


@dataclass(frozen=True, kw_only=True)
class Cluster(Containers):
    """What the spec says of the cluster of Kubernetes that it is going to run on."""

    claim: str
    """The PersistentVolumeClaim with the state folder."""
    pull_policy: str = "IfNotPresent"
    ledger: Secret | None = None
    """Where the ledger's address is; None: the ledger is a file on the volume."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that :func:`cluster_of` reads."""
    parser.add_argument("--image", required=True, help="the worker image (docker/Dockerfile.worker), with its registry")
    parser.add_argument(
        "--gpu-image", default="", metavar="IMAGE", help="the image of nodes with a GPU (default: --image)"
    )
    parser.add_argument(
        "--claim", required=True, type=_claim, help="the PersistentVolumeClaim with the state folder; ReadWriteMany"
    )
    parser.add_argument(
        "--mount-path",
        default="/state",
        type=_path,
        metavar="FOLDER",
        help="where it is mounted (default: %(default)s)",
    )
    parser.add_argument(
        "--resources",
        action="append",
        default=[],
        type=_resources,
        metavar="NODE:KEY=VALUE,...",
        help="what a node's container gets, like Trainer:cpu=8,memory=32G,gpu=1; may be given for several nodes",
    )
    parser.add_argument(
        "--gpu-type", default="nvidia.com/gpu", metavar="NAME", help="the resource that a GPU is (default: %(default)s)"
    )
    parser.add_argument(
        "--ledger-secret",
        type=_secret,
        metavar="NAME:KEY",
        help="the Secret's key with the ledger's address, like postgresql://... (default: a file on the volume)",
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        type=variable_unless(_SET_OTHERWISE),
        metavar="NAME=VALUE",
        help="a variable of all containers, like AIRFLOW__BERT_SERVICE__FEED=files; may be given several times",
    )
    parser.add_argument(
        "--image-pull-policy",
        default="IfNotPresent",
        choices=["Always", "IfNotPresent", "Never"],
        help="when nodes of the cluster fetch the image (default: %(default)s)",
    )
    parser.add_argument(
        "--pipeline-root",
        default="",
        type=_root,
        metavar="URI",
        help="where artifacts are kept, like s3://bucket/folder (default: the one of Kubeflow Pipelines)",
    )


def cluster_of(flags: argparse.Namespace) -> Cluster:
    """Return what the arguments say.

    Raises:
        SettingsError: they do not fit each other.
    """
    nodes = [node for node, _ in flags.resources]
    if twice := sorted({node for node in nodes if nodes.count(node) > 1}):
        raise SettingsError(
            f"--resources names {', '.join(twice)} twice; allowed: each node once. Give all its resources at once, "
            "like Trainer:cpu=8,memory=32G,gpu=1."
        )
    with_gpu = sorted(node for node, given in flags.resources if given.gpu)
    check_gpu_image(flags.gpu_image, with_gpu, option="--resources", example="Trainer:gpu=1", gpu="gpu")
    return Cluster(
        image=flags.image,
        gpu_image=flags.gpu_image,
        gpu_type=flags.gpu_type,
        claim=flags.claim,
        mount_path=flags.mount_path,
        pull_policy=flags.image_pull_policy,
        ledger=flags.ledger_secret,
        environment=dict(flags.env),
        resources=dict(flags.resources),
        pipeline_root=flags.pipeline_root,
    )


def check_gpu_image(image: str, with_gpu: Sequence[str], *, option: str, example: str, gpu: str) -> None:
    """Check that an image for GPUs is named where a node has a GPU, and only there.

    Args:
        image: that of nodes with a GPU; may be empty.
        with_gpu: the nodes that have one.
        option: gives a node its GPU.
        example: a value of that option.
        gpu: what an error calls the GPU in that option.

    Raises:
        SettingsError: one of both is missing.
    """
    if with_gpu and not image:
        raise SettingsError(
            f"{option} gives {', '.join(with_gpu)} a GPU, and there is no --gpu-image; allowed: the worker image "
            f"built with --build-arg ACCELERATOR=cuda. Name it, or leave {gpu} out."
        )
    if image and not with_gpu:
        raise SettingsError(
            f"--gpu-image is given, and no node has a GPU; allowed: with a node that has one. Add {option} like "
            f"{example}, or leave --gpu-image out."
        )


def _resources(text: str) -> tuple[str, Resources]:
    node, _, rest = text.partition(":")
    pairs = [pair.partition("=") for pair in rest.split(",")]
    values = {key: value for key, _, value in pairs}
    if not node or len(values) != len(pairs) or not set(values) <= {"cpu", "memory", "gpu"} or not _are_good(values):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no node with resources; allowed: NODE:KEY=VALUE,... with the keys {_KEYS}, like "
            "Trainer:cpu=8,memory=32G,gpu=1; memory ends with G, Gi, M or Mi"
        )
    return node, Resources(values.get("cpu", ""), values.get("memory", ""), int(values.get("gpu", 0)))


def _are_good(values: Mapping[str, str]) -> bool:
    rules: Sequence[tuple[str, re.Pattern[str]]] = (("cpu", _CPU), ("memory", _MEMORY), ("gpu", _COUNT))
    return all(rule.fullmatch(values[key]) for key, rule in rules if key in values)


def _dns(text: str) -> str:
    if not _DNS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name in Kubernetes; allowed: a-z, 0-9, - and dots")
    return text


def _claim(text: str) -> str:
    if not _VOLUME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name that a volume can have; allowed: a-z, 0-9 and -, up to 63 characters"
        )
    return text


def _root(text: str) -> str:
    if text and not _ROOT.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no object store of Kubeflow Pipelines; allowed: s3://, gs:// or minio:// with a bucket"
        )
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or text == "/":
        raise argparse.ArgumentTypeError(f"{text!r} is no place for a volume; allowed: an absolute path below /")
    return text.rstrip("/")


def _secret(text: str) -> Secret:
    name, _, key = text.partition(":")
    if not key:
        raise argparse.ArgumentTypeError(f"{text!r} is no key of a Secret; allowed: NAME:KEY, like bert-ledger:address")
    return Secret(_dns(name), key)


def variable_unless(set_otherwise: Mapping[str, str]) -> Callable[[str], tuple[str, str]]:
    """Return a function that reads ``NAME=VALUE``.

    Args:
        set_otherwise: variables that are refused, and the option that says the same to all containers.
    """

    def read(text: str) -> tuple[str, str]:
        name, mark, value = text.partition("=")
        if not mark or not _VARIABLE.fullmatch(name):
            raise argparse.ArgumentTypeError(f"{text!r} is no variable; allowed: NAME=VALUE")
        if name in set_otherwise:
            raise argparse.ArgumentTypeError(
                f"{name} is set by {set_otherwise[name]}, and only a part of the containers would go by --env; "
                "allowed: other variables"
            )
        return name, value

    return read
