"""`python3 -m scripts.compose_secrets [FOLDER]`: creates the container stack's secrets in `secrets/`.

Each secret is a file of its own, which docker-compose.yaml hands to the services that need it. A second call keeps
every secret, and adds missing ones. Runs on any Python from 3.8 and needs nothing installed.
"""

from __future__ import annotations

import base64
import secrets
import sys
from pathlib import Path
from typing import Callable, Mapping, Sequence

from scripts.errors import StackError
from scripts.secret_files import refused, write_secret_file

FOLDER = Path(__file__).resolve().parent.parent / "secrets"
OWNER_ONLY = 0o700
# Compose mounts a file as it is, and each service runs as a user of its own, which has to read it. On the machine the
# folder's mode keeps other users out.
READABLE = 0o644
SHORTEST = 12
"""Characters of a secret. A shorter one was cut off, or can be guessed."""


def _password() -> str:
    return secrets.token_urlsafe(24)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


MADE: Mapping[str, Callable[[], str]] = {
    "postgres_password": _password,
    "airflow_db_password": _password,
    "mlmd_db_password": _password,
    "ledger_db_password": _password,
    "redis_password": _password,
    "admin_password": _password,
    "grafana_password": _password,
    "jwt_secret": lambda: secrets.token_hex(32),
    "fernet_key": _fernet_key,
    "api_secret_key": lambda: secrets.token_hex(32),
}
"""The secrets: files by name, and what makes one."""

ADDRESSES: Mapping[str, str] = {
    "airflow_database": "postgresql+psycopg2://airflow:{airflow_db_password}@postgres:5432/airflow",
    "celery_broker": "redis://:{redis_password}@redis:6379/0",
    # Not in Airflow's database, so that workers need no way into it.
    "celery_results": "redis://:{redis_password}@redis:6379/1",
    "metadata": "postgresql://mlmd:{mlmd_db_password}@postgres:5432/mlmd",
    "ledger": "postgresql://ledger:{ledger_db_password}@postgres:5432/ledger",
}
"""The files with an address that has a secret in it; {NAME} stands for the secret."""

EARLIER: Mapping[str, str] = {
    "POSTGRES_PASSWORD": "postgres_password",
    "AIRFLOW_DB_PASSWORD": "airflow_db_password",
    "MLMD_DB_PASSWORD": "mlmd_db_password",
    "LEDGER_DB_PASSWORD": "ledger_db_password",
    "REDIS_PASSWORD": "redis_password",
    "ADMIN_PASSWORD": "admin_password",
    "GF_SECURITY_ADMIN_PASSWORD": "grafana_password",
    "AIRFLOW__API_AUTH__JWT_SECRET": "jwt_secret",
    "AIRFLOW__CORE__FERNET_KEY": "fernet_key",
    "AIRFLOW__API__SECRET_KEY": "api_secret_key",
}
"""The variables in files of variables (`*.env`), where secrets were before, and the secrets that they are."""
EARLIER_FILES = ("postgres.env", "redis.env", "airflow.env", "worker.env", "login.env", "grafana.env")


def ensure_secrets(folder: Path) -> None:
    """Write the files; existing secrets are kept.

    Raises:
        StackError: The folder is open to other users, or a secret's file is empty or cut off.
    """
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        raise StackError(f"{folder} is open to other users; it holds passwords. Run: chmod 700 {folder}")
    known = _read(folder)
    values = {name: known.get(name) or make() for name, make in MADE.items()}
    for name, value in values.items():
        write_secret_file(folder / name, value, replace=True, mode=READABLE)
    for name, form in ADDRESSES.items():
        write_secret_file(folder / name, form.format(**values), replace=True, mode=READABLE)
    for name in EARLIER_FILES:  # what they had is in the files above
        if (folder / name).exists():
            (folder / name).unlink()


def _read(folder: Path) -> dict[str, str]:
    files = [folder / name for name in EARLIER_FILES if (folder / name).exists()]
    pairs = [line.partition("=") for file in files for line in file.read_text().splitlines()]
    earlier = {EARLIER[name]: value for name, _, value in pairs if name in EARLIER}
    found = {name: (folder / name).read_text().strip() for name in MADE if (folder / name).exists()}
    for name, value in found.items():
        if len(value) < SHORTEST:
            raise refused(folder / name, f"it has {len(value)} characters; needed: {SHORTEST} or more")
    return {**earlier, **found}


def main(arguments: Sequence[str]) -> int:
    """Create the secrets, and print where the login is."""
    folder = Path(arguments[0]) if arguments else FOLDER
    try:
        ensure_secrets(folder)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The secrets are in {folder}. Log in as user admin with the password in {folder / 'admin_password'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
