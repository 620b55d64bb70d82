"""``compile-kubeflow``: compiles the pipeline to a spec for Kubeflow Pipelines."""

from collections.abc import Sequence
from typing import NoReturn

from airflow_bert_service.cli.kubeflow.tfx_command import become_compiler

COMMAND = "compile-kubeflow"
_MODULE = "tfx_modules.kubeflow.compile"


def main(arguments: Sequence[str]) -> NoReturn:
    """Replace this process with the compiler of the TFX environment.

    Args:
        arguments: Flags of ``python -m tfx_modules.kubeflow.compile``, and ``--pipeline NAME``.

    Raises:
        SettingsError: There is no TFX environment, or no pipeline of this name.
    """
    become_compiler(_MODULE, arguments, COMMAND)
