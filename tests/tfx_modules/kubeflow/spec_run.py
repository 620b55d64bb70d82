"""Runs tasks of a compiled spec in this process, each with the executor input that Kubeflow Pipelines would give it."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx_modules.kubeflow.__main__ import parse


class SpecRun:
    """A run of a spec; what a task has made is passed on as Kubeflow Pipelines does: address, name and metadata.

    Args:
        spec: The pipeline spec.
        folder: Where artifacts are kept.
        values: What the task that refreshes the data returns.
    """

    def __init__(self, spec: dict[str, Any], folder: Path, values: Mapping[str, str]) -> None:
        self._spec = spec
        self._folder = folder
        self._values = values
        self._made: dict[tuple[str, str], dict[str, Any]] = {}

    def run(self, task: str) -> dict[str, dict[str, Any]]:
        """Run a task; return its artifacts by name."""
        # Here, since it imports kfp.
        from tfx_modules.kubeflow.node import NodeCall, run_node

        executor_input = self._executor_input(task)
        container = self._spec["deploymentSpec"]["executors"][f"exec-{task}"]["container"]
        arguments = [json.dumps(executor_input) if item == "{{$}}" else item for item in container["args"]]
        environment = {item["name"]: item["value"] for item in container["env"]}
        run_node(NodeCall.of(*parse(arguments)), environment)
        told = json.loads(Path(executor_input["outputs"]["outputFile"]).read_text(encoding="utf-8"))
        for name, listed in told.get("artifacts", {}).items():
            (artifact,) = listed["artifacts"]
            assert artifact["uri"] == str(self._folder / task / name)
            self._made[task, name] = {**artifact, "name": str(len(self._made) + 1)}
        return {name: self._made[maker, name] for maker, name in self._made if maker == task}

    def _executor_input(self, task: str) -> dict[str, Any]:
        inputs = self._spec["root"]["dag"]["tasks"][task].get("inputs", {})
        outputs = self._spec["components"][f"comp-{task}"].get("outputDefinitions", {}).get("artifacts", {})
        return {
            "inputs": {
                "parameterValues": {key: self._value(source) for key, source in inputs.get("parameters", {}).items()},
                "artifacts": {
                    key: {"artifacts": [self._artifact(source["taskOutputArtifact"])]}
                    for key, source in inputs.get("artifacts", {}).items()
                },
            },
            "outputs": {
                "outputFile": str(self._folder / task / "executor_output.json"),
                "artifacts": {
                    key: {"artifacts": [{"uri": str(self._folder / task / key), "type": found["artifactType"]}]}
                    for key, found in outputs.items()
                },
            },
        }

    def _value(self, source: dict[str, Any]) -> Any:
        if "runtimeValue" in source:
            return source["runtimeValue"]["constant"]
        return self._values[source["taskOutputParameter"]["outputParameterKey"]]

    def _artifact(self, source: dict[str, str]) -> dict[str, Any]:
        return copy.deepcopy(self._made[source["producerTask"], source["outputArtifactKey"]])
