"""Changes what is in service or kept, by the promotion command: the code behind ``bert-service models``."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from airflow_bert_service.clients.ledger import LedgerClient, Pin, PromotionEnvironment, Rollback
from airflow_bert_service.exceptions import BertServiceError
from airflow_bert_service.settings.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a user wants to be done with a version."""

    version: int
    reason: str
    """Why, in one line."""
    actor: str
    """The user."""


class ModelChanges:
    """Carries out users' changes. Asks nobody whether they may.

    Its methods raise:

    - PromotionCommandError: the command refused, or a model server does not serve the version in time.
    - SettingsError: this server has no TFX environment, or a setting is wrong.

    Args:
        settings: The Airflow side's settings.
        announce: Notifies the channels of the ledger's newest rollback.
    """

    def __init__(self, settings: Settings, announce: Callable[[LedgerClient], None]) -> None:
        self._settings = settings
        self._announce = announce

    @property
    def is_possible(self) -> bool:
        """Whether this server has what changes need: the API server of the container stack has no TFX environment."""
        return self._settings.tfx_python.exists()

    def roll_back(self, pipeline: str, change: Change, *, leaving: int) -> None:
        """Put a version in service, wait until the model servers serve it, and notify the channels.

        Raises:
            NotificationError: A channel was not notified; the version is in service.
        """
        client = self._client(pipeline)
        try:
            client.roll_back(
                Rollback(version=change.version, leaving=leaving, reason=change.reason, actor=change.actor)
            )
        except BertServiceError:
            # It may be in service all the same, when a model server does not follow. Why is told, and not why a channel
            # was not notified, which the log has.
            with suppress(BertServiceError):
                self._notify(client)
            raise
        self._notify(client)

    def _notify(self, client: LedgerClient) -> None:
        if self._settings.notifications:
            self._announce(client)

    def pin(self, pipeline: str, change: Change, *, pinned: bool) -> None:
        """Have retention keep a version, or no longer."""
        wanted = Pin(version=change.version, reason=change.reason, actor=change.actor)
        client = self._client(pipeline)
        if pinned:
            client.pin(wanted)
        else:
            client.unpin(wanted)

    def _client(self, pipeline: str) -> LedgerClient:
        return LedgerClient(PromotionEnvironment.of(self._settings.root, self._settings, pipeline))
