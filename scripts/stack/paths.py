"""Defines the folders of a stack: the project's folder and the state folder."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scripts.errors import StackError
from scripts.stack.pipeline import pipeline_name

PROJECT_ROOT = Path(__file__).resolve().parents[2]
STATE_VARIABLE = "BERT_SERVICE_STATE"
RESTORING = ".restore-unfinished"
"""A file in the state folder, from the beginning of a restore to its end."""
OWNER_ONLY = 0o700


@dataclass(frozen=True)
class StackPaths:
    """The folders of one stack. Two stacks with different state folders do not touch each other."""

    root: Path
    """The project folder."""
    state: Path
    """Databases, logs, secrets, reviews and models of this stack."""

    @property
    def airflow_python(self) -> Path:
        """Python of the Airflow environment."""
        return self.root / ".venv" / "airflow" / "bin" / "python"

    @property
    def airflow(self) -> Path:
        """Airflow's command line program."""
        return self.root / ".venv" / "airflow" / "bin" / "airflow"

    @property
    def tfx_python(self) -> Path:
        """Python of the TFX environment."""
        return self.root / ".venv" / "tfx" / "bin" / "python"

    @property
    def airflow_home(self) -> Path:
        """Airflow's database, and what it generates."""
        return self.state / "airflow"

    @property
    def logs(self) -> Path:
        """One log file for each service of the stack; ``tasks/`` below it holds the tasks' logs."""
        return self.state / "logs"

    @property
    def secrets(self) -> Path:
        """Keys and the login, readable by their owner only."""
        return self.state / "secrets"

    @cached_property
    def pipeline(self) -> str:
        """The pipeline's name, as it was when this object was first asked for it.

        Raises:
            StackError: The pipeline's settings cannot be read, or the name is not allowed.
        """
        return pipeline_name(self.root / "dags")

    @property
    def models(self) -> Path:
        """Where the Pusher publishes and the model server looks: one folder a version."""
        return self.state / "models" / self.pipeline

    @property
    def session(self) -> Path:
        """File with the settings of the running stack, for commands beside it (:mod:`scripts.stack.environment`)."""
        return self.state / "session.json"


def find_paths(environ: Mapping[str, str], root: Path = PROJECT_ROOT) -> StackPaths:
    """Return the folders of the stack: the state is in ``$BERT_SERVICE_STATE``, else in ``var/`` of the project."""
    chosen = environ.get(STATE_VARIABLE)
    return StackPaths(root, Path(chosen).expanduser().resolve() if chosen else root / "var")


def socket_path(paths: StackPaths, environ: Mapping[str, str]) -> Path:
    """Return the path of the node server's socket, in a folder of its own that is derived from the state's path.

    It is not inside the state folder, since that may be deep down, and a Unix socket's path ends at 107 bytes.
    """
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    parent = Path(runtime) if runtime and Path(runtime).is_dir() else Path(tempfile.gettempdir())
    digest = hashlib.sha256(bytes(paths.state)).hexdigest()[:12]
    return parent / f"bert-service-{os.geteuid()}-{digest}" / "node.sock"


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter.

    Raises:
        StackError: It exists and is somebody else's, or open to others.
    """
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise StackError(
            f"{folder} must be a folder of this user with mode 0700; it has owner {found.st_uid} and mode "
            f"{stat.S_IMODE(found.st_mode):04o}. Remove it, then repeat."
        )
