"""Addresses of databases that name an Airflow connection instead of holding a password: ``conn:ID``.

They stay as they are in settings and in DAGs, and are looked up where a database is needed: in a task, or a command.
"""

from urllib.parse import quote

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.databases import CONNECTION

_TYPES = ("postgres", "postgresql")
_PORT = 5432


def database_url(address: str) -> str:
    """Return the address of a database.

    Args:
        address: ``sqlite:///PATH``, ``postgresql://user:password@host:port/name``, or ``conn:ID``.

    Returns:
        The address as it is; of ``conn:ID``, the one that the connection ``ID`` stands for. It has a password then.

    Raises:
        SettingsError: Airflow has no such connection, or it is of another type, or lacks host, user or database.
    """
    if not address.startswith(CONNECTION):
        return address
    # Imported here: whoever names no connection needs no Airflow.
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

    conn_id = address.removeprefix(CONNECTION)
    try:
        found = BaseHook.get_connection(conn_id)
    except (AirflowException, AirflowRuntimeError) as error:
        raise SettingsError(
            f"[bert_service] names the connection {conn_id!r}, and Airflow has none ({type(error).__name__}); allowed: "
            "an existing connection of type postgres. Add it, or correct the setting."
        ) from error
    if found.conn_type not in _TYPES or not (found.host and found.login and found.schema):
        raise SettingsError(
            f"connection {conn_id!r} is of type {found.conn_type!r}, host {found.host!r}, database {found.schema!r}; "
            "allowed: type postgres with host, login and database (schema). Correct the connection."
        )
    user, password = quote(found.login, safe=""), quote(found.password or "", safe="")
    host = f"[{found.host}]" if ":" in found.host else found.host
    return f"postgresql://{user}:{password}@{host}:{found.port or _PORT}/{quote(found.schema, safe='')}"
