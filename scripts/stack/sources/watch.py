"""Tells on the terminal when changed sources are in service, or why not, while the stack runs."""

import time
from collections.abc import Callable

from scripts.errors import StackError
from scripts.stack.sources.service import Service, Stage

LOOK_SECONDS = 2.0


class SourcesWatch:
    """Looks at the sources from time to time, and prints a line when their stage changes.

    Args:
        read: Compares sources and service (:meth:`~scripts.stack.sources.service.ServiceReader.read`).
        say: Prints a line.
        seconds: The time between two looks.
    """

    def __init__(self, read: Callable[[], Service], say: Callable[[str], None], seconds: float = LOOK_SECONDS) -> None:
        self._read = read
        self._say = say
        self._seconds = seconds
        self._next = 0.0
        self._told: tuple[Stage, str, str] | str = ""
        self._seen = ""

    def tell(self, service: Service) -> None:
        """Print what is new since the last time."""
        what = (service.stage, service.dag_id, service.wanted)
        seen, self._seen = self._seen, service.wanted
        if what == self._told or (service.stage is Stage.PENDING and seen != service.wanted):
            return  # a file that is being written has a version, too: the next look sees it complete
        self._told = what
        if service.stage is Stage.IN_SERVICE:
            self._say(service.ready)
        elif service.stage is Stage.REFUSED:
            self._say(service.text)
        else:
            self._say(f"The sources have changed: waiting for {service.text}. {service.runs}")

    def look(self) -> None:
        """Look, if it is time to. An error is printed once, and the next look tries again."""
        if time.monotonic() < self._next:
            return
        try:
            self.tell(self._read())
        except StackError as error:
            if self._told != str(error):
                self._told = str(error)
                self._say(f"Which version of the sources is in service cannot be told: {error}")
        self._next = time.monotonic() + self._seconds
