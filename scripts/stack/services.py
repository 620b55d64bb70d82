"""Defines the services of a stack, with their commands."""

from collections.abc import Mapping
from pathlib import Path

from scripts.stack.credentials import MODEL_SERVER_KEY_FILE
from scripts.stack.paths import StackPaths
from scripts.stack.pipeline import served_config
from scripts.stack.ports import LOOPBACK, Ports
from scripts.stack.processes import Service

# The pipeline's models take each row for itself, so that a large request need not hold up small ones.
ROWS_PER_RUN = "4"
# The log servers of scheduler and triggerer listen on all interfaces; the API server reads the log files itself here.
AIRFLOW_SERVICES = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def airflow_services(paths: StackPaths, environment: Mapping[str, str]) -> list[Service]:
    """Return Airflow's four processes."""
    return [
        _service(name, (str(paths.airflow), *arguments), paths, environment)
        for name, arguments in AIRFLOW_SERVICES.items()
    ]


def node_server(paths: StackPaths, socket: Path, environment: Mapping[str, str]) -> Service:
    """Return the server that has imported TFX already and forks a process per node."""
    command = (str(paths.tfx_python), "-m", "tfx_modules.node.server", "--socket", str(socket))
    return _service("node-server", command, paths, environment)


def model_address(ports: Ports, model: str) -> str:
    """Return the URL of a model's status at the model server."""
    return f"{server_address(ports)}/v1/models/{model}"


def server_address(ports: Ports) -> str:
    """Return the URL of the model server's REST API."""
    return f"http://{LOOPBACK}:{ports.rest}"


def model_server(paths: StackPaths, ports: Ports, environment: Mapping[str, str]) -> Service:
    """Return the server that answers queries with the newest pushed model; of several pipelines, that of each.

    Queries need the stack's key. The status needs none: a rollback waits for it, and it tells nothing but versions.
    """
    flags = {
        "--host": LOOPBACK,
        "--port": str(ports.grpc),
        "--rest_api_port": str(ports.rest),
        "--model_name": paths.pipeline,
        "--model_base_path": str(paths.models),
        "--api_key_file": str(paths.secrets / MODEL_SERVER_KEY_FILE),
        "--max_rows_per_run": ROWS_PER_RUN,
    }
    if config := served_config(paths.root / "dags", paths.state):
        flags["--model_config_file"] = str(config)
    arguments = [*(word for flag in flags.items() for word in flag), "--status_without_api_key"]
    return _service(
        "model-server", (str(paths.tfx_python), "-m", "tfx_modules.serving", *arguments), paths, environment
    )


def _service(name: str, command: tuple[str, ...], paths: StackPaths, environment: Mapping[str, str]) -> Service:
    return Service(name, command, environment, paths.root, paths.logs / f"{name}.log")
