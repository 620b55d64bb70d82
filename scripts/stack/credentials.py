"""Creates the stack's secrets once, in files that only their owner can read."""

import base64
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.secret_files import read_secret_file, refused, write_secret_file
from scripts.stack.paths import make_private_folder

USER = "admin"
LOGIN_FILE = "login.json"
MODEL_SERVER_KEY_FILE = "model_server_key"
SHORTEST = 32
"""Characters of a key; those that are made here have 64."""
FERNET_BYTES = 32


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
        StackError: The folder is open to other users, or a file is empty, cut off, or no secret of its kind.
    """
    make_private_folder(folder)
    return Credentials(
        jwt_secret=_long(folder / "jwt_secret"),
        fernet_key=_fernet_key(folder / "fernet_key"),
        api_secret_key=_long(folder / "api_secret_key"),
        password=_password(folder / LOGIN_FILE),
        model_server_key=_long(folder / MODEL_SERVER_KEY_FILE),
    )


def _long(path: Path) -> str:
    value = _ensure(path, secrets.token_hex(32))
    if len(value) < SHORTEST or " " in value:
        raise refused(path, f"it has {len(value)} characters; allowed: {SHORTEST} or more in one word")
    return value


def _fernet_key(path: Path) -> str:
    value = _ensure(path, base64.urlsafe_b64encode(secrets.token_bytes(FERNET_BYTES)).decode())
    with suppress(ValueError):
        if len(base64.urlsafe_b64decode(value)) == FERNET_BYTES:
            return value
    raise refused(path, f"it is no Fernet key, which is {FERNET_BYTES} bytes in URL-safe base64")


def _password(path: Path) -> str:
    # The form is the simple auth manager's: a JSON object from user to password.
    text = _ensure(path, json.dumps({USER: secrets.token_urlsafe(12)}))
    with suppress(ValueError, KeyError, TypeError):
        password = json.loads(text)[USER]
        if isinstance(password, str) and password:
            return password
    raise refused(path, f'it is no login; allowed: {{"{USER}": "PASSWORD"}}')


def _ensure(path: Path, value: str) -> str:
    """Return what the file holds; write `value` first where there is no file."""
    if not path.exists():
        write_secret_file(path, value + "\n", replace=False)
    return read_secret_file(path).strip()
