"""The command line: ``tensorflow_model_server``'s flags, as far as this server has them."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.operations.settings import OPERATIONS_FLAGS, OperationsSettings, boolean, take_operations

MAX_PORT = 65535


@dataclass(frozen=True)
class ServerSettings:
    """How a server runs.

    Attributes:
        model_name: the name that requests carry.
        model_base_path: the folder whose sub-folders are the model's versions; it may come into being later.
        host: the address that both ports are bound to. Loopback unless said otherwise.
        port: gRPC; 0 = any free port.
        rest_api_port: REST; 0 = any free port. (``tensorflow_model_server`` takes 0 for "no REST".)
        file_system_poll_wait_seconds: the pause between two looks at the base path; 0 = look once, at the start.
        stop_when_stdin_closes: stop when the other end of standard input goes away, so that a server started by
            another process never outlives it.
        drain_seconds: how long requests that are under way may take once the server is told to stop.
        operations: limits, keys, TLS, metrics, the prediction log.
    """

    model_name: str
    model_base_path: Path
    host: str = "127.0.0.1"
    port: int = 8500
    rest_api_port: int = 8501
    file_system_poll_wait_seconds: float = 1.0
    stop_when_stdin_closes: bool = False
    drain_seconds: float = 10.0
    operations: OperationsSettings = field(default_factory=OperationsSettings)

    def __post_init__(self) -> None:
        for flag, port in (("--port", self.port), ("--rest_api_port", self.rest_api_port)):
            if not 0 <= port <= MAX_PORT:
                raise FlagError(f"{flag}={port} is not a port; give 0 (any free port) to {MAX_PORT}")
        if self.port == self.rest_api_port != 0:
            raise FlagError(f"--port and --rest_api_port are both {self.port}; give each its own")
        if self.file_system_poll_wait_seconds < 0:
            raise FlagError(
                f"--file_system_poll_wait_seconds={self.file_system_poll_wait_seconds} is negative; "
                "give seconds, or 0 to look at the base path once"
            )
        if not self.model_name or "/" in self.model_name or ":" in self.model_name:
            raise FlagError(f"--model_name={self.model_name!r} cannot be part of a URL; leave out '/' and ':'")


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would print and exit."""

    def error(self, message: str) -> NoReturn:
        raise FlagError(message)


_FLAGS: dict[str, dict[str, Any]] = {
    "--port": {"type": int, "default": 8500, "help": "gRPC port, 0 = any free one"},
    "--rest_api_port": {"type": int, "default": 8501, "help": "REST port, 0 = any free one"},
    "--model_name": {"default": "default", "help": "the model's name in requests"},
    "--model_base_path": {"type": Path, "help": "folder of the model's version folders; has to be given"},
    "--file_system_poll_wait_seconds": {
        "type": float,
        "default": 1.0,
        "help": "pause between looks at the base path, 0 = look once",
    },
    "--host": {"default": "127.0.0.1", "help": "address to bind to"},
    "--stop_when_stdin_closes": {
        "type": boolean,
        "nargs": "?",
        "const": True,
        "default": False,
        "help": "stop when standard input reaches its end",
    },
    **OPERATIONS_FLAGS,
}


def parse_flags(arguments: Sequence[str]) -> ServerSettings:
    """Read the command line; ``--flag=value`` and ``--flag value`` are the same.

    Raises:
        FlagError: a flag is not supported (the message lists those that are), is missing, or has a wrong value.
    """
    parser = _Parser(
        prog="python -m tfx_modules.serving",
        description="Serve a SavedModel over REST and gRPC as tensorflow_model_server does.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    for flag, options in _FLAGS.items():
        parser.add_argument(flag, **options)
    known, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise FlagError(f"not supported: {' '.join(unknown)}; supported flags: {', '.join(sorted(_FLAGS))}")
    if known.model_base_path is None:
        raise FlagError("--model_base_path is missing; give the folder that holds the model's version folders")
    values = vars(known)
    operations = take_operations(values)
    base_path = values["model_base_path"].absolute()
    return ServerSettings(**{**values, "model_base_path": base_path, "operations": operations})
