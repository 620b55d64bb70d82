"""Creates the stack's secrets once, in files that only their owner can read."""

import base64
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.stack.paths import make_private_folder

USER = "admin"
LOGIN_FILE = "login.json"
MODEL_SERVER_KEY_FILE = "model_server_key"
OWNER_READS = 0o600


@dataclass(frozen=True)
class Credentials:
    """Keys that Airflow's processes share, and the login of the one user."""

    jwt_secret: str = field(repr=False)
    """Signs the tokens that tasks and API clients show."""
    fernet_key: str = field(repr=False)
    """Encrypts connections and variables in the database."""
    api_secret_key: str = field(repr=False)
    """Signs the UI's sessions."""
    password: str = field(repr=False)
    """Of the user ``admin``."""
    model_server_key: str = field(repr=False)
    """What requests to the model server carry; every user of the machine reaches its ports."""

    def environment(self) -> dict[str, str]:
        """Return the variables of Airflow's processes; they read the password from the login file."""
        return {
            "AIRFLOW__API_AUTH__JWT_SECRET": self.jwt_secret,
            "AIRFLOW__CORE__FERNET_KEY": self.fernet_key,
            "AIRFLOW__API__SECRET_KEY": self.api_secret_key,
        }


def ensure_credentials(folder: Path) -> Credentials:
    """Return the secrets in `folder`; missing ones are created.

    Raises:
        StackError: The folder is open to other users.
    """
    make_private_folder(folder)
    return Credentials(
        jwt_secret=_ensure(folder / "jwt_secret", secrets.token_hex(32)),
        # A Fernet key is 32 bytes in URL-safe base64.
        fernet_key=_ensure(folder / "fernet_key", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()),
        api_secret_key=_ensure(folder / "api_secret_key", secrets.token_hex(32)),
        # The form is the simple auth manager's: a JSON object from user to password.
        password=json.loads(_ensure(folder / LOGIN_FILE, json.dumps({USER: secrets.token_urlsafe(12)})))[USER],
        model_server_key=_ensure(folder / MODEL_SERVER_KEY_FILE, secrets.token_hex(32)),
    )


def _ensure(path: Path, value: str) -> str:
    """Return what the file holds; write `value` first where there is no file."""
    if not path.exists():
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with open(partial, "w", opener=_open_for_owner) as file:
            file.write(value + "\n")
        # Not by rename: of two commands that start together, both must end with the first one's value.
        with suppress(FileExistsError):
            path.hardlink_to(partial)
        partial.unlink()
    return path.read_text().strip()


def _open_for_owner(name: str, flags: int) -> int:
    return os.open(name, flags, OWNER_READS)
