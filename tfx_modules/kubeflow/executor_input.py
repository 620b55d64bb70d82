"""Turns what Kubeflow Pipelines tells a container (the executor input) into what TFX's components read.

- The launcher downloads a task's inputs from the object store into a folder, and uploads its outputs from one, so that
  components see folders: ``s3://bucket/key`` is ``/s3/bucket/key``.
- An artifact that stands for none is left out.
- The types of input artifacts come from the component's declaration: what runs a spec passes them on, or does not.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfx_modules.exceptions import NodeError
from tfx_modules.kubeflow.values import ABSENT, LEDGER, STATE

Document = dict[str, Any]
"""JSON."""
_MOUNTS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}
"""As Kubeflow Pipelines' launcher and Vertex AI have them."""


@dataclass(frozen=True)
class ExecutorInput:
    """What a container is told, with folders in place of addresses."""

    document: Document
    uris: Mapping[str, str]
    """The address of each output."""

    @property
    def output_file(self) -> str:
        """Where the container writes what it has made."""
        return str(self.document["outputs"]["outputFile"])

    def with_addresses(self, output: Document) -> Document:
        """Return what a container has made, as Kubeflow Pipelines reads it: with the addresses of its outputs."""
        made = copy.deepcopy(output)
        for name, listed in made.get("artifacts", {}).items():
            for artifact in listed["artifacts"]:
                artifact["uri"] = self.uris[name]
        return made


def read_executor_input(text: str, declared: Document) -> ExecutorInput:
    """Read an executor input.

    Args:
        text: JSON, what Kubeflow Pipelines puts in the place of ``{{$}}``.
        declared: the inputs that the component declares.

    Raises:
        NodeError: it is something else, or an artifact is where no folder stands for it.
    """
    try:
        document = json.loads(text)
        inputs, outputs = document.setdefault("inputs", {}), document["outputs"]
        uris = {name: artifact["uri"] for name, artifact in _artifacts(outputs)}
        _take_inputs(inputs, declared)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodeError(
            f"the executor input is {text[:500]!r} ({error!r}); allowed: what Kubeflow Pipelines puts in the place of "
            "{{$}}. Run the compiled spec, unchanged."
        ) from error
    for _, artifact in _artifacts(outputs):
        artifact["uri"] = artifact.pop("customPath", "") or local_path(artifact["uri"])
    return ExecutorInput(document, uris)


def local_path(uri: str) -> str:
    """Return the folder that stands for an address.

    Raises:
        NodeError: none does.
    """
    for scheme, mount in _MOUNTS.items():
        if uri.startswith(scheme):
            return mount + uri.removeprefix(scheme)
    if "://" in uri:
        raise NodeError(
            f"an artifact is in {uri}; allowed: {', '.join(_MOUNTS)} and folders. Choose another pipeline root."
        )
    return uri


def ledger_address(environment: Mapping[str, str]) -> str:
    """Return the ledger's address: the variable's, else that of the file in the state folder.

    Raises:
        NodeError: there is neither variable.
    """
    if address := environment.get(LEDGER):
        return address
    if state := environment.get(STATE):
        return f"sqlite:///{state}/ledger/ledger.db"
    raise NodeError(
        f"there is no ledger; needed: the variable {LEDGER} with its address, or {STATE} with the state folder, as the "
        "worker image has it. Run the compiled spec with the worker image."
    )


def _artifacts(part: Document) -> Iterator[tuple[str, Document]]:
    for name, listed in part.get("artifacts", {}).items():
        yield from ((name, artifact) for artifact in listed.get("artifacts", ()))


def _take_inputs(inputs: Document, declared: Document) -> None:
    for listed in inputs.get("artifacts", {}).values():
        there = [item for item in listed.get("artifacts", ()) if not item.get("metadata", {}).get(ABSENT)]
        listed["artifacts"] = there
    for name, artifact in _artifacts(inputs):
        artifact["type"] = declared["artifacts"][name]["artifactType"]
        # Evaluator names the model that it has blessed by this.
        artifact["name"] = artifact.get("name") or artifact["uri"]
        artifact["uri"] = artifact.pop("customPath", "") or local_path(artifact["uri"])
