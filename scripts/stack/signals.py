"""Handles the signals that end a stack: the first one raises, and later ones are ignored while the stack stops."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked the stack to stop. It is not an error: no handler of exceptions may catch it.

    Attributes:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number


class Interrupts:
    """Turns the first ending signal into :class:`Interrupted`, raised in the main thread where it happens to be."""

    def __init__(self) -> None:
        self.held = False

    def hold(self) -> None:
        """From now on signals are ignored: stopping has a deadline of its own, and ends by force."""
        self.held = True

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Answer a signal; installed with :func:`signal.signal`."""
        if not self.held:
            self.held = True
            raise Interrupted(number)


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Answer Ctrl-C, SIGTERM and a closed terminal alike while the block runs."""
    interrupts = Interrupts()
    before = {number: signal.signal(number, interrupts.handle) for number in ENDING}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
