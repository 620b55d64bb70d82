"""Declares the command line: the flags of ``tensorflow_model_server`` that this server has."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfx_modules.common.program import program
from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.batching_flags import BatchingFlags
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.flags.foreign_flags import check_unknown
from tfx_modules.serving.flags.operations_flags import OPERATIONS_FLAGS, SWITCH, OperationsFlags, take_operations
from tfx_modules.serving.flags.parser import FlagParser

MAX_PORT = 65535
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerFlags:
    """The flags of a server.

    Attributes:
        model_name: the name that requests carry.
        model_base_path: the folder whose sub-folders are the model's versions; it may come into being later. None
            with a config file, which has names and folders of its own: the two above are ignored then.
        model_config_file: a ``ModelServerConfig`` in protobuf's text form.
        model_config_file_poll_wait_seconds: the pause between two readings of that file; 0 = read once, at the start.
        allow_version_labels_for_unavailable_models: let new labels name versions that are not available yet.
        host: the address that both ports are bound to. Loopback unless said otherwise.
        port: gRPC; 0 = any free port.
        rest_api_port: REST; 0 = any free port. (``tensorflow_model_server`` takes 0 for "no REST".)
        file_system_poll_wait_seconds: the pause between two polls of the base path; 0 = poll once, at the start.
        stop_when_stdin_closes: stop when the other end of standard input goes away, so that a server started by
            another process never outlives it.
        drain_seconds: how long requests in progress may take once the server was asked to stop.
        enable_model_warmup: replay a version's warm-up requests before it becomes available.
        engine: what computes a version's answers.
        tensorflow_intra_op_parallelism: threads for one operation; 0 = a thread per core, or 1 on two cores or fewer.
        tensorflow_inter_op_parallelism: operations at the same time; 0 = as many as cores.
        batching: whether requests are computed together.
        operations: limits, keys, TLS, metrics, the prediction log.
    """

    model_name: str
    model_base_path: Path | None
    host: str = "127.0.0.1"
    port: int = 8500
    rest_api_port: int = 8501
    file_system_poll_wait_seconds: float = 1.0
    stop_when_stdin_closes: bool = False
    drain_seconds: float = 10.0
    model_config_file: Path | None = None
    model_config_file_poll_wait_seconds: float = 0.0
    allow_version_labels_for_unavailable_models: bool = False
    enable_model_warmup: bool = True
    engine: EngineChoice = EngineChoice.AUTO
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    batching: BatchingFlags = field(default_factory=BatchingFlags)
    operations: OperationsFlags = field(default_factory=OperationsFlags)

    def __post_init__(self) -> None:
        for flag, port in (("--port", self.port), ("--rest_api_port", self.rest_api_port)):
            if not 0 <= port <= MAX_PORT:
                raise FlagError(f"{flag}={port} is not a port; give 0 (any free port) to {MAX_PORT}")
        if self.port == self.rest_api_port != 0:
            raise FlagError(f"--port and --rest_api_port are both {self.port}; give each its own")
        if self.file_system_poll_wait_seconds < 0:
            raise FlagError(
                f"--file_system_poll_wait_seconds={self.file_system_poll_wait_seconds} is negative; "
                "give seconds, or 0 to poll the base path once"
            )
        for name in ("tensorflow_intra_op_parallelism", "tensorflow_inter_op_parallelism"):
            if getattr(self, name) < 0:
                raise FlagError(
                    f"--{name}={getattr(self, name)} is negative; give threads, or 0 for as many as suit the cores"
                )
        self._check_models()

    def _check_models(self) -> None:
        if self.model_base_path is None and self.model_config_file is None:
            raise FlagError(
                "--model_base_path is missing; give the folder that holds the model's version folders, or several "
                "models with --model_config_file"
            )
        if self.model_config_file_poll_wait_seconds < 0:
            raise FlagError(
                f"--model_config_file_poll_wait_seconds={self.model_config_file_poll_wait_seconds} is negative; "
                "give seconds, or 0 to read the file once"
            )
        if self.model_config_file_poll_wait_seconds and self.model_config_file is None:
            raise FlagError("--model_config_file_poll_wait_seconds is given without --model_config_file; give both")
        if not self.model_name or "/" in self.model_name or ":" in self.model_name:
            raise FlagError(f"--model_name={self.model_name!r} cannot be part of a URL; leave out '/' and ':'")


def _engine(text: str) -> EngineChoice:
    try:
        return EngineChoice(text)
    except ValueError:
        allowed = ", ".join(choice.value for choice in EngineChoice)
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {allowed}") from None


SERVER_FLAGS: dict[str, dict[str, Any]] = {
    "--port": {"type": int, "default": 8500, "help": "gRPC port, 0 = any free one"},
    "--rest_api_port": {"type": int, "default": 8501, "help": "REST port, 0 = any free one"},
    "--model_name": {"default": "default", "help": "the model's name in requests"},
    "--model_base_path": {"type": Path, "help": "folder of the model's version folders"},
    "--model_config_file": {
        "type": Path,
        "help": "models to serve, a ModelServerConfig as text; --model_name and --model_base_path are then ignored",
    },
    "--model_config_file_poll_wait_seconds": {
        "type": float,
        "default": 0.0,
        "help": "pause between readings of the config file, 0 = read once",
    },
    "--allow_version_labels_for_unavailable_models": {
        **SWITCH,
        "default": False,
        "help": "let new labels name versions that are not loaded yet",
    },
    "--file_system_poll_wait_seconds": {
        "type": float,
        "default": 1.0,
        "help": "pause between polls of the base path, 0 = poll once",
    },
    "--enable_model_warmup": {
        **SWITCH,
        "default": True,
        "help": "replay a version's assets.extra/tf_serving_warmup_requests before it becomes available",
    },
    "--enable_batching": {
        **SWITCH,
        "default": False,
        "help": "compute requests of several clients together",
    },
    "--batching_parameters_file": {"type": Path, "help": "file with a BatchingParameters as text"},
    "--engine": {
        "type": _engine,
        "default": EngineChoice.AUTO.value,  # as the help shows it; it is read like what is given
        "metavar": "ENGINE",
        "help": "what computes: auto (what the version carries and this processor runs fastest), tensorflow, openvino",
    },
    "--tensorflow_intra_op_parallelism": {
        "type": int,
        "default": 0,
        "help": "threads for one operation, 0 = per core, but 1 on two cores",
    },
    "--tensorflow_inter_op_parallelism": {"type": int, "default": 0, "help": "operations at once, 0 = per core"},
    "--host": {"default": "127.0.0.1", "help": "address to bind to"},
    "--stop_when_stdin_closes": {
        **SWITCH,
        "default": False,
        "help": "stop when standard input reaches its end",
    },
    **OPERATIONS_FLAGS,
}


_OTHER_NAMES = {"--enable_cors_support": ("--rest_api_enable_cors_support",)}
"""TensorFlow Serving's names of flags that have another one here."""


def parse_flags(arguments: Sequence[str]) -> ServerFlags:
    """Read the command line; ``--flag=value`` and ``--flag value`` are the same.

    Raises:
        FlagError: a flag is not supported (the message lists those that are), is missing, or has a wrong value.
    """
    parser = FlagParser(
        prog=program("python -m tfx_modules.serving"),
        description="Serve a SavedModel over REST and gRPC as tensorflow_model_server does.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    for flag, options in SERVER_FLAGS.items():
        parser.add_argument(flag, *_OTHER_NAMES.get(flag, ()), **options)
    known, unknown = parser.parse_known_args(arguments)
    for line in check_unknown(unknown, SERVER_FLAGS):
        _logger.warning("%s", line)
    values = vars(known)
    operations = take_operations(values)
    paths = {name: path.absolute() for name, path in values.items() if isinstance(path, Path)}
    values = {**values, **paths}
    batching = BatchingFlags(**{name: values.pop(name) for name in ("enable_batching", "batching_parameters_file")})
    return ServerFlags(**values, batching=batching, operations=operations)
