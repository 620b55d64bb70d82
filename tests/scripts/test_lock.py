"""One stack per state folder."""

import os
from pathlib import Path

import pytest

from scripts.errors import StackError
from scripts.stack.lock import is_running, only_stack
from scripts.stack.paths import StackPaths


def test_a_second_stack_on_the_same_state_is_refused(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path, tmp_path)

    with only_stack(paths), pytest.raises(StackError, match=rf"already \(process {os.getpid()}\)"), only_stack(paths):
        pass


def test_a_stack_on_another_state_is_not(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()

    with only_stack(StackPaths(tmp_path, tmp_path)), only_stack(StackPaths(tmp_path, tmp_path / "other")):
        pass


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path, tmp_path)
    assert not is_running(paths)

    with only_stack(paths):
        assert is_running(paths)

    assert not is_running(paths)
