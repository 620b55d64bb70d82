"""Checks the TFX environment, and has it check the encoder and the databases that nodes open."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_bert_service.cli.checks.finding import Finding
from airflow_bert_service.cli.places import tfx_environment
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import MODULES, command
from airflow_bert_service.pipeline.name import settings_file
from airflow_bert_service.settings.database_url import database_url
from airflow_bert_service.settings.settings import Settings

_SECONDS = 120.0
_PYTHON = "3.11"
_LOCK = Path("requirements/tfx.txt")
_ASK_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def tfx_side(settings: Settings, dags: Path, further: Sequence[Path] = ()) -> Iterator[Finding]:
    """Check the TFX environment; where it runs, it checks each pipeline's settings and encoder, and the databases.

    Args:
        settings: The Airflow side's settings.
        dags: The folder of the DAG files.
        further: The folders of further pipelines.
    """
    python = _python(settings)
    yield python
    if python.is_wrong:
        return
    try:
        request = _request(settings, dags, further)
    except SettingsError as error:
        yield Finding("database connection", str(error), "add the connection, or correct the setting")
        return
    yield from _asked(settings, request)


def _python(settings: Settings) -> Finding:
    setup = f"run `{command('setup-tfx')}`, or set [bert_service] tfx_python"
    if not settings.tfx_python.exists():
        return Finding("TFX environment", f"{settings.tfx_python} does not exist", setup)
    done = _run([str(settings.tfx_python), "-I", "-c", _ASK_VERSION], settings)
    found = done.stdout.strip()
    if done.returncode != 0 or found != _PYTHON:
        got = (
            f"Python {found}" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it does not run"])[-1]
        )
        return Finding("TFX environment", f"{settings.tfx_python}: {got}, not Python {_PYTHON}", setup)
    return Finding("TFX environment", f"{settings.tfx_python}, Python {found}")


def _request(settings: Settings, dags: Path, further: Sequence[Path]) -> dict[str, Any]:
    return {
        "lock": str(settings.root / _LOCK),
        "settings": str(settings_file(dags)),
        "further": {folder.name: str(settings_file(folder)) for folder in further},
        "metadata": database_url(settings.metadata),
        "ledger": database_url(settings.ledger),
        "artifact_store": settings.artifacts.artifact_store,
    }


def _asked(settings: Settings, request: dict[str, Any]) -> Iterator[Finding]:
    # By a pipe: addresses may hold passwords.
    done = _run([str(settings.tfx_python), "-m", f"{MODULES}.doctor"], settings, json.dumps(request))
    try:
        found = [Finding(**item) for item in json.loads(done.stdout)]
    except (ValueError, TypeError):
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        yield Finding("TFX environment", f"cannot check itself: {last}", f"rebuild it: `{command('setup-tfx')}`")
        return
    yield from found


def _run(words: list[str], settings: Settings, text: str = "") -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            words,
            cwd=settings.root,
            env=tfx_environment("doctor"),
            input=text,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, returncode=1, stdout="", stderr=str(error))
