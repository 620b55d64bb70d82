"""Tells the name of the model that the client asks for by default: the pipeline's, ``name`` in ``settings.toml``."""

from collections.abc import Mapping
from pathlib import Path

from tfx_modules.exceptions import SettingsError
from tfx_modules.serving.exceptions import FlagError

VARIABLE = "MODEL_NAME"
"""Environment variable with the model's name: in TensorFlow Serving's image, in this project's, and where
``bert-service client`` or ``scripts/bert client`` has started the client, which know the user's DAGs folder."""
_MODULES = Path(__file__).parents[2]
_PACKAGED = "packaged"
"""Folder of an installed wheel's files. Their settings are the demo's; the user's are in Airflow's DAGs folder."""
_FILE = "settings.toml"


def default_model_name(environ: Mapping[str, str], modules: Path = _MODULES) -> str:
    """Return the variable MODEL_NAME, else the name in the user's ``settings.toml``.

    Args:
        environ: the environment variables.
        modules: the folder ``tfx_modules``; a settings file in ``dags`` beside it goes before the one in it.

    Raises:
        FlagError: there is neither, or the settings cannot be read.
    """
    if name := environ.get(VARIABLE):
        return name
    own = () if modules.parent.name == _PACKAGED else (modules.parent / "dags" / _FILE, modules / _FILE)
    for path in own:
        if path.is_file():
            return _name_in(path)
    raise FlagError(
        f"the model's name is not known here; give --model_name with the pipeline's name in {_FILE}, or export "
        f"{VARIABLE}. `bert-service client` finds it in Airflow's DAGs folder"
    )


def _name_in(path: Path) -> str:
    try:
        # Imported here: with --model_name, the client needs no other package over REST.
        from tfx_modules.settings.settings import load_settings

        return load_settings(path).name
    except (ImportError, SettingsError) as error:
        raise FlagError(f"the model's name cannot be read from {path} ({error}); give --model_name") from error
