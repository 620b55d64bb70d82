"""``models``: asks the ledger which model is in service and why, and rolls back.

It becomes the TFX side's promotion command, with the settings of ``[bert_service]``. A rollback is announced from here:
the channels are Airflow's.
"""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from airflow_bert_service.cli.places import become, check_tfx_python, tfx_environment
from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment, promotion_environment
from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.settings.settings import Settings, load_settings

ANNOUNCED = "roll-back"
"""The command whose event the channels of the setting ``notifications`` are told of."""
_MODULE = "tfx_modules.promotion"


def main(arguments: Sequence[str]) -> int:
    """Run the promotion command, in this process's stead where nothing comes after it; return its exit code.

    Raises:
        BertServiceError: A setting is wrong, or a channel was not told.
    """
    settings = load_settings()
    environment = tfx_environment("models", promotion_environment(settings))
    if ANNOUNCED not in arguments or not settings.notifications:
        become(settings, _MODULE, arguments, environment)
    check_tfx_python(settings)
    words = [str(settings.tfx_python), "-m", _MODULE, *arguments]
    sys.stdout.flush()
    code = subprocess.run(words, cwd=settings.root, env=environment, check=False).returncode
    _announce(settings)
    return code


def _announce(settings: Settings) -> None:
    """Tell the channels of a rollback that they have not been told of, also where a server has not followed yet."""
    # Imported here: what sends messages takes a second to import.
    from airflow_bert_service.notifiers.dispatcher import NotificationDispatcher

    client = LedgerClient(PromotionEnvironment.of(settings.root, settings))
    event = client.newest()
    if event is not None and event.kind is EventKind.ROLLED_BACK:
        no_task: Any = {}
        NotificationDispatcher(client, settings.notifications).announce(event, no_task)
