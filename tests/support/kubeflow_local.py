"""Runs a compiled spec with Kubeflow Pipelines' own local runner, in the environment that has kfp.

    .venv/kubeflow/bin/python tests/support/kubeflow_local.py SPEC.yaml ROOT ARGUMENTS.json PYTHONS.json

kfp orders the tasks, makes the executor input of each, fills the placeholders of its command and reads its outputs. It
runs containers in Docker alone; here the containers' commands are processes, with the variables that the spec gives
them, and with the Pythons of this machine in place of the image's.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import kfp
import yaml
from kfp import components, local
from kfp.local import status, subprocess_task_handler

SPEC, ROOT, ARGUMENTS, PYTHONS = (Path(argument) for argument in sys.argv[1:5])
PROJECT = Path(__file__).parents[2]


def variables() -> dict[tuple[str, str], dict[str, str]]:
    """Return the variables of each container, by its command and what tells it from the others."""
    document = next(yaml.safe_load_all(SPEC.read_text(encoding="utf-8")))
    found = {}
    for executor in document["deploymentSpec"]["executors"].values():
        container = executor["container"]
        found[_key([*container["command"], *container["args"]])] = {
            item["name"]: item["value"].replace("/opt/bert-service", str(PROJECT)) for item in container["env"]
        }
    return found


def _key(command: list[str]) -> tuple[str, str]:
    return command[2], command[4]  # the module, and the executor's class or the pipeline


class Processes(subprocess_task_handler.SubprocessTaskHandler):  # type: ignore[misc]
    """Runs the command of any container as a process."""

    def __init__(self, image: str, full_command: list[str], pipeline_root: str, runner: Any) -> None:  # noqa: ARG002
        self._command = full_command

    def run(self) -> status.Status:
        """Run it."""
        pythons = json.loads(PYTHONS.read_text(encoding="utf-8"))
        command = [pythons[self._command[0]], *self._command[1:]]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        given = dict(ENVIRONMENTS[_key(self._command)])
        with tempfile.TemporaryDirectory() as folder:
            # The worker image has kfp's protocol buffers in its TFX environment.
            Path(folder, "kfp").symlink_to(Path(kfp.__file__).parent)
            given["PYTHONPATH"] += f":{folder}"
            done = subprocess.run(command, cwd=PROJECT, env={**environment, **given}, check=False)
        return status.Status.SUCCESS if done.returncode == 0 else status.Status.FAILURE


ENVIRONMENTS = variables()
subprocess_task_handler.SubprocessTaskHandler = Processes
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(ROOT))
component = components.load_component_from_file(str(SPEC))
component(**json.loads(ARGUMENTS.read_text(encoding="utf-8")))
