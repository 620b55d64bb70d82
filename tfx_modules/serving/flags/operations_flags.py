"""Declares the flags for limits, security, metrics and the prediction log. Imports only the standard library."""

import argparse
import enum
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.connection_flags import CONNECTION_FLAGS, ConnectionFlags
from tfx_modules.serving.flags.request_flags import REQUEST_FLAGS, RequestFlags


@dataclass(frozen=True)
class LimitFlags:
    """The limits of the server.

    Attributes:
        max_request_bytes: size of a request; 0 = no limit.
        max_concurrent_requests: inference requests that are answered at the same time, of both protocols together;
            0 = no limit.
        max_queued_requests: those that may wait for one of these to end; further ones are refused.
        rest_api_timeout_in_ms: time for a REST request, from its last byte on. (gRPC's clients send a deadline.)
    """

    max_request_bytes: int = 32 * 1024 * 1024
    max_concurrent_requests: int = 256
    max_queued_requests: int = 0
    rest_api_timeout_in_ms: int = 30_000

    def __post_init__(self) -> None:
        for name in ("max_request_bytes", "max_concurrent_requests", "max_queued_requests"):
            if getattr(self, name) < 0:
                raise FlagError(f"--{name}={getattr(self, name)} is negative; give a number, or 0")
        if self.rest_api_timeout_in_ms <= 0:
            raise FlagError(f"--rest_api_timeout_in_ms={self.rest_api_timeout_in_ms} is no time; give milliseconds")
        if self.max_queued_requests and not self.max_concurrent_requests:
            raise FlagError("--max_queued_requests needs --max_concurrent_requests, for without it nothing waits")


@dataclass(frozen=True)
class SecurityFlags:
    """API keys, TLS and CORS.

    Attributes:
        ssl_config_file: TensorFlow Serving's SSLConfig as text, with keys and certificates in it; gRPC's TLS.
        rest_ssl_cert: a certificate with those that it goes back to (PEM); REST's TLS.
        rest_ssl_key: its private key (PEM).
        api_key_file: keys, one a line; requests must carry one of them.
        admin_api_key_file: keys, one a line, of which requests that change the models must carry one.
        allow_reload_config: take new model configs over gRPC.
        model_roots: folders below which the base paths of such a config must be; empty = where those of the start are.
        allow_side_effect_ops: load models whose graph could read and write files, or run code.
        status_without_api_key: status, health and metrics need no key.
        enable_cors_support: let pages of any origin ask over REST.
    """

    ssl_config_file: Path | None = None
    rest_ssl_cert: Path | None = None
    rest_ssl_key: Path | None = None
    api_key_file: Path | None = None
    admin_api_key_file: Path | None = None
    allow_reload_config: bool = False
    model_roots: tuple[Path, ...] = ()
    allow_side_effect_ops: bool = False
    status_without_api_key: bool = False
    enable_cors_support: bool = False

    def __post_init__(self) -> None:
        if (self.rest_ssl_cert is None) != (self.rest_ssl_key is None):
            raise FlagError("--rest_ssl_cert and --rest_ssl_key go together; give both files or neither")
        if self.status_without_api_key and self.api_key_file is None:
            raise FlagError("--status_without_api_key needs --api_key_file, for without it nothing needs a key")
        self._check_reload()

    def _check_reload(self) -> None:
        if self.allow_reload_config != (self.admin_api_key_file is not None):
            raise FlagError(
                "--allow_reload_config and --admin_api_key_file go together: who may change the models needs a key of "
                "its own; give both or neither"
            )
        if self.model_roots and not self.allow_reload_config:
            raise FlagError("--model_roots needs --allow_reload_config, for without it no base path is asked for")
        wrong = [str(root) for root in self.model_roots if not root.is_absolute()]
        if wrong:
            raise FlagError(
                f"--model_roots has {', '.join(map(repr, wrong))}; give absolute paths, with commas between"
            )


class LoggedText(enum.Enum):
    """How the prediction log records a request's texts, and all other inputs."""

    OMIT = "omit"  # nothing
    HASH = "hash"  # the SHA-256 of each: tells whether two are the same, and nobody's words
    PLAIN = "plain"  # all of it


@dataclass(frozen=True)
class PredictionLogFlags:
    """The flags of the prediction log.

    Attributes:
        file: where lines are added; None = no log.
        sample_rate: share of the requests, 0 to 1.
    """

    file: Path | None = None
    sample_rate: float = 1.0
    text: LoggedText = LoggedText.OMIT

    def __post_init__(self) -> None:
        if not 0 <= self.sample_rate <= 1:
            raise FlagError(f"--prediction_log_sample_rate={self.sample_rate} is not a share; give 0 to 1")
        if self.file is None and (self.sample_rate, self.text) != (1.0, LoggedText.OMIT):
            raise FlagError("--prediction_log_sample_rate and --prediction_log_text need --prediction_log_file")


@dataclass(frozen=True)
class OperationsFlags:
    """The flags for limits, security, metrics and the prediction log.

    Attributes:
        monitoring_config_file: TensorFlow Serving's MonitoringConfig as text; None = no metrics.
    """

    limits: LimitFlags = field(default_factory=LimitFlags)
    connections: ConnectionFlags = field(default_factory=ConnectionFlags)
    requests: RequestFlags = field(default_factory=RequestFlags)
    security: SecurityFlags = field(default_factory=SecurityFlags)
    prediction_log: PredictionLogFlags = field(default_factory=PredictionLogFlags)
    monitoring_config_file: Path | None = None


def boolean(text: str) -> bool:
    """Read a flag's value as TensorFlow Serving does."""
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return values[text.lower()]


# `--flag`, `--flag=true` and `--flag=false`.
SWITCH: Mapping[str, Any] = {"type": boolean, "nargs": "?", "const": True}


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(Path(part) for part in text.split(",") if part)


def _logged_text(text: str) -> LoggedText:
    try:
        return LoggedText(text)
    except ValueError:
        allowed = ", ".join(choice.value for choice in LoggedText)
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {allowed}") from None


OPERATIONS_FLAGS: dict[str, dict[str, Any]] = {
    **{flag: dict(options) for flag, options in REQUEST_FLAGS.items()},
    "--max_request_bytes": {"type": int, "help": "size of a request, 0 = no limit"},
    "--max_concurrent_requests": {"type": int, "help": "concurrent inference requests, 0 = no limit"},
    "--max_queued_requests": {"type": int, "help": "requests that may wait for a slot"},
    "--rest_api_timeout_in_ms": {"type": int, "help": "time for a REST request"},
    "--ssl_config_file": {"type": Path, "help": "gRPC's TLS: TensorFlow Serving's SSLConfig as text"},
    "--rest_ssl_cert": {"type": Path, "help": "REST's TLS: certificate (PEM)"},
    "--rest_ssl_key": {"type": Path, "help": "REST's TLS: its key (PEM)"},
    "--api_key_file": {"type": Path, "help": "keys, one a line, of which requests must carry one"},
    "--admin_api_key_file": {
        "type": Path,
        "help": "keys, one a line, of which a request for another model config must carry one",
    },
    "--allow_reload_config": {**SWITCH, "help": "take model configs over gRPC (HandleReloadConfigRequest)"},
    "--model_roots": {
        "type": _paths,
        "help": "folders below which the base paths of such a config must be, with commas between",
    },
    "--allow_side_effect_ops": {
        **SWITCH,
        "help": "load models with ops that read or write files, run code or reach other machines",
    },
    "--status_without_api_key": {
        **SWITCH,
        "help": "answer status, health and metrics without a key",
    },
    "--enable_cors_support": {
        **SWITCH,
        "help": "let pages of any origin ask over REST",
    },
    "--monitoring_config_file": {"type": Path, "help": "TensorFlow Serving's MonitoringConfig as text"},
    "--prediction_log_file": {"type": Path, "help": "file that predictions are added to, as JSON lines"},
    "--prediction_log_sample_rate": {"type": float, "help": "share of the requests that is logged, 0 to 1"},
    "--prediction_log_text": {"type": _logged_text, "help": "what is logged of the texts: omit, hash, plain"},
    **{flag: dict(options) for flag, options in CONNECTION_FLAGS.items()},
}


def take_operations(values: MutableMapping[str, Any]) -> OperationsFlags:
    """Take the values of these flags out of the command line's; None is a flag that was not given.

    Raises:
        FlagError: a value is not allowed.
    """
    given = {flag[2:]: values.pop(flag[2:]) for flag in OPERATIONS_FLAGS}
    given = {name: value for name, value in given.items() if value is not None}
    log = {name[len("prediction_log_") :]: value for name, value in given.items() if name.startswith("prediction_log_")}
    return OperationsFlags(
        limits=LimitFlags(**_of(LimitFlags, given)),
        connections=ConnectionFlags(**_of(ConnectionFlags, given)),
        requests=RequestFlags(**_of(RequestFlags, given)),
        security=SecurityFlags(**_of(SecurityFlags, given)),
        prediction_log=PredictionLogFlags(**log),
        monitoring_config_file=given.get("monitoring_config_file"),
    )


def _of(kind: type[Any], given: MutableMapping[str, Any]) -> dict[str, Any]:
    names = {entry.name for entry in fields(kind)}
    return {name: value for name, value in given.items() if name in names}
