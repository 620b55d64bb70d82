"""The server may open as many files as its connections need, as far as the system lets it."""

import subprocess
import sys

import pytest

SCRIPT = """
import logging, resource, sys
from tfx_modules.serving.descriptors import allow_connections
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
allow_connections(1000)
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [(300, 4000, "1256 4000"), (2000, 4000, "2000 4000"), (300, 1256, "1256 1256"), (300, 900, "900 900")],
)
def test_the_soft_limit_follows_the_connections(soft: int, hard: int, expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(soft=soft, hard=hard)], capture_output=True, text=True, check=True
    )
    *warnings, limits = done.stdout.splitlines()
    assert limits == expected
    assert len(warnings) == (hard < 1256)
    if warnings:
        assert warnings[0].startswith("this process may open 900 files, and 1000 connections may need 1256; lower")
