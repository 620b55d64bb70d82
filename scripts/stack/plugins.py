"""Makes the Airflow side's package importable, as Airflow does for its own processes."""

import sys
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


def make_plugins_importable() -> None:
    """Append this checkout's `plugins` folder to the import path, where it is missing. It imports nothing."""
    if str(PLUGINS) not in sys.path:
        sys.path.append(str(PLUGINS))
