"""Executes the commands of the TFX environment that need the library of Kubeflow Pipelines."""

from collections.abc import Sequence
from typing import NoReturn

from airflow_bert_service.cli.places import become, dags_folder, explain_where_asked, split_pipeline, tfx_environment
from airflow_bert_service.pipeline.folders import folder_of_pipeline
from airflow_bert_service.pipeline.source_digest import SETTINGS
from airflow_bert_service.pipelines.settings import check_settings
from airflow_bert_service.settings.settings import load_settings

_KFP = "kubeflow"
"""Name of the environment with kfp, beside the TFX environment."""


def become_compiler(module: str, arguments: Sequence[str], command: str) -> NoReturn:
    """Replace this process with a module of the TFX environment that compiles for Kubeflow Pipelines.

    Args:
        module: The module.
        arguments: Its flags, and ``--pipeline NAME``.
        command: The sub-command.

    Raises:
        SettingsError: There is no TFX environment, or no pipeline of this name.
    """
    explain_where_asked(module, arguments, command)
    name, arguments = split_pipeline(arguments)
    settings = load_settings()
    folder = folder_of_pipeline(dags_folder(settings), name)
    check_settings(folder)  # the container that refreshes the data reads them
    own = folder / SETTINGS
    defaults = [f"--kfp={settings.tfx_python.parents[2] / _KFP}"]
    if own.is_file():
        defaults.append(f"--settings={own}")
    become(settings, module, [*defaults, *arguments], tfx_environment(command), stay=True)
