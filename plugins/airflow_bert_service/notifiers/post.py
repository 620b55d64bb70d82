"""Sends one HTTP request by an Airflow HTTP connection, and raises when it fails."""

from collections.abc import Mapping

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

from airflow_bert_service.exceptions import NotificationError, NotificationRefusedError

TIMEOUT = 10
"""Seconds that a receiver has to accept the connection, and for an answer."""
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429})  # RFC 9110, 8470 and 6585: too slow, too early, too many


def connection_of(conn_id: str) -> Connection:
    """Return an Airflow connection.

    Raises:
        NotificationRefusedError: Airflow has no connection with this id.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except (AirflowException, AirflowRuntimeError) as error:
        raise NotificationRefusedError(
            f"Airflow has no connection {conn_id!r} ({type(error).__name__}). Add it, or correct the channel."
        ) from error


def post(conn_id: str, *, endpoint: str, body: str, headers: Mapping[str, str]) -> None:
    """Post a text to the address of an Airflow HTTP connection, once.

    Args:
        conn_id: The connection's id. A login and password are sent as basic authentication, its extra as headers.
        endpoint: Path and query below its address. It may be a secret, and is in no error.
        body: The text to send, in ASCII, so that its encoding is unambiguous.
        headers: More headers.

    Raises:
        NotificationError: There was no answer, or an error that may be temporary.
        NotificationRefusedError: The receiver refused the request, or the connection has no valid address.
    """
    # Imported here: it takes half a second, which every parse of a DAG file would pay.
    from airflow.providers.http.hooks.http import HttpHook

    options = {"timeout": TIMEOUT, "check_response": False, "allow_redirects": False}
    try:
        response = HttpHook(method="POST", http_conn_id=conn_id).run(
            endpoint=endpoint, data=body, headers=dict(headers), extra_options=options
        )
    except OSError as error:  # requests' errors are
        if isinstance(error, ValueError):
            raise _no_address(conn_id, error) from None
        raise NotificationError(f"connection {conn_id}: no answer: {_root(error)}") from None
    except (ValueError, AirflowException) as error:
        raise _no_address(conn_id, error) from None
    _check(conn_id, response.status_code)


def _check(conn_id: str, status: int) -> None:
    if 200 <= status < 300:
        return
    if status >= 500 or status in _WORTH_ANOTHER_TRY:
        raise NotificationError(f"connection {conn_id}: HTTP {status}")
    raise NotificationRefusedError(
        f"connection {conn_id}: HTTP {status}; allowed: 2xx. Correct the connection's address or credentials."
    )


def _no_address(conn_id: str, error: Exception) -> NotificationRefusedError:
    return NotificationRefusedError(
        f"connection {conn_id} has no address ({type(error).__name__}); allowed: a host, and perhaps schema and port. "
        "Correct it."
    )


def _root(error: BaseException) -> str:
    """Describe the root cause of an error: the errors around it repeat the whole address."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return f"{type(error).__name__}: {error}"
