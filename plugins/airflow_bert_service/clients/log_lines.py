"""Reads level and text of a line of a node's output, so that Airflow logs it with that level and one time stamp."""

import logging
import re
from typing import NamedTuple

_LEVELS = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
    "I": logging.INFO,
    "W": logging.WARNING,
    "E": logging.ERROR,
    "F": logging.CRITICAL,
}
_NAME = "DEBUG|INFO|WARNING|ERROR|CRITICAL"
_HEADS = (
    # The node command's own lines (tfx_modules/node/logs.py).
    re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?P<level>{_NAME}) "),
    # Python's default form, of processes that nodes start, and of TensorFlow's notice about early messages.
    re.compile(rf"(?P<level>{_NAME}): ?(?=\S)"),
    # TensorFlow's C++ code: its own form, and the one of absl and glog.
    re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: (?P<level>[IWEF]) (?=\S)"),
    re.compile(r"(?P<level>[IWEF])\d{4} \d\d:\d\d:[\d.]+ +\d+ (?=\S+\])"),
)
_PYTHON_WARNING = re.compile(r"\S+:\d+: \w*Warning: ")


class LogLine(NamedTuple):
    """A line of a node's output."""

    level: int
    """As :mod:`logging` numbers it; INFO for a line that names none."""
    text: str
    """Without time stamp and level."""


def read_log_line(line: str) -> LogLine:
    """Read a line of a node's output.

    Args:
        line: Without its line end.
    """
    for head in _HEADS:
        if found := head.match(line):
            return LogLine(_LEVELS[found["level"]], line[found.end() :])
    return LogLine(logging.WARNING if _PYTHON_WARNING.match(line) else logging.INFO, line)
