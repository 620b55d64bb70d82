"""Tells a promotion to an HTTP webhook."""

from airflow.sdk import BaseNotifier, Context
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

from bert_service.promotion import PromotionEvent

TIMEOUT = 10
"""Seconds that the webhook has for an answer."""


class WebhookNotifier(BaseNotifier):
    """Posts a promotion as JSON to the address of an Airflow HTTP connection.

    The address is the connection's schema, host and port, followed by ``endpoint``; its login is sent as basic
    authentication, its extra as headers. It sends once and never fails the task that it reports on: what goes wrong is
    logged as an error.

    Args:
        conn_id: Id of the Airflow connection.
        event: The news.
        endpoint: Path and query below the connection's address.
    """

    def __init__(self, *, conn_id: str, event: PromotionEvent, endpoint: str = "") -> None:
        super().__init__()
        self.conn_id = conn_id
        self.event = event
        self.endpoint = endpoint

    def notify(self, context: Context) -> None:  # noqa: ARG002 (Airflow's signature; the event says all that is sent)
        """Send the event."""
        # Imported here: it takes half a second, which every parse of the DAG file would pay.
        from airflow.providers.http.hooks.http import HttpHook

        hook = HttpHook(method="POST", http_conn_id=self.conn_id)
        try:
            response = hook.run(endpoint=self.endpoint, json=self.event.to_json(), extra_options={"timeout": TIMEOUT})
        # Connection unknown or answer not 2xx; no answer (requests' errors are OSErrors); not an address.
        except (AirflowException, AirflowRuntimeError, OSError, ValueError) as error:
            # One line: a traceback of the HTTP client's would say no more.
            self.log.error("webhook %s was not told: %r", self.conn_id, error)  # noqa: TRY400
        else:
            self.log.info("webhook %s was told: HTTP %d", self.conn_id, response.status_code)
