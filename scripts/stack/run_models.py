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
from scripts.stack.paths import StackPaths, find_paths

if TYPE_CHECKING:
    from airflow_bert_service.settings.settings import Settings

ANNOUNCED = "roll-back"
"""The command whose event the channels of the setting ``notifications`` are told of."""


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the promotion command, in this process's stead where nothing comes after it; exit as it does."""
    paths = find_paths(os.environ)
    try:
        environment = command_environment(paths, os.environ)
        if ANNOUNCED in arguments:
            ensure_database(paths, environment)  # Airflow's connections are there
    except ScriptError as error:
        sys.exit(str(error))
    os.environ.update(environment)  # Airflow reads its configuration when it is imported
    settings = _settings(paths)
    command = _command(settings, arguments)
    if ANNOUNCED not in arguments or not settings.notifications:
        os.chdir(paths.root)
        os.execve(command[0], command, _environment(settings))  # noqa: S606 (no shell on purpose)
    code = subprocess.run(command, cwd=paths.root, env=_environment(settings), check=False).returncode
    sys.exit(_announce(paths, settings) or code)


def _settings(paths: StackPaths) -> "Settings":
    sys.path.insert(0, str(paths.root / "plugins"))
    from airflow_bert_service.exceptions import SettingsError
    from airflow_bert_service.settings.settings import load_settings

    try:
        return load_settings()
    except SettingsError as error:
        sys.exit(str(error))


def _command(settings: "Settings", arguments: Sequence[str]) -> list[str]:
    if not settings.tfx_python.exists():
        sys.exit(f"[bert_service] tfx_python is {settings.tfx_python}, which is not there. Run: make setup")
    return [str(settings.tfx_python), "-m", "tfx_modules.promotion", *arguments]


def _environment(settings: "Settings") -> dict[str, str]:
    from airflow_bert_service.clients.ledger import promotion_environment

    return {**plain_environment(os.environ), **promotion_environment(settings)}


def _announce(paths: StackPaths, settings: "Settings") -> int:
    """Tell the channels of a rollback that they have not been told of, also where a server has not followed yet."""
    from airflow_bert_service.clients.ledger import LedgerClient
    from airflow_bert_service.dag.config import PromotionEnvironment
    from airflow_bert_service.exceptions import BertServiceError
    from airflow_bert_service.notifiers.dispatcher import NotificationDispatcher
    from airflow_bert_service.promotion.events import EventKind

    client = LedgerClient(PromotionEnvironment.of(paths.root, settings))
    try:
        event = client.newest()
        if event is not None and event.kind is EventKind.ROLLED_BACK:
            no_task: Any = {}
            NotificationDispatcher(client, settings.notifications).announce(event, no_task)
    except BertServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    main(sys.argv[1:])
