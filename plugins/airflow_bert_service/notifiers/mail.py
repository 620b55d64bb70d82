"""Sends a message about an event of the ledger by e-mail."""

import smtplib
from collections.abc import Sequence

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from airflow_bert_service.exceptions import NotificationError, NotificationRefusedError
from airflow_bert_service.notifiers.base import PromotionNotifier
from airflow_bert_service.notifiers.message import Message
from airflow_bert_service.notifiers.post import connection_of
from airflow_bert_service.promotion.events import PromotionEvent

SENDER = "bert-service.invalid"
"""Right half of the Message-ID: a name that cannot be anybody's (RFC 2606)."""


class MailNotifier(PromotionNotifier):
    """Sends a message about an event by e-mail, with an Airflow SMTP connection.

    The Message-ID is the same whenever the same event is sent, so that a mail program recognises a second copy.

    Args:
        to: Addresses.
        conn_id: Id of the connection; its extra may have ``from_email``, ``disable_ssl``, ``disable_tls``, ``timeout``.
        from_email: The sender; empty: the connection's.
        cc: More addresses.
        event: The event; None: the one in the context.
    """

    def __init__(
        self,
        *,
        to: str | Sequence[str],
        conn_id: str = "smtp_default",
        from_email: str = "",
        cc: str | Sequence[str] = (),
        event: PromotionEvent | None = None,
    ) -> None:
        super().__init__(event=event)
        self.to = to
        self.conn_id = conn_id
        self.from_email = from_email
        self.cc = cc

    def send(self, event: PromotionEvent, message: Message, context: Context) -> None:  # noqa: ARG002 (the base's)
        """Send the message.

        Raises:
            NotificationError: The server did not accept the message, or did not answer.
            NotificationRefusedError: The server refuses the message for good, or there is no sender.
        """
        # Imported here: it costs time that every parse of a DAG file would pay.
        from airflow.providers.smtp.hooks.smtp import SmtpHook

        connection_of(self.conn_id)
        try:
            with SmtpHook(smtp_conn_id=self.conn_id) as server:
                server.send_email_smtp(
                    to=self.to,
                    cc=self.cc or None,
                    from_email=self.from_email or None,
                    subject=message.title,
                    html_content=message.html,
                    custom_headers={"Message-ID": f"<{event.identity}@{SENDER}>"},
                )
        except (smtplib.SMTPException, OSError) as error:
            raise NotificationError(f"connection {self.conn_id}: {type(error).__name__}: {error}") from error
        except (AirflowException, ValueError) as error:
            raise NotificationRefusedError(
                f"connection {self.conn_id}: {error}. Correct the connection, or the channel's addresses."
            ) from error
