"""The parts that a stack is made of, as commands."""

from collections.abc import Mapping
from pathlib import Path

from scripts.stack.place import Place
from scripts.stack.ports import LOOPBACK, Ports
from scripts.stack.processes import Part

MODEL = "bert_sentiment"

# The log servers of scheduler and triggerer listen on all interfaces; the API server reads the log files itself here.
AIRFLOW_PARTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def airflow_parts(place: Place, environment: Mapping[str, str]) -> list[Part]:
    """Return Airflow's four processes."""
    return [
        _part(name, (str(place.airflow), *arguments), place, environment) for name, arguments in AIRFLOW_PARTS.items()
    ]


def node_server(place: Place, socket: Path, environment: Mapping[str, str]) -> Part:
    """Return the server that has imported TFX already and forks a process per node."""
    command = (str(place.tfx_python), "-m", "tfx_modules.node.server", "--socket", str(socket))
    return _part("node-server", command, place, environment)


def model_address(ports: Ports) -> str:
    """Return where the model server tells the model's state over REST."""
    return f"http://{LOOPBACK}:{ports.rest}/v1/models/{MODEL}"


def model_server(place: Place, ports: Ports, environment: Mapping[str, str]) -> Part:
    """Return the server that answers queries with the newest pushed model."""
    flags = {
        "--host": LOOPBACK,
        "--port": str(ports.grpc),
        "--rest_api_port": str(ports.rest),
        "--model_name": MODEL,
        "--model_base_path": str(place.models),
    }
    arguments = [word for flag in flags.items() for word in flag]
    return _part("model-server", (str(place.tfx_python), "-m", "tfx_modules.serving", *arguments), place, environment)


def _part(name: str, command: tuple[str, ...], place: Place, environment: Mapping[str, str]) -> Part:
    return Part(name, command, environment, place.root, place.logs / f"{name}.log")
