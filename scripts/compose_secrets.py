"""`python3 -m scripts.compose_secrets [FOLDER]`: creates the container stack's secrets in `secrets/`.

Each service gets a file of its own, with only the secrets that it needs. A second call keeps every secret, and adds
missing ones. Runs on any Python from 3.8 and needs nothing installed.
"""

from __future__ import annotations

import base64
import secrets
import sys
from pathlib import Path
from typing import Callable, Mapping, Sequence

from scripts.errors import StackError
from scripts.secret_files import read_secret_file, refused, write_secret_file

FOLDER = Path(__file__).resolve().parent.parent / "secrets"
OWNER_ONLY = 0o700


def _password() -> str:
    return secrets.token_urlsafe(24)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


MADE: Mapping[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": _password,
    "AIRFLOW_DB_PASSWORD": _password,
    "MLMD_DB_PASSWORD": _password,
    "LEDGER_DB_PASSWORD": _password,
    "REDIS_PASSWORD": _password,
    "ADMIN_PASSWORD": _password,
    "GF_SECURITY_ADMIN_PASSWORD": _password,
    "AIRFLOW__API_AUTH__JWT_SECRET": lambda: secrets.token_hex(32),
    "AIRFLOW__CORE__FERNET_KEY": _fernet_key,
    "AIRFLOW__API__SECRET_KEY": lambda: secrets.token_hex(32),
}

_BROKER = {
    "AIRFLOW__CELERY__BROKER_URL": "redis://:{REDIS_PASSWORD}@redis:6379/0",
    # Not in Airflow's database, so that workers need no way into it.
    "AIRFLOW__CELERY__RESULT_BACKEND": "redis://:{REDIS_PASSWORD}@redis:6379/1",
}
_STORES = {
    "AIRFLOW__BERT_SERVICE__METADATA": "postgresql://mlmd:{MLMD_DB_PASSWORD}@postgres:5432/mlmd",
    "AIRFLOW__BERT_SERVICE__LEDGER": "postgresql://ledger:{LEDGER_DB_PASSWORD}@postgres:5432/ledger",
}


def _same(*names: str) -> dict[str, str]:
    return {name: "{" + name + "}" for name in names}


FILES: Mapping[str, Mapping[str, str]] = {
    "postgres.env": _same("POSTGRES_PASSWORD", "AIRFLOW_DB_PASSWORD", "MLMD_DB_PASSWORD", "LEDGER_DB_PASSWORD"),
    # The second is what redis-cli reads.
    "redis.env": {**_same("REDIS_PASSWORD"), "REDISCLI_AUTH": "{REDIS_PASSWORD}"},
    "airflow.env": {
        **_same("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://airflow:{AIRFLOW_DB_PASSWORD}@postgres:5432/airflow",
        **_BROKER,
        **_STORES,
    },
    "worker.env": {**_BROKER, **_STORES},
    "login.env": _same("ADMIN_PASSWORD"),
    "grafana.env": _same("GF_SECURITY_ADMIN_PASSWORD"),
}
"""The variables of each file; {NAME} stands for a secret."""


def ensure_secrets(folder: Path) -> None:
    """Write the files; existing secrets are kept.

    Raises:
        StackError: The folder is open to other users, or a file is empty, cut off, or lacks a value.
    """
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        raise StackError(f"{folder} is open to other users; it holds passwords. Run: chmod 700 {folder}")
    known = _read(folder)
    values = {name: known.get(name) or make() for name, make in MADE.items()}
    for name, variables in FILES.items():
        lines = [f"{variable}={form.format(**values)}\n" for variable, form in variables.items()]
        write_secret_file(folder / name, "".join(lines), replace=True)


def _read(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (folder / name for name in FILES):
        if path.exists():
            pairs = [line.partition("=") for line in read_secret_file(path).splitlines()]
            if empty := [name for name, _, value in pairs if name in MADE and not value]:
                raise refused(path, f"{', '.join(empty)} has no value")
            found.update((name, value) for name, _, value in pairs if name in MADE)
    return found


def main(arguments: Sequence[str]) -> int:
    """Create the secrets, and print where the login is."""
    folder = Path(arguments[0]) if arguments else FOLDER
    try:
        ensure_secrets(folder)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The secrets are in {folder}. Log in as user admin with the password in {folder / 'login.env'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
