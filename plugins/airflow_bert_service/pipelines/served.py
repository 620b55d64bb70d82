"""Writes which models a model server has, of several pipelines: TensorFlow Serving's ``ModelServerConfig`` as text."""

import json
from collections.abc import Iterable
from pathlib import Path

from airflow_bert_service.files import make_folder, publishing
from airflow_bert_service.settings.settings import Settings


def served_config(settings: Settings, pipelines: Iterable[str]) -> str:
    """Return a config with the model of each pipeline, under the pipeline's name.

    Args:
        settings: The Airflow side's settings: where models are.
        pipelines: The pipelines' names.
    """
    models = "".join(
        f"  config {{\n    name: {_text(name)}\n    base_path: {_text(str(settings.models_of(name)))}\n"
        '    model_platform: "tensorflow"\n  }\n'
        for name in pipelines
    )
    return f"model_config_list {{\n{models}}}\n"


def _text(value: str) -> str:
    # As it is: protobuf's text form does not have JSON's pairs of escapes for characters behind U+FFFF.
    return json.dumps(value, ensure_ascii=False)


def write_served(settings: Settings, pipelines: Iterable[str]) -> Path:
    """Write the config into the state folder; return the file.

    Raises:
        OSError: It cannot be written.
    """
    file = settings.state / "pipelines" / "models.config"
    make_folder(file.parent)
    with publishing(file) as part:
        part.write_text(served_config(settings, pipelines), encoding="utf-8")
    return file
