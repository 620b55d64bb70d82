"""TensorFlow's greetings do not reach the user of the client; whatever else is written to stderr does."""

import os

import pytest

from tfx_modules.serving.client.greetings import without_greetings

GREETINGS = b"""WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795971157.340689   30534 port.cc:153] oneDNN custom operations are on.
"""


def test_greetings_are_left_out_and_errors_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    with without_greetings():
        os.write(2, GREETINGS + b"E0000 00:00:1795971157.5 30534 driver.cc:1] broken\nplain text")

    assert capfd.readouterr().err == "E0000 00:00:1795971157.5 30534 driver.cc:1] broken\nplain text"


def test_an_import_that_fails_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError):
        _fail()

    assert capfd.readouterr().err == "no such symbol\n"
    os.write(2, b"later")
    assert capfd.readouterr().err == "later"


def _fail() -> None:
    with without_greetings():
        os.write(2, GREETINGS + b"no such symbol\n")
        raise ImportError
