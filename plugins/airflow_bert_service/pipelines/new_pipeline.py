"""Writes the settings file and the DAG file of a further pipeline. It overwrites nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.files import publishing
from airflow_bert_service.installation import PIPELINES
from airflow_bert_service.pipeline.folders import usable_pipelines
from airflow_bert_service.pipeline.name import check_name
from airflow_bert_service.pipeline.source_digest import SETTINGS
from airflow_bert_service.pipeline.task import BINARY, Task

_SETTINGS = """\
# The pipeline {name}. After a change, run: {compile}
# What is left out keeps its default. The docs describe every setting on the page "Settings".
name = "{name}"  # the name of this folder, of the DAG, and of the model at the model server

[task]  # what the model tells of a text
{task}

# Which data this pipeline has, and what it has otherwise than the others: keys of [bert_service] in airflow.cfg.
[bert_service]
{data}
{hints}

{encoder}

# [training]
# epochs = 2

# [gate]
# accuracy_floor = 0.7   # lowest accuracy that may be served
# promote = "not_worse"  # or "better"
"""
_HINTS = {
    "holdout": '"/data/{name}/holdout.csv"  # labelled texts that are never trained on; candidates are judged by them',
    "window_days": "14   # days that a run trains on",
    "schedule_weekdays": '["monday"]  # a run for each Monday; without it, for every day',
    "keep_versions": "5  # versions of the model that retention keeps; the other keys keep_* may stand here, too",
}
"""What may be added to the table, as comments: those keys that are not set."""
_ENCODER = "/models/bert-base-uncased"
_TOKENS = "# max_tokens = 256  # longest input, in WordPieces"
_DAG_FILE = '''\
"""The DAGs {name}, {name}_retention, {name}_rollback and {name}_scoring, by the settings.toml beside this file."""

from pathlib import Path

from airflow_bert_service.dag.pipeline_dags import pipeline_dags

dag, retention, rollback = pipeline_dags(Path(__file__).parent)
'''


@dataclass(frozen=True, kw_only=True)
class NewPipeline:
    """What a new pipeline begins with."""

    name: str
    task: Task = field(default_factory=Task)
    data: Mapping[str, str] = field(default_factory=dict)
    """Keys of ``[bert_service]`` that say which data it has; none: the sample feed."""
    encoder: str = ""
    """The pretrained encoder, as ``encoder.source`` names it; empty: the default's."""

    def write(self, dags: Path, *, compile_command: str) -> tuple[Path, Path]:
        """Write the files into a folder of their own, the settings first.

        Args:
            dags: The folder of the DAG files.
            compile_command: How a user compiles, for the file's head.

        Returns:
            The settings file, and the DAG file.

        Raises:
            SettingsError: The name is not allowed, the folder is there, another pipeline has the name, or the files
                cannot be written.
        """
        check_name(self.name, "the new pipeline", "Choose another; a folder is written with a slash, like ./dags.")
        folder = dags / PIPELINES / self.name
        if folder.exists():
            raise SettingsError(
                f"{folder} exists already; allowed: the name of a new pipeline. Edit {folder / SETTINGS}, or choose "
                "another name. Nothing was written."
            )
        if self.name in usable_pipelines(dags):
            raise SettingsError(
                f"the pipeline in {dags} has the name {self.name} already; allowed: the name of a new pipeline, since "
                "both would share models and events. Choose another name. Nothing was written."
            )
        settings, dag_file = folder / SETTINGS, folder / f"{self.name}.py"
        try:
            folder.mkdir(parents=True)
            _write(settings, self._settings(compile_command))
            _write(dag_file, _DAG_FILE.format(name=self.name))
        except OSError as error:
            raise SettingsError(
                f"{folder} cannot be written ({error.strerror}); allowed: a DAGs folder that this user can write to. "
                "Name another folder, or run the command as a user who can."
            ) from error
        return settings, dag_file

    def _settings(self, compile_command: str) -> str:
        data = "\n".join(f"{key} = {_toml(value)}" for key, value in (self.data or {"feed": "sample"}).items())
        hints = "\n".join(f"# {key} = {hint}" for key, hint in _HINTS.items() if key not in self.data)
        return _SETTINGS.format(
            name=self.name,
            compile=compile_command,
            task=self._task(),
            data=data,
            hints=hints.format(name=self.name),
            encoder=self._encoder(),
        )

    def _encoder(self) -> str:
        lines = ["[encoder]", f"source = {_toml(self.encoder or _ENCODER)}  # a folder of Hugging Face's", _TOKENS]
        return "\n".join(lines if self.encoder else [f"# {line.removeprefix('# ')}" for line in lines])

    def _task(self) -> str:
        lines = [f"kind = {_toml(self.task.kind)}", f"labels = [{', '.join(map(_toml, self.task.labels))}]"]
        if self.task.kind == BINARY:
            lines.append(f"positive = {_toml(self.task.positive)}  # the label that the score is the probability of")
        return "\n".join(lines)


def _write(file: Path, text: str) -> None:
    with publishing(file) as part:
        part.write_text(text, encoding="utf-8")


def _toml(text: str) -> str:
    """Return a text as TOML has it: its escapes are JSON's, and it asks for one more, of the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
