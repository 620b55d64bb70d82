"""The client's Python class."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any

from tfx_modules.serving.client.greetings import without_greetings
from tfx_modules.serving.client.rest import RestTransport
from tfx_modules.serving.client.retries import with_retries
from tfx_modules.serving.client.specs import Model, Prediction, RetryPolicy, Server, VersionReport
from tfx_modules.serving.client.transport import Transport
from tfx_modules.serving.exceptions import ClientError


class ModelClient:
    """Asks a model server, this project's or any TensorFlow Serving. Not for use by several threads at once.

    A context manager: closes its connection on exit. What may pass is tried again (see ``RetryPolicy``); what remains
    is a ``ClientError`` with the status' code.
    """

    def __init__(self, server: Server, model: Model, retry_policy: RetryPolicy | None = None) -> None:
        """Prepare; connects with the first question.

        Raises:
            ClientError: certificates or keys cannot be read.
        """
        self._model = model
        self._retry_policy = retry_policy or RetryPolicy()
        self._transport = _transport(server)

    def __enter__(self) -> "ModelClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Ask about texts in one request; return a prediction for each, in their order.

        Raises:
            ClientError: no connection, a refusal, an answer of another form, or a text that is not Unicode.
        """
        if not texts:
            return []
        _check(texts)
        seconds = self._retry_policy.timeout_seconds
        rows = with_retries(lambda: self._transport.predict(self._model, texts, seconds), self._retry_policy)
        return [Prediction(text, row) for text, row in zip(texts, rows, strict=True)]

    def predict_batches(self, texts: Iterable[str], batch_size: int = 32) -> Iterator[Prediction]:
        """Ask about any number of texts, ``batch_size`` in a request; holds no more than that in memory.

        Raises:
            ClientError: as ``predict``, with the first batch that fails.
        """
        remaining = iter(texts)
        while batch := list(islice(remaining, batch_size)):
            yield from self.predict(batch)

    def status(self) -> list[VersionReport]:
        """Return the state of the model's version, or of all its versions.

        Raises:
            ClientError: no connection, or a refusal.
        """
        return with_retries(
            lambda: self._transport.status(self._model, self._retry_policy.timeout_seconds), self._retry_policy
        )

    def metadata(self) -> dict[str, Any]:
        """Return the model's signatures by name, in the form of TensorFlow Serving's JSON.

        Raises:
            ClientError: no connection, or a refusal.
        """
        return with_retries(
            lambda: self._transport.metadata(self._model, self._retry_policy.timeout_seconds), self._retry_policy
        )

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def _transport(server: Server) -> Transport:
    if server.protocol == "rest":
        return RestTransport(server)
    # The messages of TensorFlow at import, and those of a Google library once this Python is past its end, are no
    # use to the client's users.
    warnings.filterwarnings("ignore", "You are using a non-supported Python version", FutureWarning)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_greetings():
        from tfx_modules.serving.client.rpc import GrpcTransport  # only here: it imports TensorFlow

    return GrpcTransport(server)


def _check(texts: Sequence[str]) -> None:
    number = 0
    try:
        for number, text in enumerate(texts, 1):  # noqa: B007 - for the message
            text.encode()
    except UnicodeEncodeError as error:
        raise ClientError(f"text {number} is not valid Unicode: {error.reason} at {error.start}") from error
