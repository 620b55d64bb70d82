"""``serve``: starts the model server of the TFX environment."""

from collections.abc import Sequence

from airflow_bert_service.cli.places import (
    ChosenPipeline,
    become,
    dags_folder,
    explain_where_asked,
    split_pipeline,
    tfx_environment,
)
from airflow_bert_service.pipeline.folders import further_folders, usable_pipelines
from airflow_bert_service.pipelines.served import write_served

_MODULE = "tfx_modules.serving"


def main(arguments: Sequence[str]) -> int:
    """Replace this process with the model server, which serves the champion on loopback unless a flag changes that.

    Of several pipelines, it serves the champion of each, unless a flag names one.

    Args:
        arguments: Flags of ``tensorflow_model_server``; they override the defaults.

    Raises:
        SettingsError: There is no TFX environment, or the pipeline's name is not allowed.
    """
    explain_where_asked(_MODULE, arguments, "serve")
    name, arguments = split_pipeline(arguments)
    pipeline = ChosenPipeline.find(name)
    defaults = [*_defaults(pipeline), *([] if _name_models(arguments) else _of_several(pipeline))]
    become(pipeline.settings, _MODULE, [*defaults, *arguments], tfx_environment("serve"), stay=True)


def _name_models(arguments: Sequence[str]) -> bool:
    return any(word.startswith(("--model_name", "--model_base_path", "--model_config_file")) for word in arguments)


def _of_several(pipeline: ChosenPipeline) -> list[str]:
    dags = dags_folder(pipeline.settings)
    if pipeline.is_named or not further_folders(dags):
        return []
    return [f"--model_config_file={write_served(pipeline.settings, usable_pipelines(dags))}"]


def _defaults(pipeline: ChosenPipeline) -> list[str]:
    return [
        "--host=127.0.0.1",
        f"--model_name={pipeline.name}",
        f"--model_base_path={pipeline.settings.models_of(pipeline.name)}",
        # The pipeline's models take each row for itself, so that a large request need not hold up small ones.
        "--max_rows_per_run=4",
    ]
