"""``run-vertex``: submits the pipeline to Vertex AI."""

from collections.abc import Sequence
from typing import NoReturn

from airflow_bert_service.cli.kubeflow.tfx_command import become_compiler

COMMAND = "run-vertex"
_MODULE = "tfx_modules.vertex"


def main(arguments: Sequence[str]) -> NoReturn:
    """Replace this process with the command of the TFX environment.

    Args:
        arguments: Flags of ``python -m tfx_modules.vertex``, and ``--pipeline NAME``.

    Raises:
        SettingsError: There is no TFX environment, or no pipeline of this name.
    """
    become_compiler(_MODULE, arguments, COMMAND)
