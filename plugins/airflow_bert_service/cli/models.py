"""``models``: shows the ledger of promotions, and rolls back to another model version.

It executes the TFX side's promotion command, with the settings of ``[bert_service]``. It notifies the channels of a
rollback itself, because the channels use Airflow's connections.
"""

import subprocess
import sys
from collections.abc import Sequence

from airflow_bert_service.cli.places import ChosenPipeline, become, explain_where_asked, split_pipeline, tfx_environment
from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment, promotion_environment
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import require_tfx_python

ANNOUNCED = "roll-back"
"""The command of whose event the channels of the setting ``notifications`` are notified."""
_MODULE = "tfx_modules.promotion"


def main(arguments: Sequence[str]) -> int:
    """Run the promotion command; return its exit code. It replaces this process unless a rollback is to be announced.

    Raises:
        BertServiceError: A setting is wrong, or a channel was not notified.
    """
    explain_where_asked(_MODULE, arguments, "models")
    name, arguments = split_pipeline(arguments)
    pipeline = ChosenPipeline.find(name)
    settings = pipeline.settings
    where = PromotionEnvironment.of(settings.root, settings, pipeline.name)
    environment = tfx_environment("models", promotion_environment(where))
    if ANNOUNCED not in arguments or not settings.notifications:
        become(settings, _MODULE, arguments, environment)
    require_tfx_python(settings.tfx_python, SettingsError)
    words = [str(settings.tfx_python), "-m", _MODULE, *arguments]
    sys.stdout.flush()
    code = subprocess.run(words, cwd=settings.root, env=environment, check=False).returncode
    # Imported here: what sends messages takes a second to import.
    from airflow_bert_service.notifiers.rollback import announce_newest_rollback

    announce_newest_rollback(LedgerClient(where), settings.notifications)
    return code
