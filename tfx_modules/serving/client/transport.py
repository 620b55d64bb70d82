"""The interface between the client and a protocol."""

from collections.abc import Sequence
from typing import Any, Protocol

from tfx_modules.serving.client.specs import Model, VersionReport

Row = dict[str, Any]  # one text's outputs


class Transport(Protocol):
    """One protocol's side of the client. Tries once; raises ClientError with a code."""

    def predict(self, model: Model, texts: Sequence[str], timeout_seconds: float) -> list[Row]:
        """Return a row per text."""

    def status(self, model: Model, timeout_seconds: float) -> list[VersionReport]:
        """Return the state of the version that is asked for, or of all."""

    def metadata(self, model: Model, timeout_seconds: float) -> Row:
        """Return the signatures by name, as TensorFlow Serving's JSON has them."""

    def close(self) -> None:
        """Close the connection."""
