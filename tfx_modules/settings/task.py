"""Hands the task on: to components in their configuration, and with each model in a file of its folder.

A task that is the default's is left out of what components get, so that settings without ``[task]`` compile to what
they always did. A model without the file was made before there was one, or elsewhere: its labels are the default's.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfx_modules.exceptions import SettingsError
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.settings import BINARY_SENTIMENT, TaskSettings

KEY = "task"
"""Name of the task in the configuration of a component."""
PLACE = "assets.extra/task.json"
"""Where the task is in the folder of a model, which SavedModels keep for what is not theirs."""


def to_config(task: TaskSettings) -> dict[str, Any]:
    """Return what a component's configuration has for a task; nothing for the default's."""
    return {} if task.is_default else {KEY: asdict(task)}


def from_config(config: Mapping[str, Any]) -> TaskSettings:
    """Return the task of a component's configuration."""
    return build(TaskSettings, config.get(KEY, {}))


def to_parameter(task: TaskSettings) -> str | None:
    """Return a task as the value of an execution property; None for the default's."""
    return None if task.is_default else to_json(task)


def from_parameter(value: str | None) -> TaskSettings:
    """Return the task of an execution property that may be missing."""
    return build(TaskSettings, json.loads(value)) if value else BINARY_SENTIMENT


def to_json(task: TaskSettings) -> str:
    """Return a task as text; the same task gives the same one."""
    return json.dumps(asdict(task), sort_keys=True)


def of_model(folder: Path) -> TaskSettings:
    """Read the task of a model.

    Args:
        folder: A SavedModel's.

    Returns:
        What ``to_json`` wrote into it; the default's where it has no such file.

    Raises:
        SettingsError: The file holds something else.
        OSError: It cannot be read.
    """
    path = folder / PLACE
    try:
        return build(TaskSettings, json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return BINARY_SENTIMENT
    except (ValueError, TypeError, AttributeError, SettingsError) as error:
        raise SettingsError(f"{path} is no task of a model: {error}. Put the model's own file back.") from error
