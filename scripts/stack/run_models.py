"""`python -m scripts.stack.run_models ARGUMENTS`: becomes the promotion command, with the settings of `[bert_service]`.

Where the stack runs, its settings apply, else the defaults; the command works without it too.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from scripts.errors import ScriptError
from scripts.stack.credentials import ensure_credentials
from scripts.stack.environment import airflow_environment, plain_environment, read_session
from scripts.stack.place import Place, find_place


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the promotion command in this process's stead; where that cannot be done, say why and exit with 1."""
    place = find_place(os.environ)
    try:
        place.state.mkdir(parents=True, exist_ok=True)
        # Airflow reads its configuration when it is imported.
        os.environ.update(
            airflow_environment(place, ensure_credentials(place.secrets), read_session(place), os.environ)
        )
    except ScriptError as error:
        sys.exit(str(error))
    python, environment = _command(place, os.environ)
    os.chdir(place.root)
    os.execve(python, [python, "-m", "tfx_modules.promotion", *arguments], environment)  # noqa: S606 (no shell on purpose)


def _command(place: Place, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    sys.path.insert(0, str(place.root / "plugins"))
    from bert_service.exceptions import SettingsError
    from bert_service.hooks.promotion import promotion_environment
    from bert_service.settings import load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(str(error))
    return str(settings.tfx_python), {**plain_environment(environ), **promotion_environment(settings)}


if __name__ == "__main__":
    main(sys.argv[1:])
