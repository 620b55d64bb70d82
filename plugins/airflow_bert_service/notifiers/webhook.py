"""Posts an event of the ledger to an HTTP webhook, signed."""

import json
import time

from airflow.sdk import Context

from airflow_bert_service.exceptions import NotificationRefusedError
from airflow_bert_service.notifiers import webhook_signature
from airflow_bert_service.notifiers.base import PromotionNotifier
from airflow_bert_service.notifiers.message import Message
from airflow_bert_service.notifiers.post import connection_of, post
from airflow_bert_service.promotion.events import PromotionEvent
from airflow_bert_service.webui.urls import links_of


class WebhookNotifier(PromotionNotifier):
    """Posts an event as JSON to the address of an Airflow HTTP connection.

    The body is the event's fields, and ``event``, ``title``, ``text`` and ``links``. The header
    ``X-Bert-Service-Signature`` signs it (:mod:`airflow_bert_service.notifiers.webhook_signature`), and
    ``Idempotency-Key`` is the same whenever the same event is sent.

    Args:
        conn_id: Id of the connection. Its password is the secret; where it has a login too, both are sent as basic
            authentication, so give the secret another connection then.
        endpoint: Path and query below the connection's address.
        secret_conn_id: Id of the connection whose password is the secret; empty: ``conn_id``.
        event: The event; None: the one in the context.
    """

    def __init__(
        self, *, conn_id: str, endpoint: str = "", secret_conn_id: str = "", event: PromotionEvent | None = None
    ) -> None:
        super().__init__(event=event)
        self.conn_id = conn_id
        self.endpoint = endpoint
        self.secret_conn_id = secret_conn_id

    def send(self, event: PromotionEvent, message: Message, context: Context) -> None:
        """Post the event.

        Raises:
            NotificationError: The receiver did not accept the event.
            NotificationRefusedError: The receiver refuses the event for good, or there is no secret.
        """
        texts = {"title": message.title, "text": message.text, "links": dict(links_of(event, context))}
        body = json.dumps({"event": "promotion", **event.to_json(), **texts}, sort_keys=True)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": event.identity,
            webhook_signature.HEADER: webhook_signature.sign(body.encode(), self._secret(), at=int(time.time())),
        }
        post(self.conn_id, endpoint=self.endpoint, body=body, headers=headers)

    def _secret(self) -> str:
        conn_id = self.secret_conn_id or self.conn_id
        connection = connection_of(conn_id)
        if connection.login and not self.secret_conn_id:
            raise NotificationRefusedError(
                f"connection {conn_id} has a login, so its password is sent and cannot sign; allowed: a secret in a "
                "connection of its own. Put it into another connection, and name that as secret_conn_id."
            )
        if not (connection.password or "").strip():
            raise NotificationRefusedError(
                f"connection {conn_id} has no password to sign with; allowed: the secret that the receiver knows too. "
                "Set it."
            )
        return str(connection.password)
