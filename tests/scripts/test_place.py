"""A stack lives in one folder, with its socket where a Unix socket's short path fits."""

import os
import stat
from pathlib import Path

from scripts.stack.paths import StackPaths, find_paths, make_private_folder, socket_path

LONGEST = 107


def test_state_is_in_var_by_default(tmp_path: Path) -> None:
    assert find_paths({}, tmp_path).state == tmp_path / "var"


def test_state_can_be_put_elsewhere(tmp_path: Path) -> None:
    assert find_paths({"BERT_SERVICE_STATE": str(tmp_path / "x" / ".." / "y")}).state == tmp_path / "y"


def test_the_socket_fits_however_deep_the_state_is(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path, tmp_path / ("deep" * 50) / ("er" * 100))

    assert len(bytes(socket_path(paths, {}))) <= LONGEST


def test_two_states_have_two_sockets(tmp_path: Path) -> None:
    one, other = (socket_path(StackPaths(tmp_path, tmp_path / name), {}) for name in ("one", "other"))

    assert one.parent != other.parent


def test_the_socket_is_in_the_runtime_folder_where_there_is_one(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path, tmp_path)

    assert socket_path(paths, {"XDG_RUNTIME_DIR": str(tmp_path)}).parent.parent == tmp_path
    assert socket_path(paths, {"XDG_RUNTIME_DIR": str(tmp_path / "missing")}).parent.parent != tmp_path / "missing"


def test_a_private_folder_is_the_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_private_folder(tmp_path / "private")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o700
