"""``deploy-vertex``: has an endpoint of Vertex AI serve the version that is in service."""

from collections.abc import Sequence
from typing import NoReturn

from airflow_bert_service.cli.places import ChosenPipeline, become, explain_where_asked, split_pipeline, tfx_environment
from airflow_bert_service.clients.ledger import PromotionEnvironment, promotion_environment

COMMAND = "deploy-vertex"
_MODULE = "tfx_modules.vertex.endpoint"


def main(arguments: Sequence[str]) -> NoReturn:
    """Replace this process with the command of the TFX environment, which gets the pipeline's ledger.

    Args:
        arguments: Flags of ``python -m tfx_modules.vertex.endpoint``, and ``--pipeline NAME``.

    Raises:
        SettingsError: There is no TFX environment, or no pipeline of this name.
    """
    explain_where_asked(_MODULE, arguments, COMMAND)
    name, arguments = split_pipeline(arguments)
    pipeline = ChosenPipeline.find(name)
    settings = pipeline.settings
    where = PromotionEnvironment.of(settings.root, settings, pipeline.name)
    become(settings, _MODULE, arguments, tfx_environment(COMMAND, promotion_environment(where)), stay=True)
