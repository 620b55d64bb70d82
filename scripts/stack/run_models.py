"""`python -m scripts.stack.run_models ARGUMENTS`: becomes the promotion command, with the settings of `[bert_service]`.

Where the stack runs, its settings apply, else the defaults; the command works without it too. A rollback is announced
from here: the channels are Airflow's.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from scripts.errors import ScriptError
from scripts.stack.database import ensure_database
from scripts.stack.environment import command_environment, plain_environment
from scripts.stack.place import Place, find_place

if TYPE_CHECKING:
    from bert_service.settings import Settings

ANNOUNCED = "roll-back"
"""The command whose event the channels of the setting ``notifications`` are told of."""


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the promotion command, in this process's stead where nothing comes after it; exit as it does."""
    place = find_place(os.environ)
    try:
        environment = command_environment(place, os.environ)
        if ANNOUNCED in arguments:
            ensure_database(place, environment)  # Airflow's connections are there
    except ScriptError as error:
        sys.exit(str(error))
    os.environ.update(environment)  # Airflow reads its configuration when it is imported
    settings = _settings(place)
    command = _command(settings, arguments)
    if ANNOUNCED not in arguments or not settings.notifications:
        os.chdir(place.root)
        os.execve(command[0], command, _environment(settings))  # noqa: S606 (no shell on purpose)
    code = subprocess.run(command, cwd=place.root, env=_environment(settings), check=False).returncode
    sys.exit(_announce(place, settings) or code)


def _settings(place: Place) -> "Settings":
    sys.path.insert(0, str(place.root / "plugins"))
    from bert_service.exceptions import SettingsError
    from bert_service.settings import load_settings

    try:
        return load_settings()
    except SettingsError as error:
        sys.exit(str(error))


def _command(settings: "Settings", arguments: Sequence[str]) -> list[str]:
    if not settings.tfx_python.exists():
        sys.exit(f"[bert_service] tfx_python is {settings.tfx_python}, which is not there. Run: make setup")
    return [str(settings.tfx_python), "-m", "tfx_modules.promotion", *arguments]


def _environment(settings: "Settings") -> dict[str, str]:
    from bert_service.hooks.promotion import promotion_environment

    return {**plain_environment(os.environ), **promotion_environment(settings)}


def _announce(place: Place, settings: "Settings") -> int:
    """Tell the channels of a rollback that they have not been told of, also where a server has not followed yet."""
    from bert_service.announcing import Announcer
    from bert_service.config import PromotionEnvironment
    from bert_service.exceptions import BertServiceError
    from bert_service.hooks.promotion import PromotionHook
    from bert_service.promotion import Kind

    hook = PromotionHook(PromotionEnvironment.of(place.root, settings))
    try:
        event = hook.newest()
        if event is not None and event.kind is Kind.ROLLED_BACK:
            no_task: Any = {}
            Announcer(hook, settings.notifications).announce(event, no_task)
    except BertServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    main(sys.argv[1:])
