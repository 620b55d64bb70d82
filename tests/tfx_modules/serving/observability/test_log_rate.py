"""A message that clients can cause again and again does not fill the log."""

import logging

from tfx_modules.serving.observability.log_rate import KINDS, LogRate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, message, values, None)


def test_a_message_is_written_so_often_in_a_minute_and_then_how_many_were_left_out() -> None:
    clock = Clock()
    rate = LogRate(3, clock=clock)
    assert [rate.filter(record("bad request %d", number)) for number in range(5)] == [True] * 3 + [False] * 2
    assert rate.filter(record("another"))
    clock.now = 61
    first, second = record("bad request %d", 5), record("bad request %d", 6)
    assert rate.filter(first)
    assert rate.filter(second)
    assert first.getMessage() == "bad request 5 (2 more of these were left out before)"
    assert second.getMessage() == "bad request 6"


def test_messages_without_end_are_bounded_together() -> None:
    rate = LogRate(3, clock=Clock())
    assert sum(rate.filter(record(f"number {number}")) for number in range(KINDS + 100)) == KINDS + 3
