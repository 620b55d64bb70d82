"""Finds the DAGs folder and a pipeline, and executes commands of the TFX environment; for several sub-commands."""

import argparse
import itertools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from airflow_bert_service import installation
from airflow_bert_service.clients.process import node_environment
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import command, is_further, project_root, require_tfx_python
from airflow_bert_service.pipeline.folders import folder_of_pipeline
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.pipelines.settings import pipeline_settings
from airflow_bert_service.settings.settings import Settings, load_settings

PROGRAM_VARIABLE = "BERT_SERVICE_PROGRAM"
"""Variable with the command that the user typed, for the messages of a command of the TFX environment."""


def dags_folder(settings: Settings) -> Path:
    """Return the DAGs folder: ``dags`` in the project's folder; with an installed wheel, Airflow's own."""
    return installation.dags_folder(settings.root)


@dataclass(frozen=True)
class ChosenPipeline:
    """The pipeline that a command is about."""

    name: str
    settings: Settings
    is_named: bool
    """Whether the command line names it."""

    @classmethod
    def find(cls, name: str | None, *, restoring: bool = False) -> "ChosenPipeline":
        """Find a pipeline and its settings.

        Args:
            name: What the flag ``--pipeline`` names; None: the pipeline of the DAGs folder.
            restoring: As for :func:`airflow_bert_service.settings.settings.load_settings`.

        Raises:
            SettingsError: There is no pipeline of this name, or a setting is wrong.
        """
        settings = load_settings(restoring=restoring)
        folder = folder_of_pipeline(dags_folder(settings), name)
        own = pipeline_settings(folder, restoring=restoring) if is_further(folder) else settings
        return cls(pipeline_name(folder), own, name is not None)


def split_pipeline(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take ``--pipeline NAME`` out of the arguments of a command that the TFX environment reads.

    Returns:
        The name, None for none; and the other arguments. Those behind ``--`` are no flags.
    """
    flags = list(itertools.takewhile(lambda word: word != "--", arguments))
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--pipeline", metavar="NAME")
    found, others = parser.parse_known_args(flags)
    return found.pipeline, [*others, *arguments[len(flags) :]]


def tfx_environment(name: str, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables for a command of the TFX environment: without Airflow's and Python's.

    Args:
        name: The sub-command that starts it.
        variables: More variables.
    """
    return {**node_environment(os.environ), PROGRAM_VARIABLE: command(name), **(variables or {})}


def explain_where_asked(module: str, arguments: Sequence[str], name: str) -> None:
    """End this process with the help of a command of the TFX environment, where that is asked for.

    The environment need not be there: what declares the commands' arguments imports nothing that Airflow's environment
    lacks, so that this Python runs it. No setting is read.

    Args:
        module: As for :func:`become`.
        arguments: Its arguments.
        name: The sub-command.
    """
    flags = itertools.takewhile(lambda word: word != "--", arguments)
    if not any(word in ("-h", "--help") for word in flags):
        return
    words = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(words, cwd=project_root(), env=tfx_environment(name), check=False)
    if done.returncode == 0:
        print(f"\n`{command(name)} --pipeline NAME ...` is about another pipeline than that of the DAGs folder.")
    sys.exit(done.returncode)


def become(
    settings: Settings, module: str, arguments: Sequence[str], environment: Mapping[str, str], *, stay: bool = False
) -> NoReturn:
    """Replace this process with a module of the TFX environment (exec).

    Args:
        settings: The Airflow side's settings.
        module: The module, with ``tfx_modules.`` before it.
        arguments: Its arguments.
        environment: Its environment variables.
        stay: Whether it runs in the user's working folder, where the relative paths of its flags count from, and not
            in ``root``.

    Raises:
        SettingsError: There is no TFX environment.
    """
    require_tfx_python(settings.tfx_python, SettingsError)
    sys.stdout.flush()
    variables = {**environment, **({"PYTHONPATH": str(settings.root)} if stay else {})}
    if not stay:
        os.chdir(settings.root)
    words = [str(settings.tfx_python), "-m", module, *arguments]
    os.execve(words[0], words, variables)  # noqa: S606 (no shell on purpose)
