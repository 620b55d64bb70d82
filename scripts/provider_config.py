"""`python -m scripts.provider_config`: writes the options of `[bert_service]` as Airflow's provider metadata has them.

They are made of the settings' declarations, so that what documents a setting is written once. A test fails where the
file and the declarations differ.
"""

import dataclasses
import datetime as dt
import inspect
import json
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from scripts.declarations import read_classes, without_roles

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "plugins" / "airflow_bert_service" / "provider_options.json"


def options() -> dict[str, dict[str, object]]:
    """Return Airflow's description of each key of the section, by key."""
    from airflow_bert_service.settings.settings import Settings

    return dict(_options(Settings))


def text() -> str:
    """Return the file's content."""
    return json.dumps(options(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file; return the exit code."""
    FILE.write_text(text(), encoding="utf-8")
    print(FILE)
    return 0


def _options(settings: type) -> Iterator[tuple[str, dict[str, object]]]:
    declared = read_classes(Path(inspect.getfile(settings)))[settings.__name__].members
    by_name = {field.name: field for field in declared}
    for setting in dataclasses.fields(settings):
        if isinstance(setting.type, type) and dataclasses.is_dataclass(setting.type):
            yield from _options(setting.type)
            continue
        yield (
            setting.name,
            {
                "description": without_roles(by_name[setting.name].documentation()),
                "version_added": None,
                "type": "string",
                "example": None,
                "default": _readable(setting.name, _text(setting.default)),
                # What must not be shown is what the declaration keeps out of `repr`.
                **({} if setting.repr else {"sensitive": True}),
            },
        )


def _readable(key: str, default: str) -> str:
    """Return a default's text; empty where the settings' reader has another form for it than its value's own."""
    from airflow_bert_service.exceptions import SettingsError
    from airflow_bert_service.settings.settings import settings_from

    try:
        settings_from({key: default})
    except SettingsError:
        return ""
    return default.replace("%", "%%")


def _text(default: Any) -> str:
    """Return a default as a configuration file has it; empty where it depends on other settings."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Enum):
        return str(default.value)
    if isinstance(default, (int, float, dt.date)):
        return str(default)
    return default if isinstance(default, str) else ""


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "plugins"))
    sys.exit(main())
