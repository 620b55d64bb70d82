"""Makes the spec of what TFX's runner for Kubeflow Pipelines writes.

TFX's is of a pipeline whose parameters a caller gives in TFX's own forms, whose ExampleGen reads one span, and whose
names Kubeflow Pipelines' own SDK does not use. All functions take and return JSON and change nothing.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfx_modules.exceptions import SettingsError
from tfx_modules.kubeflow.options import Cluster, Containers, Resources
from tfx_modules.kubeflow.values import LEDGER, NODE_MODULE, REFRESH, REFRESH_MODULE, RUN_ID, STATE

Document = dict[str, Any]

ROOT = "/opt/bert-service"
"""The project's folder in the worker image."""
TFX_PYTHON = f"{ROOT}/.venv/tfx/bin/python"
AIRFLOW_PYTHON = f"{ROOT}/.venv/airflow/bin/python"
NEVER_CACHED = (REFRESH, "earlier-runs", "keep-for-later-runs")
"""Tasks that look at what is on the volume, or change it."""
_RUN_ID_OF_KUBEFLOW = "{{$.pipeline_job_uuid}}"
_PARAMETERS: Mapping[str, tuple[str, str, str | bool | float]] = {
    "data_date": ("STRING", "the last day of the window, like 2026-11-05; empty: yesterday (UTC)", ""),
    "tune": ("BOOLEAN", "search for hyperparameters before training", False),
    "train_steps": ("NUMBER_INTEGER", "batches to train on; 0: the epochs of the settings", 0.0),
    "promote_older": ("BOOLEAN", "let a model of an older date take the place of one of newer data", False),
}
"""The run's parameters, which have the names of those on Airflow: type, description, default."""


@dataclass(frozen=True)
class Versions:
    """Versions of code, for the cache and for the ledger."""

    pipeline: str
    nodes: Mapping[str, str]
    """By node."""


@dataclass(frozen=True)
class Spec:
    """A pipeline spec, and what the containers need of Kubernetes."""

    pipeline: Document
    platform: Document


def make_spec(written: Document, name: str, versions: Versions, cluster: Cluster) -> Spec:
    """Make a spec for a cluster of Kubernetes; see :func:`make_pipeline_spec`."""
    made = make_pipeline_spec(written, name, versions, cluster)
    return Spec(made, _platform(made, cluster))


def make_pipeline_spec(written: Document, name: str, versions: Versions, containers: Containers) -> Document:
    """Make the part of a spec that is the same on all systems.

    Args:
        written: the pipeline spec that TFX's runner has written.
        name: the pipeline's name in the ledger.
        versions: of the code.
        containers: what is said of the nodes' containers.

    Raises:
        SettingsError: resources are for nodes that the pipeline does not have.
    """
    made = copy.deepcopy(written)
    nodes = sorted(made["root"]["dag"]["tasks"])
    if unknown := sorted(set(containers.resources) - set(nodes)):
        raise SettingsError(
            f"--resources names {', '.join(unknown)}; allowed: {', '.join(nodes)}. Name nodes of the pipeline."
        )
    for node in nodes:
        container = _container(made, node)
        # TFX's driver, which Vertex AI would run before the executor, reads one span, in its latest version.
        container.pop("lifecycle", None)
        container["args"] += [
            f"--pipeline={name}",
            f"--pipeline_version={versions.pipeline}",
            f"--code_version={versions.nodes[node]}",
        ]
        container["env"] = [*_environment(containers), {"name": "PYTHONPATH", "value": ROOT}]
        _give(container, containers.resources.get(node, Resources()), containers)
    made = _renamed(made)
    _add_refresh(made, name, containers)
    for task, spec in made["root"]["dag"]["tasks"].items():
        spec["cachingOptions"] = {} if task in NEVER_CACHED else {"enableCache": True}
    if containers.pipeline_root:
        made["defaultPipelineRoot"] = containers.pipeline_root
    return made


def node_command() -> tuple[str, ...]:
    """Return the command of a node's container."""
    return (TFX_PYTHON, "-m", NODE_MODULE)


def task_name(node: str) -> str:
    """Return the name of a node's task: ``CsvExampleGen`` is ``csv-example-gen``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", node).lower()


def _container(spec: Document, node: str) -> Document:
    label = spec["components"][node]["executorLabel"]
    container: Document = spec["deploymentSpec"]["executors"][label]["container"]
    return container


def _give(container: Document, resources: Resources, containers: Containers) -> None:
    given: Document = {}
    # Kubeflow Pipelines before 2.4 knows the numbers alone; later ones take the texts where there are any.
    if resources.cpu:
        given |= {"cpuLimit": float(resources.cpu), "resourceCpuLimit": resources.cpu}
    if resources.memory:
        given |= {"memoryLimit": resources.gigabytes, "resourceMemoryLimit": resources.memory}
    if resources.gpu:
        count = str(resources.gpu)
        given["accelerator"] = {
            "type": containers.gpu_type,
            "count": count,
            "resourceType": containers.gpu_type,
            "resourceCount": count,
        }
        container["image"] = containers.gpu_image or container["image"]
    if given:
        container["resources"] = given


def _environment(containers: Containers) -> list[Document]:
    variables = {STATE: containers.mount_path, **containers.environment}
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _renamed(spec: Document) -> Document:
    """Give tasks, components and executors the names that Kubeflow Pipelines' SDK would."""
    made = copy.deepcopy(spec)
    executors = made["deploymentSpec"]["executors"]
    labels = {component["executorLabel"]: task_name(node) for node, component in spec["components"].items()}
    made["deploymentSpec"]["executors"] = {f"exec-{labels[label]}": found for label, found in executors.items()}
    made["components"] = {
        f"comp-{task_name(node)}": {**component, "executorLabel": f"exec-{task_name(node)}"}
        for node, component in made["components"].items()
    }
    tasks = made["root"]["dag"]["tasks"]
    made["root"]["dag"]["tasks"] = {task_name(node): _renamed_task(node, task) for node, task in tasks.items()}
    return made


def _renamed_task(node: str, task: Document) -> Document:
    made = {**task, "taskInfo": {"name": task_name(node)}, "componentRef": {"name": f"comp-{task_name(node)}"}}
    if before := [task_name(name) for name in task.get("dependentTasks", ())]:
        made["dependentTasks"] = before
    for artifact in made.get("inputs", {}).get("artifacts", {}).values():
        source = artifact["taskOutputArtifact"]
        source["producerTask"] = task_name(source["producerTask"])
    return made


def _add_refresh(spec: Document, name: str, containers: Containers) -> None:
    """Put the task in that refreshes the data; nodes take the values of the runtime parameters from it."""
    root = spec["root"]
    values = sorted(root["inputDefinitions"]["parameters"])
    for task in root["dag"]["tasks"].values():
        parameters = task.get("inputs", {}).get("parameters", {})
        taken = [key for key, source in parameters.items() if "componentInputParameter" in source]
        for key in taken:
            output = parameters[key]["componentInputParameter"]
            parameters[key] = {"taskOutputParameter": {"producerTask": REFRESH, "outputParameterKey": output}}
        if taken:
            task["dependentTasks"] = sorted({*task.get("dependentTasks", ()), REFRESH})
    root["inputDefinitions"]["parameters"] = {
        key: {"parameterType": kind, "description": text, "defaultValue": default, "isOptional": True}
        for key, (kind, text, default) in _PARAMETERS.items()
    }
    inputs = {**_PARAMETERS, RUN_ID: ("STRING", "", "")}
    spec["components"][f"comp-{REFRESH}"] = {
        "executorLabel": f"exec-{REFRESH}",
        "inputDefinitions": {"parameters": {key: {"parameterType": kind} for key, (kind, *_) in inputs.items()}},
        "outputDefinitions": {"parameters": {key: {"parameterType": "STRING"} for key in values}},
    }
    spec["deploymentSpec"]["executors"][f"exec-{REFRESH}"] = {"container": _refresh_container(name, containers)}
    root["dag"]["tasks"][REFRESH] = {
        "taskInfo": {"name": REFRESH},
        "componentRef": {"name": f"comp-{REFRESH}"},
        "inputs": {
            "parameters": {
                **{key: {"componentInputParameter": key} for key in _PARAMETERS},
                RUN_ID: {"runtimeValue": {"constant": _RUN_ID_OF_KUBEFLOW}},
            }
        },
    }


def _refresh_container(name: str, containers: Containers) -> Document:
    return {
        "image": containers.image,
        "command": [AIRFLOW_PYTHON, "-m", REFRESH_MODULE],
        "args": ["--pipeline", name, "--executor-input", "{{$}}"],
        "env": [*_environment(containers), {"name": "PYTHONPATH", "value": f"{ROOT}/plugins"}],
    }


def _platform(spec: Document, cluster: Cluster) -> Document:
    """Return what the containers need of Kubernetes, as Kubeflow Pipelines' extension ``kfp-kubernetes`` writes it."""
    each: Document = {
        "imagePullPolicy": cluster.pull_policy,
        "pvcMount": [{"mountPath": cluster.mount_path, "constant": cluster.claim, **_named("pvcName", cluster.claim)}],
    }
    if cluster.ledger:
        secret = cluster.ledger
        keys = [{"secretKey": secret.key, "envVar": LEDGER}]
        each["secretAsEnv"] = [
            {"secretName": secret.name, "keyToEnv": keys, "optional": False, **_named("secretName", secret.name)}
        ]
    executors = {label: copy.deepcopy(each) for label in sorted(spec["deploymentSpec"]["executors"])}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _named(field: str, name: str) -> Document:
    return {f"{field}Parameter": {"runtimeValue": {"constant": name}}}
