"""The client's REST transport, with the standard library alone."""

import http.client
import json
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tfx_modules.serving.client.specs import Model, Server, Tls, VersionReport
from tfx_modules.serving.client.transport import Row
from tfx_modules.serving.codes import code_of_http
from tfx_modules.serving.exceptions import ClientError

OK = 200
SHOWN = 200  # characters of an unexpected answer that a message repeats


class RestTransport:
    """Asks over one connection, which is kept. Not for use by several threads at once."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._url = f"{'http' if server.tls is None else 'https'}://{server.address}"
        self._headers = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
        self._connection = _connection(server)

    def predict(self, model: Model, texts: Sequence[str], timeout_seconds: float) -> list[Row]:
        """Return a row per text.

        Raises:
            ClientError: no connection, a refusal, or an answer of another form.
        """
        request: Row = {"instances": [{model.input_name: text} for text in texts]}
        if model.signature_name:
            request["signature_name"] = model.signature_name
        document = self._ask("POST", f"{_path(model)}:predict", timeout_seconds, json.dumps(request))
        predictions = document.get("predictions")
        if not isinstance(predictions, list) or len(predictions) != len(texts):
            raise ClientError(f"{self._url} gave no prediction for each of {len(texts)} texts: {_shown(document)}")
        return [row if isinstance(row, dict) and "b64" not in row else {"output": row} for row in predictions]

    def status(self, model: Model, timeout_seconds: float) -> list[VersionReport]:
        """Return the versions' states.

        Raises:
            ClientError: no connection, a refusal, or an answer of another form.
        """
        document = self._ask("GET", _path(model), timeout_seconds)
        try:
            return [
                VersionReport(int(entry["version"]), entry["state"], entry["status"].get("error_message", ""))
                for entry in document["model_version_status"]
            ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ClientError(f"{self._url} gave no status: {_shown(document)}") from error

    def metadata(self, model: Model, timeout_seconds: float) -> Row:
        """Return the signatures.

        Raises:
            ClientError: no connection, a refusal, or an answer of another form.
        """
        document = self._ask("GET", f"{_path(model)}/metadata", timeout_seconds)
        try:
            signatures: Row = document["metadata"]["signature_def"]["signature_def"]
        except (KeyError, TypeError) as error:
            raise ClientError(f"{self._url} gave no signatures: {_shown(document)}") from error
        return signatures

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, timeout_seconds: float, body: str | None = None) -> Row:
        status, content = self._exchange(method, path, timeout_seconds, body)
        try:
            document: Any = json.loads(content)
        except ValueError:
            document = None
        if status != OK:
            said = document.get("error") if isinstance(document, dict) else content[:SHOWN].decode("utf-8", "replace")
            raise ClientError(f"{self._url} answered {status}: {said}", code=code_of_http(status))
        if not isinstance(document, dict):
            raise ClientError(f"{self._url} answered {status} with something else than a JSON object")
        return document

    def _exchange(self, method: str, path: str, timeout_seconds: float, body: str | None) -> tuple[int, bytes]:
        self._set_timeout(timeout_seconds)
        try:
            self._connection.request(method, path, body, {"Content-Type": "application/json", **self._headers})
            response = self._connection.getresponse()
            return response.status, response.read()
        except TimeoutError as error:
            self._connection.close()
            message = f"no answer from {self._url} in {timeout_seconds:g} s"
            raise ClientError(message, code="DEADLINE_EXCEEDED") from error
        except ssl.SSLError as error:  # trying again does not make a certificate valid
            self._connection.close()
            raise ClientError(f"no TLS with {self._url}: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            message = f"no answer from {self._url}: {type(error).__name__}: {error}"
            raise ClientError(message, code="UNAVAILABLE") from error

    def _set_timeout(self, seconds: float) -> None:
        self._connection.timeout = seconds  # for the next connect
        if self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)


def _connection(server: Server) -> http.client.HTTPConnection:
    if server.tls is None:
        return http.client.HTTPConnection(server.host, server.port)
    return http.client.HTTPSConnection(server.host, server.port, context=_context(server.tls))


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:  # an SSLError is one
        files = ", ".join(str(file) for file in (tls.ca_file, tls.cert_file, tls.key_file) if file is not None)
        raise ClientError(f"cannot use the certificates and key in {files}: {error}; give PEM files") from error
    return context


def _path(model: Model) -> str:
    path = f"/v1/models/{quote(model.name, safe='')}"
    if model.version is not None:
        return f"{path}/versions/{model.version}"
    return f"{path}/labels/{quote(model.label, safe='')}" if model.label else path


def _shown(document: Row) -> str:
    return json.dumps(document)[:SHOWN]
