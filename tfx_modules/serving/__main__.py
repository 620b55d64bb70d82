"""``python -m tfx_modules.serving``: the model server's command."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from tfx_modules.exceptions import EngineFileError, ServingError
from tfx_modules.serving.descriptors import allow_connections
from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.flags.server_flags import parse_flags
from tfx_modules.serving.memory import bound_arenas
from tfx_modules.serving.observability.log_rate import LogRate
from tfx_modules.serving.ports import bind_ports


def main(arguments: Sequence[str]) -> int:
    """Run a server until a signal stops it; the process then ends with 0. Return 2 for a wrong flag, 1 otherwise."""
    try:
        _run(arguments)
    except ServingError as error:
        print(f"model server: {error}", file=sys.stderr)
        return 2 if isinstance(error, FlagError) else 1


def _run(arguments: Sequence[str]) -> NoReturn:
    flags = parse_flags(arguments)
    bound_arenas()
    bound_ports = bind_ports(flags)  # now, and not after TensorFlow's seconds of import
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # until the event loop takes over
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(LogRate())
    connections = flags.operations.connections
    allow_connections(connections.rest_max_connections + connections.grpc_max_connections)
    # Of a Google library, once this Python is past its end. Nothing here depends on it.
    warnings.filterwarnings("ignore", "You are using a non-supported Python version", FutureWarning)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only: TensorFlow greets with pages about CUDA

    if flags.engine is not EngineChoice.TENSORFLOW:
        # Not before: the flags' help does without its packages.
        from tfx_modules.engines.openvino_library import allow_amx, openvino

        allow_amx()
        with contextlib.suppress(EngineFileError):  # told for each version that needs it
            openvino()

    from tfx_modules.serving.server import serve

    asyncio.run(serve(flags, *bound_ports))
    # A thread may still be loading or computing although the deadline has passed: Python would wait for it.
    logging.shutdown()
    with contextlib.suppress(OSError):  # a full disk is no reason to end with an error
        sys.stdout.flush()
    os._exit(0)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
