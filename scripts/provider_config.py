"""`python -m scripts.provider_config`: writes the settings of `[bert_service]` as Airflow's provider metadata has them.

They are made of the settings' declarations, so that what documents a setting is written once. A test fails where the
file and the declarations differ.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.declarations import Declaration, read_classes, without_roles

if TYPE_CHECKING:
    from airflow_bert_service.settings.reading.declared import Setting, SettingsGroup

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "plugins" / "airflow_bert_service" / "provider_options.json"


def options() -> dict[str, dict[str, object]]:
    """Return Airflow's description of each key of the section, by key."""
    from airflow_bert_service.settings.settings import Settings

    return {setting.name: _option(setting, declaration) for setting, declaration in declared(Settings)}


def text() -> str:
    """Return the file's content."""
    return json.dumps(options(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file; return the exit code."""
    FILE.write_text(text(), encoding="utf-8")
    print(FILE)
    return 0


def declared(group: "type[SettingsGroup]") -> "Iterator[tuple[Setting, Declaration]]":
    """Yield each single setting of a class and of the groups in it, with its declaration's source."""
    from airflow_bert_service.settings.reading.declared import settings_of

    by_name = {field.name: field for field in read_classes(Path(inspect.getfile(group)))[group.__name__].members}
    for setting in settings_of(group):
        if setting.group is None:
            yield setting, by_name[setting.name]
        else:
            yield from declared(setting.group)


def computed_default(setting: "Setting") -> str:
    """Return how a default depends on other settings; empty where it does not."""
    from airflow_bert_service.settings.reading.declared import notes_of
    from airflow_bert_service.settings.reading.reader import ComputedDefault

    return "".join(default.documentation for default in notes_of(setting.notes, ComputedDefault))


def _option(setting: "Setting", declaration: Declaration) -> dict[str, object]:
    from airflow_bert_service.settings.reading.reader import default_text

    computed = computed_default(setting)
    parts = [
        without_roles(declaration.documentation()),
        *([f"Default {computed}."] if computed else []),
        *([f"Allowed: {setting.allowed}."] if setting.allowed else []),
    ]
    return {
        "description": " ".join(parts),
        "version_added": None,
        "type": "string",
        "example": None,
        "default": default_text(setting).replace("%", "%%"),
        # What must not be shown is what the declaration keeps out of `repr`.
        **({} if setting.is_shown else {"sensitive": True}),
    }


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "plugins"))
    sys.exit(main())
