"""Keeps TensorFlow's greetings off stderr while it is imported.

TensorFlow 2.21 tells how it was built when its libraries are loaded, before it looks at TF_CPP_MIN_LOG_LEVEL.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_GREETING = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog\(\) ")
"""Lines of level INFO in the form of absl's log, and what absl says of them."""
_STDERR = 2


@contextmanager
def without_greetings() -> Iterator[None]:
    """Hold back what is written to stderr meanwhile; at the end, write it but for the greetings."""
    sys.stderr.flush()
    stderr = os.dup(_STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, _STDERR)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not _GREETING.match(line):
                    os.write(_STDERR, line)
