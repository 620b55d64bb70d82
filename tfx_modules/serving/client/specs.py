"""Defines the client's server, model, versions and predictions. Needs only the standard library."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx_modules.serving.exceptions import ClientError

MAX_PORT = 65535


@dataclass(frozen=True)
class Tls:
    """The certificates and key of a TLS connection.

    Attributes:
        ca_file: certificates (PEM) that the server's must go back to; None = the system's.
        cert_file: this client's certificate (PEM), where the server asks for one.
        key_file: that certificate's private key (PEM).
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        if (self.cert_file is None) != (self.key_file is None):
            raise ClientError("a client's certificate and its key go together; give both files or neither")


@dataclass(frozen=True)
class Server:
    """A server's address, protocol and credentials; made by ``Server.rest`` or ``Server.grpc``.

    Attributes:
        protocol: ``rest`` or ``grpc``.
        host: a name or an address; an IPv6 address without brackets.
        tls: None = no encryption.
        api_key: sent as ``Authorization: Bearer``; empty = not sent.
    """

    protocol: str
    host: str
    port: int
    tls: Tls | None = None
    api_key: str = ""

    @classmethod
    def rest(cls, address: str, *, tls: Tls | None = None, api_key: str = "") -> "Server":
        """Return a server that is asked over REST, at ``HOST:PORT``.

        Raises:
            ClientError: the address is none.
        """
        return cls("rest", *_host_and_port(address), tls, api_key)

    @classmethod
    def grpc(cls, address: str, *, tls: Tls | None = None, api_key: str = "") -> "Server":
        """Return a server that is asked over gRPC, at ``HOST:PORT``.

        Raises:
            ClientError: the address is none.
        """
        return cls("grpc", *_host_and_port(address), tls, api_key)

    @property
    def address(self) -> str:
        """``host:port``, with brackets around an IPv6 host."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
        raise ClientError(f"{address!r} is not an address; give HOST:PORT, like 127.0.0.1:8501")
    return host.removeprefix("[").removesuffix("]"), int(port)


@dataclass(frozen=True)
class Model:
    """The model, version and signature that requests name.

    Attributes:
        name: the name that the server has for it.
        version: a version's number; None = the label's, else the newest.
        label: a version's label, like ``stable``; empty = none.
        signature_name: empty = ``serving_default``.
        input_name: the signature's input that takes the texts.
    """

    name: str
    version: int | None = None
    label: str = ""
    signature_name: str = ""
    input_name: str = "text"

    def __post_init__(self) -> None:
        if self.version is not None and self.label:
            raise ClientError(f"version {self.version} and label {self.label!r} both choose a version; give one")


@dataclass(frozen=True)
class RetryPolicy:
    """The timeout and retries of requests.

    Attributes:
        timeout_seconds: for each try.
        retries: tries after the first, when the server is not reachable, or says that it has too much to do.
        first_pause_seconds: about the pause before the first of them; each next one is twice as long.
    """

    timeout_seconds: float = 60.0
    retries: int = 3
    first_pause_seconds: float = 0.2


@dataclass(frozen=True)
class Prediction:
    """A model's outputs for one text.

    Attributes:
        outputs: the signature's outputs for this text, by name. Over REST a single one has no name, and is ``output``.
    """

    text: str
    outputs: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The label, like ``positive``.

        Raises:
            ClientError: the signature has no such output.
        """
        return str(self._output("label"))

    @property
    def score(self) -> float:
        """The probability of positive, or of the label that the task names, 0 to 1; of a multiclass task, of ``label``.

        Raises:
            ClientError: the signature has no such output.
        """
        return float(self._output("score"))

    @property
    def scores(self) -> dict[str, float]:
        """The probability of each label, 0 to 1; of a multiclass or a multilabel task.

        Raises:
            ClientError: the signature has no such outputs.
        """
        labels = map(str, self._output("labels"))
        return dict(zip(labels, map(float, self._output("scores")), strict=True))

    @property
    def has_sets(self) -> bool:
        """Whether the text may have several labels, or none: the model's task is a multilabel one."""
        return {"labels", "scores", "chosen"} <= set(self.outputs)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The labels that the text has, by the model's threshold; none, or several: of a multilabel task.

        Raises:
            ClientError: the signature has no such outputs.
        """
        labels = map(str, self._output("labels"))
        return tuple(label for label, there in zip(labels, self._output("chosen"), strict=True) if there)

    def _output(self, name: str) -> Any:
        if name not in self.outputs:
            raise ClientError(f"the answer lacks {name!r}; it has {', '.join(sorted(self.outputs))}")
        return self.outputs[name]


@dataclass(frozen=True)
class VersionReport:
    """The state of a version, as the server reports it.

    Attributes:
        state: ``AVAILABLE``, ``LOADING`` ... : the names in TensorFlow Serving's ``ModelVersionStatus.State``.
        error: why it is not available; empty when all is well.
    """

    version: int
    state: str
    error: str = ""
