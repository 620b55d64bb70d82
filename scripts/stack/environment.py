"""Builds the environment variables of the stack's processes, and records them for commands beside the stack."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.stack.credentials import MODEL_SERVER_KEY_FILE, Credentials, ensure_credentials
from scripts.stack.lock import is_running
from scripts.stack.paths import StackPaths
from scripts.stack.ports import LOOPBACK, Ports

# Bytecode must be written, or every start is slow; the others would let another Python's packages in.
STRIPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
FEED_VARIABLES = {"FEED": "AIRFLOW__BERT_SERVICE__FEED", "IMDB_ARCHIVE": "AIRFLOW__BERT_SERVICE__IMDB_ARCHIVE"}

LAST_DAY_VARIABLE = "AIRFLOW__BERT_SERVICE__LAST_DAY"


@dataclass(frozen=True)
class Choices:
    """The ports and settings of one start of the stack."""

    ports: Ports = field(default_factory=Ports)
    node_socket: str = ""
    """Path of the node server's socket; empty where no stack runs: nodes get processes of their own then."""
    model_server: str = ""
    """Address of the model server's REST API; empty where no stack runs."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Overrides of settings, as environment variables ``AIRFLOW__BERT_SERVICE__...``."""

    def environment(self) -> dict[str, str]:
        """Return them as environment variables of Airflow (``AIRFLOW__SECTION__KEY``)."""
        url = f"http://{LOOPBACK}:{self.ports.ui}"
        return {
            "AIRFLOW__API__PORT": str(self.ports.ui),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__BERT_SERVICE__NODE_SOCKET": self.node_socket,
            "AIRFLOW__BERT_SERVICE__MODEL_SERVERS": self.model_server,
            **self.settings,
        }


def feed_settings(values: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the make variables FEED and IMDB_ARCHIVE; empty variables are left out."""
    given = {variable: values.get(variable, "") for variable in FEED_VARIABLES}
    return {FEED_VARIABLES[variable]: value for variable, value in given.items() if value}


def plain_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without the variables that disturb Python, for the TFX side's processes."""
    return {name: value for name, value in environ.items() if name not in STRIPPED}


def airflow_environment(
    paths: StackPaths, credentials: Credentials, chosen: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of Airflow's processes and commands.

    Args:
        paths: The stack's folders.
        credentials: Its secrets.
        chosen: :meth:`Choices.environment`, of this start or of the stack that runs.
        environ: The environment to build on.
    """
    return {
        **plain_environment(environ),
        "BERT_SERVICE_ROOT": str(paths.root),
        "BERT_SERVICE_STATE": str(paths.state),
        "AIRFLOW_HOME": str(paths.airflow_home),
        "AIRFLOW_CONFIG": str(paths.root / "airflow.cfg"),
        "AIRFLOW__BERT_SERVICE__MODEL_SERVER_KEY_FILE": str(paths.secrets / MODEL_SERVER_KEY_FILE),
        # Tasks talk to the API server on loopback, and must not look for it behind a proxy.
        "NO_PROXY": _without_proxy(environ),
        "no_proxy": _without_proxy(environ),
        **chosen,
        **credentials.environment(),
    }


def command_environment(paths: StackPaths, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command beside the stack: where that runs, its settings apply, else the defaults.

    What is not there yet is made: the state's folder, and the secrets.

    Args:
        paths: Where the stack lives.
        environ: The environment to build on.

    Raises:
        StackError: The folder of the secrets is open to other users.
    """
    paths.state.mkdir(parents=True, exist_ok=True)
    return airflow_environment(paths, ensure_credentials(paths.secrets), read_session(paths), environ)


def write_session(paths: StackPaths, choices: Choices) -> None:
    """Record the choices of the stack that now runs; no secret is among them."""
    partial = paths.session.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(choices.environment(), indent=1, sort_keys=True) + "\n")
    partial.rename(paths.session)


def read_session(paths: StackPaths) -> dict[str, str]:
    """Return the choices of the running stack at `paths`, or the default ones where none runs."""
    # A stack that was killed leaves its record behind, and no node server.
    if not is_running(paths) or not paths.session.exists():
        return Choices().environment()
    found: dict[str, str] = json.loads(paths.session.read_text())
    return found


def _without_proxy(environ: Mapping[str, str]) -> str:
    before = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    return ",".join([*filter(None, [before]), LOOPBACK, "localhost"])
