"""Posts a message about an event of the ledger to a Slack channel, or to another receiver of Slack's JSON."""

import json

from airflow.sdk import Context

from airflow_bert_service.notifiers.base import PromotionNotifier
from airflow_bert_service.notifiers.message import Message
from airflow_bert_service.notifiers.post import connection_of, post
from airflow_bert_service.promotion.events import PromotionEvent


class SlackNotifier(PromotionNotifier):
    """Posts an event to a Slack incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).

    It needs no Slack package. With one, any of its notifiers can be set as a channel.

    Args:
        conn_id: Id of an Airflow HTTP connection whose host is the webhook's address, like
            ``https://hooks.slack.com/services``, and whose password is the rest of it, ``T.../B.../...``, which is
            secret.
        endpoint: The rest of the address, where it is no secret; empty: the connection's password.
        event: The event; None: the one in the context.
    """

    def __init__(self, *, conn_id: str, endpoint: str = "", event: PromotionEvent | None = None) -> None:
        super().__init__(event=event)
        self.conn_id = conn_id
        self.endpoint = endpoint

    def send(self, event: PromotionEvent, message: Message, context: Context) -> None:  # noqa: ARG002 (the base's)
        """Post the message.

        Raises:
            NotificationError: Slack did not accept the message.
            NotificationRefusedError: Slack refuses the message for good.
        """
        endpoint = self.endpoint or connection_of(self.conn_id).password or ""
        body = json.dumps({"text": f"*{escaped(message.title)}*\n{escaped(message.text)}"})
        post(self.conn_id, endpoint=endpoint, body=body, headers={"Content-Type": "application/json"})


def escaped(text: str) -> str:
    """Escape Slack's markup characters (https://docs.slack.dev/messaging/formatting-message-text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
