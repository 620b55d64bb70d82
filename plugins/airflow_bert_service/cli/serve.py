"""``serve``: starts the model server of the TFX environment."""

from collections.abc import Sequence

from airflow_bert_service.cli.places import become, dags_folder, explain_where_asked, tfx_environment
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.settings.settings import Settings, load_settings

_MODULE = "tfx_modules.serving"


def main(arguments: Sequence[str]) -> int:
    """Replace this process with the model server, which serves the champion on loopback unless a flag changes that.

    Args:
        arguments: Flags of ``tensorflow_model_server``; they override the defaults.

    Raises:
        SettingsError: There is no TFX environment, or the pipeline's name is not allowed.
    """
    explain_where_asked(_MODULE, arguments, "serve")
    settings = load_settings()
    become(settings, _MODULE, [*_defaults(settings), *arguments], tfx_environment("serve"), stay=True)


def _defaults(settings: Settings) -> list[str]:
    name = pipeline_name(dags_folder(settings))
    return [
        "--host=127.0.0.1",
        f"--model_name={name}",
        f"--model_base_path={settings.models_of(name)}",
        # The pipeline's models take each row for itself, so that a large request need not hold up small ones.
        "--max_rows_per_run=4",
    ]
