import contextlib
import io
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.node import logs


@contextlib.contextmanager
def configured() -> Iterator[io.StringIO]:
    """What is written to stderr after the log was configured; pytest's own handlers stand aside meanwhile."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        logs.configure()
        yield stderr
    root.handlers[:], root.level = handlers, level


def test_a_line_has_time_and_level() -> None:
    with configured() as stderr:
        logging.getLogger("tfx_modules.model.training").info("epoch %d", 1)

    time, level, text = stderr.getvalue().split(" ", 2)
    assert (len(time), time[-1], level, text) == (20, "Z", "INFO", "epoch 1\n")


def test_protos_that_tfx_logs_are_cut_and_what_others_say_is_not() -> None:
    proto = "node_info {\n" + "  id: 1\n" * 100

    with configured() as stderr:
        logging.getLogger("absl").info("Running launcher for %s", proto)
        logging.getLogger("tfx_modules.model.training").info("x" * 1000)

    first, second = stderr.getvalue().splitlines()
    assert first.endswith("INFO Running launcher for node_info { ... (800 characters more)")
    assert second.endswith("x" * 1000)


def test_errors_stay_whole() -> None:
    with configured() as stderr:
        logging.getLogger("absl").error("it failed\nbecause\n%s", "x" * 1000)

    assert [line.split(" ", 2)[1:] for line in stderr.getvalue().splitlines()] == [
        ["ERROR", "it failed"],
        ["ERROR", "because"],
        ["ERROR", "x" * 1000],
    ]


def test_every_line_of_a_traceback_has_time_and_level() -> None:
    with configured() as stderr:
        try:
            int("no\nnumber")
        except ValueError:
            logging.getLogger("tfx_modules").exception("it failed")

    lines = stderr.getvalue().splitlines()
    assert [line.split(" ", 2)[1] for line in lines] == ["ERROR"] * len(lines)
    assert lines[1].endswith("ERROR Traceback (most recent call last):")
    assert lines[-1].endswith(r"ERROR ValueError: invalid literal for int() with base 10: 'no\nnumber'")


@pytest.mark.parametrize(
    "text", ["MetadataStore with DB connection initialized", "tensorflow_io is not available: No module named 'x'"]
)
def test_what_tells_nothing_is_left_out(text: str) -> None:
    with configured() as stderr:
        logging.getLogger("absl").info(text)

    assert stderr.getvalue() == ""


@given(st.text())
def test_a_shortened_text_is_one_short_line_and_tells_what_is_left_out(text: str) -> None:
    short = logs.shorten(text)

    assert "\n" not in short
    assert len(short) <= 450
    shown, _, left = short.rpartition(" ... (") if short.endswith(" characters more)") else (short, "", "0 ")
    assert text.strip().startswith(shown)
    assert len(shown) + int(left.split()[0]) >= len(text.strip())
