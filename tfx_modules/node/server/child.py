"""Runs the node in the forked child, after making it a process like one of the node command's own."""

import importlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from tfx_modules.common.parent_death import die_with

_PACKAGE = "tfx_modules"
_CRASHED = 1

_logger = logging.getLogger(__name__)


def run(*, module_root: Path, request: Any, output: int, server: int) -> NoReturn:
    """Run a node and exit; this never returns.

    Args:
        module_root: folder whose ``tfx_modules`` is used.
        request: the request's fields.
        output: file descriptor that takes what the node prints.
        server: process id of the server; the child ends with it.
    """
    code = _CRASHED
    try:
        _detach(output, server)
        _use_modules_of(module_root)
        command = importlib.import_module(f"{_PACKAGE}.node.command")
        code = command.run_fields(request)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else _CRASHED
    # Past here there is only the server's own loop, which the child must never enter.
    except BaseException:
        _logger.exception("the node's process failed")
    finally:
        _leave(code)


def _detach(output: int, server: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    die_with(server)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, output), (2, output)):
        os.dup2(source, target)
    os.close(null)
    os.close(output)
    sys.stdout = os.fdopen(1, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)


def _use_modules_of(module_root: Path) -> None:
    os.chdir(module_root)
    sys.path[0] = str(module_root)
    for name in [name for name in sys.modules if name == _PACKAGE or name.startswith(f"{_PACKAGE}.")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    # Forks would all draw the same numbers; Python's own generator sees to this itself.
    import numpy as np

    np.random.seed()


def _leave(code: int) -> NoReturn:
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
