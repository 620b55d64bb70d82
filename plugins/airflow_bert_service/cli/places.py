"""What sub-commands have in common: where DAG files are, and how they become a command of the TFX environment."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from airflow_bert_service.clients.process import node_environment
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import PACKAGED, command
from airflow_bert_service.settings.settings import Settings

PROGRAM_VARIABLE = "BERT_SERVICE_PROGRAM"
"""Tells a command of the TFX environment how the user has called it."""


def dags_folder(settings: Settings) -> Path:
    """Return the folder of the DAG files: ``dags`` of the project's folder; with an installed wheel, Airflow's own."""
    if settings.root != PACKAGED:
        return settings.root / "dags"
    from airflow.configuration import conf

    return Path(conf.get("core", "dags_folder")).expanduser().absolute()


def tfx_environment(name: str, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a command of the TFX environment: without Airflow's variables and Python's.

    Args:
        name: The sub-command that starts it.
        variables: More variables.
    """
    return {**node_environment(os.environ), PROGRAM_VARIABLE: command(name), **(variables or {})}


def check_tfx_python(settings: Settings) -> None:
    """See that there is a TFX environment.

    Raises:
        SettingsError: There is none where the settings say.
    """
    if not settings.tfx_python.exists():
        raise SettingsError(
            f"[bert_service] tfx_python is {str(settings.tfx_python)!r}, which is not there; allowed: the Python of "
            f"the TFX environment. Run `{command('setup-tfx')}`, or set it."
        )


def become(settings: Settings, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Go on as a module of the TFX environment, in this process's stead.

    Raises:
        SettingsError: There is no TFX environment.
    """
    check_tfx_python(settings)
    sys.stdout.flush()
    os.chdir(settings.root)
    words = [str(settings.tfx_python), "-m", module, *arguments]
    os.execve(words[0], words, dict(environment))  # noqa: S606 (no shell on purpose)
