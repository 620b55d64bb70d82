"""``client``: asks a model server about texts, with the client of the TFX environment."""

from collections.abc import Sequence

from airflow_bert_service.cli.places import ChosenPipeline, become, explain_where_asked, split_pipeline, tfx_environment

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
    name, arguments = split_pipeline(arguments)
    pipeline = ChosenPipeline.find(name)
    environment = tfx_environment("client", {MODEL_NAME: pipeline.name})
    become(pipeline.settings, _MODULE, arguments, environment, stay=True)
