"""Makes Vertex AI's pipeline spec of the one for Kubeflow Pipelines: each node becomes a custom job.

A container of a pipeline at Vertex AI mounts Cloud Storage and nothing else; a custom job mounts NFS shares too, which
have the state folder's locks and renames, and names its machine. A pipeline starts one by Google's launcher, a
container whose arguments have the job (google-cloud-pipeline-components, ``v1/custom_job``). All functions take and
return JSON and change nothing.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

from tfx_modules.exceptions import SettingsError
from tfx_modules.kubeflow.spec import task_name
from tfx_modules.kubeflow.values import LAUNCHED
from tfx_modules.vertex.options import MOUNT_POINT, Machine, Place

Document = dict[str, Any]

LAUNCHER = "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0"
"""Google's image, which creates a custom job, waits for it and cancels it with its task."""
_LAUNCHER_COMMAND = ("python3", "-u", "-m", "google_cloud_pipeline_components.container.v1.custom_job.launcher")
_EXECUTOR_INPUT = "{{$}}"
_EXECUTOR_INPUT_IN_JSON = "{{$.json_escape[1]}}"
"""The same, to be put into a text of JSON."""


def make_spec(compiled: Document, place: Place, *, caches: bool) -> Document:
    """Make a pipeline spec.

    Args:
        compiled: the spec that is the same on all systems.
        place: where it is going to run.
        caches: whether Vertex AI may take results of earlier runs.

    Raises:
        SettingsError: a machine is for a node that the pipeline does not have.
    """
    made = copy.deepcopy(compiled)
    machines = _machines(sorted(made["root"]["dag"]["tasks"]), place)
    for task, spec in made["root"]["dag"]["tasks"].items():
        executor = made["deploymentSpec"]["executors"][f"exec-{task}"]
        job = _custom_job(f"{made['pipelineInfo']['name']}-{task}", executor["container"], machines[task], place)
        executor["container"] = _launcher(job, place)
        outputs = made["components"][f"comp-{task}"].setdefault("outputDefinitions", {})
        outputs.setdefault("parameters", {})[LAUNCHED] = {"parameterType": "STRING"}
        if not caches:
            spec["cachingOptions"] = {}
    made["defaultPipelineRoot"] = place.root
    return made


def custom_jobs(spec: Document) -> dict[str, Document]:
    """Return the custom jobs that a spec starts, by task."""
    containers = {task: item["container"] for task, item in spec["deploymentSpec"]["executors"].items()}
    return {
        task.removeprefix("exec-"): json.loads(container["args"][container["args"].index("--payload") + 1])
        for task, container in containers.items()
    }


def _machines(tasks: list[str], place: Place) -> Mapping[str, Machine]:
    if unknown := sorted(node for node in place.machines if task_name(node) not in tasks):
        raise SettingsError(
            f"--machine names {', '.join(unknown)}; allowed: {', '.join(tasks)}. Name nodes of the pipeline."
        )
    given = {task_name(node): machine for node, machine in place.machines.items()}
    return {task: given.get(task, place.machine) for task in tasks}


def _custom_job(name: str, container: Document, machine: Machine, place: Place) -> Document:
    """Return a custom job that does what a container would, as Vertex AI's API reads it."""
    on: Document = {"machine_type": machine.type}
    if machine.gpu:
        on |= {"accelerator_type": machine.gpu, "accelerator_count": machine.gpus}
    pool = {
        "machine_spec": on,
        "replica_count": 1,
        "nfs_mounts": [{"server": place.share.server, "path": place.share.path, "mount_point": MOUNT_POINT}],
        "container_spec": {
            "image_uri": place.gpu_image if machine.gpu else container["image"],
            "command": container["command"],
            "args": [_EXECUTOR_INPUT_IN_JSON if item == _EXECUTOR_INPUT else item for item in container["args"]],
            "env": container["env"],
        },
    }
    job: Document = {
        "worker_pool_specs": [pool],
        "service_account": place.service_account,
        "network": place.network,
    }
    if place.reserved_ip_ranges:
        job["reserved_ip_ranges"] = list(place.reserved_ip_ranges)
    return {"display_name": name, "job_spec": job, "labels": dict(place.labels)}


def _launcher(job: Document, place: Place) -> Document:
    return {
        "image": LAUNCHER,
        "command": list(_LAUNCHER_COMMAND),
        "args": [
            *("--type", "CustomJob"),
            *("--payload", json.dumps(job, sort_keys=True)),
            *("--project", place.project),
            *("--location", place.location),
            *("--gcp_resources", f"{{{{$.outputs.parameters['{LAUNCHED}'].output_file}}}}"),
        ],
    }
