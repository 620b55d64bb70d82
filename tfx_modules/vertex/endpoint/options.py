"""What the command is told of the endpoint. Imports no TFX, no client of Google."""

import argparse
from dataclasses import dataclass

from tfx_modules.exceptions import SettingsError
from tfx_modules.vertex.rules import checked

MACHINE = "n1-standard-2"
KEPT = 1
_MOST_KEPT = 9
_MOST_REPLICAS = 1000


@dataclass(frozen=True, kw_only=True)
class Destination:
    """An endpoint, and what its versions are served by."""

    project: str
    location: str
    endpoint: str
    """Its id."""
    artifacts: str
    """The address of the versions' copies in Cloud Storage."""
    image: str
    """The image of this project's model server."""
    pipeline: str
    """The pipeline's name, which is that of the served model."""
    model_id: str
    """Of the model in Vertex AI's Model Registry whose versions these are."""
    machine: str = MACHINE
    min_replicas: int = 1
    max_replicas: int = 1
    service_account: str = ""
    """Whom containers run as; empty: Vertex AI's own."""
    kept: int = KEPT
    """So many versions that were in service before stay deployed, without traffic."""

    @property
    def parent(self) -> str:
        """The name of the region's resources."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def endpoint_name(self) -> str:
        """The endpoint's resource name."""
        return f"{self.parent}/endpoints/{self.endpoint}"

    @property
    def model_name(self) -> str:
        """The model's resource name."""
        return f"{self.parent}/models/{self.model_id}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that :func:`destination_of` reads."""
    parser.add_argument("--project", required=True, type=checked("project"), metavar="ID")
    parser.add_argument("--location", required=True, type=checked("location"), metavar="REGION")
    parser.add_argument(
        "--endpoint",
        required=True,
        type=checked("endpoint"),
        metavar="ID",
        help="the endpoint's id; `gcloud ai endpoints create` makes one",
    )
    parser.add_argument(
        "--artifact-uri",
        required=True,
        type=checked("address"),
        metavar="gs://BUCKET/FOLDER",
        help="the address of the versions, which `copy-models --to` makes follow the served folder",
    )
    parser.add_argument(
        "--image",
        required=True,
        type=checked("image"),
        help="the model server's image (docker/Dockerfile.serving), with its registry",
    )
    parser.add_argument(
        "--model-id",
        type=checked("model id"),
        metavar="ID",
        help="the model in the Model Registry, which is made where it is missing (default: the pipeline's name)",
    )
    parser.add_argument("--machine-type", default=MACHINE, type=checked("machine type"), metavar="TYPE")
    for name, help_ in (
        ("--min-replica-count", "machines of each version that is deployed (default: %(default)s)"),
        ("--max-replica-count", "to so many under load (default: the same)"),
    ):
        default = 1 if name.startswith("--min") else None
        parser.add_argument(name, type=_replicas, default=default, metavar="N", help=help_)
    parser.add_argument(
        "--service-account",
        type=checked("service account"),
        metavar="ADDRESS",
        help="who the containers run as (default: an account of Vertex AI's)",
    )
    parser.add_argument(
        "--keep",
        type=_kept,
        default=KEPT,
        metavar="N",
        help="so many versions that were in service before stay deployed without traffic, so that a rollback takes "
        "seconds; each costs its machines (default: %(default)s)",
    )
    parser.add_argument(
        "--api-endpoint",
        type=checked("API endpoint"),
        metavar="HOST",
        help="Vertex AI's API (default: REGION-aiplatform.googleapis.com)",
    )
    parser.add_argument(
        "--every",
        type=_seconds,
        metavar="SECONDS",
        help="do it again after so many seconds, until Ctrl-C or ten errors in a row",
    )


def destination_of(flags: argparse.Namespace, pipeline: str) -> Destination:
    """Return what the arguments say.

    Args:
        flags: the arguments.
        pipeline: the pipeline's name.

    Raises:
        SettingsError: they do not fit each other.
    """
    most = flags.max_replica_count or flags.min_replica_count
    if most < flags.min_replica_count:
        raise SettingsError(
            f"--max-replica-count is {most}; allowed: from --min-replica-count on, which is {flags.min_replica_count}."
        )
    return Destination(
        project=flags.project,
        location=flags.location,
        endpoint=flags.endpoint,
        artifacts=flags.artifact_uri.rstrip("/"),
        image=flags.image,
        pipeline=pipeline,
        model_id=flags.model_id or pipeline.lower(),
        machine=flags.machine_type,
        min_replicas=flags.min_replica_count,
        max_replicas=most,
        service_account=flags.service_account or "",
        kept=flags.keep,
    )


def _replicas(text: str) -> int:
    return _number(text, "number of machines", 1, _MOST_REPLICAS)


def _kept(text: str) -> int:
    return _number(text, "number of versions", 0, _MOST_KEPT)


def _seconds(text: str) -> int:
    return _number(text, "time between passes", 1, 86400)


def _number(text: str, what: str, least: int, most: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() else least - 1
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no {what}; allowed: {least} to {most}")
    return number
