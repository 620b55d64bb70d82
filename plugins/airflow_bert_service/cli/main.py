"""Dispatches the command to a sub-command. It imports nothing of Airflow, so that ``--help`` is fast."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

from airflow_bert_service import __version__
from airflow_bert_service.exceptions import BertServiceError
from airflow_bert_service.installation import is_checkout, program


@dataclass(frozen=True)
class SubCommand:
    """A sub-command: a module beside this one with ``main(arguments) -> exit code``."""

    module: str
    help: str


SUB_COMMANDS: Mapping[str, SubCommand] = {
    "setup-tfx": SubCommand("setup_tfx", "build the TFX environment from the lock file with hashes"),
    "init": SubCommand("init", "write the DAG files and the pipeline's settings into a DAGs folder"),
    "compile": SubCommand("compile", "compile the pipeline for the DAG files of a DAGs folder"),
    "models": SubCommand("models", "show which model version is in service and why; roll back to another version"),
    "score": SubCommand("scoring.score", "score the texts of a day with a version of the model"),
    "retention": SubCommand("retention", "remove old versions, artifacts, reviews, scores and logs"),
    "backup": SubCommand(
        "backups.backup", "save the databases and the files of the state folder, while everything runs"
    ),
    "restore": SubCommand("backups.restore", "restore a backup into empty databases and an empty state folder"),
    "serve": SubCommand("serve", "start the model server, which answers over REST and gRPC"),
    "copy-models": SubCommand(
        "copies.copy_models", "copy a model's versions to an object store, or from there into a folder"
    ),
    "client": SubCommand("client", "ask a model server about texts; --model_name is this pipeline's by default"),
    "run-local": SubCommand(
        "local.run_local", "run the pipeline once in one process, without Airflow's processes, for debugging"
    ),
    "compile-kubeflow": SubCommand(
        "kubeflow.compile_kubeflow", "compile the pipeline to a spec for Kubeflow Pipelines"
    ),
    "run-vertex": SubCommand(
        "kubeflow.run_vertex", "submit the pipeline to Vertex AI, where every node is a custom job"
    ),
    "deploy-vertex": SubCommand(
        "kubeflow.deploy_vertex", "have an endpoint of Vertex AI serve the version that is in service"
    ),
    "node-server": SubCommand("node_server", "start the server that runs nodes without importing TFX each time"),
    "doctor": SubCommand("doctor", "check the installation; the exit code is 1 when a check fails"),
}
_AIRFLOW = "airflow"
_AIRFLOW_HELP = "Airflow's own command, with the environment of this project's stack"


def run() -> NoReturn:
    """Run the command with the process's own arguments, and exit."""
    # As Airflow's own commands do: connections are looked up in Airflow's database too.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run a sub-command.

    Args:
        arguments: The sub-command's name, and its arguments.

    Returns:
        The exit code: 0 for success, 1 for an error, 2 for a wrong command line, 130 after Ctrl-C.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else 2
    name, *own = arguments
    if name == "--version":
        print(f"{program()} {__version__}")
        return 0
    if name not in SUB_COMMANDS:
        known = ", ".join(names())
        print(f"{program()} has no sub-command {name!r}; allowed: {known}. Use one of these.", file=sys.stderr)
        return 2
    try:
        return int(import_module(f"{__package__}.{SUB_COMMANDS[name].module}").main(own))
    except BertServiceError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program()} {name} was interrupted.", file=sys.stderr)
        return 130


def names() -> list[str]:
    """Return the names of the sub-commands; in a checkout, ``scripts/bert`` has Airflow's command too."""
    return [*([_AIRFLOW] if is_checkout() else []), *SUB_COMMANDS]


def usage() -> str:
    """Return the help text."""
    helps = {**{name: item.help for name, item in SUB_COMMANDS.items()}, _AIRFLOW: _AIRFLOW_HELP}
    lines = [f"  {name:<16} {helps[name]}" for name in names()]
    return "\n".join(
        [
            f"usage: {program()} SUB-COMMAND [FLAGS]",
            "",
            "BERT as a Service on Airflow.",
            "",
            "sub-commands:",
            *lines,
            "",
            f"`{program()} SUB-COMMAND --help` explains one of them. `{program()} --version` prints the version.",
        ]
    )
