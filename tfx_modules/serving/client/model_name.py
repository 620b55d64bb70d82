"""Tells the name of the model that the client asks for by default: the pipeline's, ``name`` in ``settings.toml``."""

from collections.abc import Mapping
from pathlib import Path

from tfx_modules.exceptions import SettingsError
from tfx_modules.serving.exceptions import FlagError

VARIABLE = "MODEL_NAME"
"""Environment variable with the model's name in TensorFlow Serving's image and in this project's."""
DEFAULT = "bert_sentiment"
_MODULES = Path(__file__).parents[2]
_FILE = "settings.toml"


def default_model_name(environ: Mapping[str, str], modules: Path = _MODULES) -> str:
    """Return the pipeline's name; the image of the model server has no settings, but the variable MODEL_NAME.

    Args:
        environ: the environment variables.
        modules: the folder ``tfx_modules``; a settings file in ``dags`` beside it goes before the one in it.

    Raises:
        FlagError: the settings cannot be read.
    """
    for path in (modules.parent / "dags" / _FILE, modules / _FILE):
        if path.is_file():
            return _name_in(path)
    return environ.get(VARIABLE) or DEFAULT


def _name_in(path: Path) -> str:
    try:
        # Imported here: with --model_name, the client needs no other package over REST.
        from tfx_modules.settings.settings import load_settings

        return load_settings(path).name
    except (ImportError, SettingsError) as error:
        raise FlagError(f"the model's name cannot be read from {path} ({error}); give --model_name") from error
