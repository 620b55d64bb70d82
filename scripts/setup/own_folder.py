"""Copied into every environment: names it by its own folder in a process, not by the link that it was started by.

Set-up points the link to another build while processes run. They go on importing from the build that they started with.
"""

import os
import sys

_LINK, _FOLDER = sys.prefix, os.path.realpath(sys.prefix)


def _own(path: str) -> str:
    return _FOLDER + path[len(_LINK) :] if (path + os.sep).startswith(_LINK + os.sep) else path


sys.path[:] = [_own(path) for path in sys.path]
sys.executable = _own(sys.executable)
sys.prefix, sys.exec_prefix = _FOLDER, _FOLDER
