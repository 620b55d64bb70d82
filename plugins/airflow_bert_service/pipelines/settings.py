"""Reads the Airflow side's settings of a pipeline: ``[bert_service]`` in airflow.cfg, and a further pipeline's own.

A further pipeline's settings file has a table ``[bert_service]``. Its keys are those of the section in airflow.cfg:

- what says which data it has (:data:`DATA`), which it takes from nowhere else;
- how long things are kept, how long tasks may take, and the like (:data:`RULES`), which goes before airflow.cfg.

All else is the same for all pipelines: the state folder, databases, environments and model servers.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import is_further
from airflow_bert_service.pipeline.name import pipeline_name, settings_document, settings_file
from airflow_bert_service.pipeline.task import pipeline_task
from airflow_bert_service.settings.feeds import SourceSettings, read_scoring_feed
from airflow_bert_service.settings.reading.declared import SettingsGroup, check_keys, every_setting
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.retention import RetentionSettings
from airflow_bert_service.settings.row_rules import RowRules, labels_for
from airflow_bert_service.settings.scoring import ScoringSettings
from airflow_bert_service.settings.settings import Settings, settings_as, settings_from, texts_of_section, usable
from airflow_bert_service.settings.time_limits import TimeLimitSettings


def _keys(*groups: type[SettingsGroup]) -> frozenset[str]:
    return frozenset(setting.name for group in groups for setting in every_setting(group))


_IMDB = frozenset(setting.name for setting in every_setting(Settings) if setting.name.startswith("imdb_"))
SCORING_FEED = "scoring_feed"
FEED = (frozenset({"feed"}) | _IMDB | _keys(SourceSettings)) - {SCORING_FEED}
"""What says where texts come from."""
DATA = FEED | frozenset({SCORING_FEED, "holdout", "allowed_gaps"}) | _keys(RowRules)
"""What says which data a pipeline has."""
RULES = frozenset({"window_days", "schedule_weekdays", "shown_errors"}) | _keys(
    ScoringSettings, RetentionSettings, TimeLimitSettings
)
"""What a pipeline may have otherwise than the others."""


@dataclass(frozen=True, kw_only=True)
class FurtherSettings(Settings):
    """The settings of a further pipeline. It shares the state folder; its reviews and holdouts are in a folder of it.

    Versions of its model, events, artifacts and logs have its name already, as those of every pipeline.
    """

    folder: Path
    """The pipeline's folder, in ``bert_pipelines``; its name is the pipeline's."""

    def __post_init__(self) -> None:
        """Check what depends on another setting."""
        super().__post_init__()
        for server in self.model_servers:
            if urlsplit(server).path.strip("/"):
                raise SettingsError(
                    f"[{SECTION}] model_servers has {without_credentials(server)}, the address of one model's state, "
                    f"which a rollback of {self.folder.name} would take for its own model's; allowed, with several "
                    "pipelines: addresses without a path, like http://127.0.0.1:8501. Leave the path out."
                )

    @property
    def own_state(self) -> Path:
        """The part of the state folder that is this pipeline's alone."""
        return self.state / "pipelines" / self.folder.name

    @property
    def spans(self) -> Path:
        """Where ``refresh_data`` keeps reviews, a folder a day."""
        return self.own_state / "spans"

    @property
    def own_holdouts(self) -> Path:
        """Where a holdout that the setting names is kept in the nodes' form."""
        return self.own_state / "holdouts" / "own"

    @property
    def imdb_holdout(self) -> Path:
        """Where the IMDB feed's holdout is kept: another pipeline's archive may be another one."""
        return self.own_state / "holdouts" / super().imdb_holdout.name

    def _check_labels(self) -> None:
        labels_for(pipeline_task(self.folder), self.rules.labels)


def pipeline_settings(folder: Path, *, restoring: bool = False) -> Settings:
    """Read the settings of a pipeline.

    Args:
        folder: The pipeline's folder (:mod:`airflow_bert_service.pipeline.folders`).
        restoring: As for :func:`airflow_bert_service.settings.settings.load_settings`.

    Returns:
        Those in airflow.cfg; of a further pipeline, with its own.

    Raises:
        SettingsError: A value is not allowed; or a key is none that a pipeline may have for itself, or the pipeline
            of the DAGs folder has such a table.
    """
    return _settings_of(folder, restoring=restoring, change=dict)


def scoring_settings(folder: Path, *, restoring: bool = False) -> Settings:
    """Read the settings by which a pipeline scores texts: its own, with the feed of ``scoring_feed`` if there is one.

    Args:
        folder: The pipeline's folder.
        restoring: As for :func:`pipeline_settings`.

    Raises:
        SettingsError: As for :func:`pipeline_settings`; or a key of ``scoring_feed`` is none of a feed, or has a value
            that is not allowed.
    """
    return _settings_of(folder, restoring=restoring, change=_with_scoring_feed)


def check_settings(folder: Path, *, restoring: bool = False) -> None:
    """Check all settings that the DAGs of a pipeline are made with, for those who make no DAG.

    Args:
        folder: The pipeline's folder.
        restoring: As for :func:`pipeline_settings`.

    Raises:
        SettingsError: As for :func:`pipeline_settings` and :func:`scoring_settings`.
    """
    pipeline_settings(folder, restoring=restoring)
    scoring_settings(folder, restoring=restoring)


def _with_scoring_feed(texts: Mapping[str, str]) -> dict[str, str]:
    feed = read_scoring_feed(texts.get(SCORING_FEED, "").strip())
    if not feed:
        return dict(texts)
    check_keys(feed, sorted(FEED), prefix=f"{SCORING_FEED}.")
    return {**{key: text for key, text in texts.items() if key not in FEED}, **feed}


def _settings_of(folder: Path, *, restoring: bool, change: Callable[[Mapping[str, str]], dict[str, str]]) -> Settings:
    file = settings_file(folder)
    table = settings_document(file).get(SECTION, {})
    if not is_further(folder):
        if table:
            raise SettingsError(
                f"{file} has a table [{SECTION}]; allowed: none, since the settings of this pipeline are in "
                f"[{SECTION}] of airflow.cfg. Move its keys there."
            )
        return usable(settings_from(change(texts_of_section())), restoring=restoring)
    pipeline_name(folder)  # its name must be that of its folder
    inherited = {key: text for key, text in texts_of_section().items() if key not in DATA}
    try:
        texts = change({**inherited, **_own_texts(table)})
        made = settings_as(FurtherSettings, {**texts, "folder": str(folder.absolute())})
    except SettingsError as error:
        raise SettingsError(f"{error} The file is {file}.") from error
    return usable(made, restoring=restoring)


def _own_texts(table: object) -> dict[str, str]:
    if not isinstance(table, dict):
        raise SettingsError(f"[{SECTION}] is {table!r}; allowed: a table. Write [{SECTION}].")
    check_keys(table, sorted(DATA | RULES))
    return {key: _text(key, value) for key, value in table.items()}


def _text(key: str, value: Any) -> str:
    """Return a value of TOML as airflow.cfg has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and not any(isinstance(one, (list, Mapping)) for one in value):
        return ", ".join(map(str, value))
    if isinstance(value, (list, Mapping)):
        try:
            return json.dumps(value, ensure_ascii=False)
        except TypeError as error:
            raise SettingsError(f"[{SECTION}] {key} is no JSON: {error}. Write dates as texts.") from error
    return str(value)
