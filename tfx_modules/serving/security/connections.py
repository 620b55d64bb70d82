"""Bounds how many connections clients hold, and chooses which of them makes room. Knows no protocol."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Connection:
    """A client's connection.

    Attributes:
        close: ends it at once.
        has_key: the client has shown an API key on it.
        computing: requests on it that have arrived as a whole and are not answered yet.
        since: when it was opened, or was last given an answer; seconds of the monotonic clock.
    """

    close: Callable[[], None]
    has_key: bool = False
    computing: int = 0
    since: float = field(default_factory=time.monotonic)

    def began(self) -> None:
        """Note that a request has arrived as a whole."""
        self.computing += 1

    def ended(self) -> None:
        """Note that a request has been answered."""
        self.computing -= 1
        self.since = time.monotonic()


class Connections:
    """The open connections of one port.

    When there are as many as may be, the one that does least makes room for a new one: those without a key first, and
    among them the one that has waited longest. So whoever opens connections and sends nothing only pushes out such
    connections. One that waits for an answer stays.
    """

    def __init__(self, most: int, count_closed: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            most: how many may be open; 0 = any number.
            count_closed: is called with the reason when a connection is closed to make room (``crowded``), or is not
                taken (``refused``).
        """
        self._most = most
        self._count_closed = count_closed
        self._open: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection) -> bool:
        """Take a new connection, closing another where there are too many; False where none makes room."""
        if self._most and len(self._open) >= self._most and not self.make_room():
            self._count_closed("refused")
            return False
        self._open.add(connection)
        return True

    def make_room(self) -> bool:
        """Close the connection that does least; False where all wait for answers."""
        victim = least_busy(self._open)
        if victim is None:
            return False
        self._open.discard(victim)
        self._count_closed("crowded")
        victim.close()
        return True

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._open.discard(connection)


def least_busy(connections: Iterable[Connection]) -> Connection | None:
    """Return the connection to close first: without a key before those with one, then the longest without a request."""
    idle = (connection for connection in connections if not connection.computing)
    return min(idle, key=lambda connection: (connection.has_key, connection.since), default=None)
