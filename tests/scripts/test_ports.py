"""Ports are chosen by make variables and checked before anything starts."""

import socket
from collections.abc import Iterator

import pytest

from scripts.errors import StackError
from scripts.stack.ports import LOOPBACK, Ports, check_free, free_port, is_free, read_ports


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_without_variables_the_usual_ports_are_used() -> None:
    assert read_ports({"UI_PORT": ""}) == Ports(ui=8080, rest=8501, grpc=8500)


def test_each_port_has_a_variable() -> None:
    assert read_ports({"UI_PORT": "1", "REST_PORT": "2", "GRPC_PORT": "3"}) == Ports(ui=1, rest=2, grpc=3)


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", "80.5", "²"])
def test_what_is_no_port_is_refused(value: str) -> None:
    with pytest.raises(StackError, match=r"UI_PORT is '.*'; allowed: a number from 1 to 65535"):
        read_ports({"UI_PORT": value})


def test_two_servers_cannot_share_a_port() -> None:
    with pytest.raises(StackError, match="UI_PORT and GRPC_PORT are both 8500"):
        read_ports({"UI_PORT": "8500"})


def test_a_free_port_is_free() -> None:
    assert is_free(free_port())


def test_a_taken_port_is_named_with_its_variable(taken_port: int) -> None:
    with pytest.raises(StackError, match=rf"taken: {taken_port} \(REST_PORT\)\. .*REST_PORT=\d+"):
        check_free(Ports(ui=free_port(), rest=taken_port, grpc=free_port()))


def test_a_server_on_all_interfaces_takes_the_port_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 (what is to be found)
        assert not is_free(server.getsockname()[1])
