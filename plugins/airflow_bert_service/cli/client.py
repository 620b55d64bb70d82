"""``client``: asks a model server about texts, with the client of the TFX environment."""

from collections.abc import Sequence

from airflow_bert_service.cli.places import become, dags_folder, explain_where_asked, tfx_environment
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.settings.settings import load_settings

MODEL_NAME = "MODEL_NAME"
"""Variable with the model that the client asks for where no flag names one."""
_MODULE = "tfx_modules.serving.client"


def main(arguments: Sequence[str]) -> int:
    """Replace this process with the client, which asks for this pipeline's model unless a flag changes that.

    Args:
        arguments: ``predict``, ``status`` or ``metadata``, and the client's flags.

    Raises:
        SettingsError: There is no TFX environment, or the pipeline's name is not allowed.
    """
    explain_where_asked(_MODULE, arguments, "client")
    settings = load_settings()
    environment = tfx_environment("client", {MODEL_NAME: pipeline_name(dags_folder(settings))})
    become(settings, _MODULE, arguments, environment, stay=True)
