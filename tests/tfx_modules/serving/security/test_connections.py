"""When there are too many connections, the one that does least makes room."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.serving.security.connections import Connection, Connections, least_busy


class Port:
    """Connections that remember which of them were closed."""

    def __init__(self, most: int) -> None:
        self.closed: list[str] = []
        self.reasons: list[str] = []
        self.connections = Connections(most, self.reasons.append)
        self._moments: Iterator[int] = iter(range(1000))

    def open(self, name: str, *, has_key: bool = False, computing: int = 0) -> bool:
        moment = float(next(self._moments))
        connection = Connection(lambda: self.closed.append(name), has_key, computing, moment)
        return self.connections.admit(connection)


def test_the_one_that_has_waited_longest_goes_first() -> None:
    port = Port(2)
    assert all(port.open(name) for name in "abcd")
    assert port.closed == ["a", "b"]
    assert port.reasons == ["crowded"] * 2
    assert len(port.connections) == 2


def test_one_with_a_key_goes_after_all_without() -> None:
    port = Port(2)
    port.open("old, with a key", has_key=True)
    for name in "abc":
        port.open(name)
    assert port.closed == ["a", "b"]


def test_one_that_waits_for_an_answer_stays_and_the_new_one_is_refused() -> None:
    port = Port(2)
    assert port.open("a", computing=1)
    assert port.open("b", computing=2)
    assert not port.open("c")
    assert port.closed == []
    assert port.reasons == ["refused"]


def test_without_a_limit_all_stay() -> None:
    port = Port(0)
    assert all(port.open(str(number)) for number in range(100))
    assert len(port.connections) == 100


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 9)), max_size=12))
def test_who_is_chosen_is_idle_and_has_a_key_only_where_no_idle_one_has_none(
    kinds: list[tuple[bool, int, int]],
) -> None:
    connections = [Connection(print, has_key, computing, float(since)) for has_key, computing, since in kinds]
    idle = [connection for connection in connections if not connection.computing]
    chosen = least_busy(connections)
    if not idle:
        assert chosen is None
        return
    assert chosen in idle
    alike = [connection for connection in idle if connection.has_key == chosen.has_key]
    assert chosen.since == min(connection.since for connection in alike)
    assert not chosen.has_key or all(connection.has_key for connection in idle)


def test_a_request_that_ends_makes_its_connection_the_youngest() -> None:
    busy = Connection(print, since=0.0)
    busy.began()
    other = Connection(print, since=1.0)
    assert least_busy([busy, other]) is other
    busy.ended()
    assert least_busy([busy, other]) is other
    assert busy.since > other.since
