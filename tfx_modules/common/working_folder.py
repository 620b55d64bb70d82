"""Gives executors a folder that outlives the process: a retried node finds what the killed try before has left."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

WORKING_DIR = "working_dir"
"""Key of ``custom_config``: the folder, for functions that TFX calls."""

_logger = logging.getLogger(__name__)


@contextmanager
def working_folder(context: Any) -> Iterator[str]:
    """Give a folder that a retried node finds as the killed try before has left it, if what runs the node keeps one.

    Args:
        context: the executor's.
    """
    given = context and context.stateful_working_dir
    if given:
        yield given
        return
    _logger.warning("what runs this node gives it no working folder: were it killed, a retry would begin anew")
    with TemporaryDirectory() as made:
        yield made
