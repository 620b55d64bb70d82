"""Moves files and folders aside that nothing knows, where a person may look at them."""

import datetime as dt
from pathlib import Path

ASIDE = ".aside"
"""Name of the folder for them, below the one that they were in."""


def move_aside(path: Path, root: Path) -> Path:
    """Move a file or folder aside, by one rename; a symbolic link is moved and not followed.

    Args:
        path: what is below ``root``.
        root: the folder that gets the folder ``.aside``.

    Returns:
        Where it is now; its name has the time and the old path.
    """
    aside = root / ASIDE
    aside.mkdir(exist_ok=True)
    moment = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    moved = aside / "-".join((moment, *path.relative_to(root).parts))
    path.rename(moved)
    return moved
