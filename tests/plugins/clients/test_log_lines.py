"""Lines of a node's output come out with their level, and without their time stamp."""

import logging

import pytest
from airflow_bert_service.clients.log_lines import read_log_line


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("2026-11-05T12:00:00Z WARNING no GPU: training on the CPU", logging.WARNING, "no GPU: training on the CPU"),
        ('2026-11-05T12:00:00Z ERROR   File "a.py", line 3', logging.ERROR, '  File "a.py", line 3'),
        ("2026-11-05T12:00:00Z INFO ", logging.INFO, ""),
        ("2026-11-05T12:00:00Z CRITICAL it is over", logging.CRITICAL, "it is over"),
        ("WARNING:root:a worker is slow", logging.WARNING, "root:a worker is slow"),
        ("WARNING: All log messages before absl::InitializeLog() is called", logging.WARNING, "All log messages "),
        (
            "2026-11-05 12:00:00.123456: E external/xla/cuda.cc:266] failed call to cuInit",
            logging.ERROR,
            "external/xla/cuda.cc:266] failed call to cuInit",
        ),
        ("W0000 00:00:1764331200.123456   14442 cpu.cc:12] slow", logging.WARNING, "cpu.cc:12] slow"),
        ("F1105 12:00:00.123456 14442 check.cc:9] Check failed", logging.CRITICAL, "check.cc:9] Check failed"),
        ("/site/beam.py:12: DeprecationWarning: old", logging.WARNING, "/site/beam.py:12: DeprecationWarning: old"),
    ],
)
def test_the_forms_of_node_processes(line: str, level: int, text: str) -> None:
    found = read_log_line(line)
    assert found.level == level
    assert found.text.startswith(text)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "32/63 - 12s - loss: 0.61",
        "::group::Pulling image",
        "ERRORS: 0 of 3",
        "WARNING",
        "2026-11-05 is the newest day",
    ],
)
def test_any_other_line_is_as_it_was_printed(line: str) -> None:
    assert read_log_line(line) == (logging.INFO, line)
