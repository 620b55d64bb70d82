"""Keeps the builds of an environment beside its place, and makes the place a link to the one that is used.

    .venv/airflow              a link to airflow.builds/2
    .venv/airflow.builds/1     the build before it, for processes that still run; the next set-up removes it
    .venv/airflow.builds/2

Everything that set-up removes is in such a folder of its own. It follows no link, and removes nothing that it has not
made.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scripts.errors import SetupError

STAMP = "setup.stamp"
MARKER = "made-by-setup"
_MARKER_TEXT = "Set-up makes the numbered folders beside this file, and removes those that are no longer used.\n"


def builds_folder(place: Path) -> Path:
    """Return the folder of an environment's builds."""
    return place.with_name(place.name + ".builds")


def check_place(place: Path) -> None:
    """Check that what is at an environment's place may be replaced.

    Args:
        place: The environment's folder, as it is configured.

    Raises:
        SetupError: It is not set-up's, or is a link to something that is not.
    """
    if place.is_symlink():
        target = Path(os.path.normpath(str(place.parent / os.readlink(str(place)))))
        if target.parent != builds_folder(place):
            raise SetupError(
                f"{place} is a link to {target}; allowed: a link to a folder in {builds_folder(place)}, which set-up "
                f"makes itself, or no link. Set-up follows no link to what others may use. Remove the link "
                f"(rm {place}), then repeat."
            )
    elif place.exists() and not (place.is_dir() and (_is_empty(place) or (place / STAMP).is_file())):
        raise SetupError(
            f"{place} exists, and set-up has not made it; allowed: a folder that is missing, is empty, or has the "
            f"file {STAMP} of an earlier set-up. Name another folder, or move this one away, then repeat."
        )


def open_builds(place: Path) -> Path:
    """Return the folder of an environment's builds; make it where it is missing.

    Raises:
        SetupError: There is something of that name that set-up has not made.
    """
    folder = builds_folder(place)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise _foreign(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / MARKER).is_file():
        if not _is_empty(folder):
            raise _foreign(folder)
        (folder / MARKER).write_text(_MARKER_TEXT)
    return folder


def make_build(place: Path) -> Path:
    """Make an empty folder for a new build, and remove the builds that nothing uses any more.

    The one that the place is a link to stays, and so do those that a process of this machine has files of in memory.

    Raises:
        SetupError: The place, or the folder of its builds, is not set-up's.
    """
    check_place(place)
    folder = open_builds(place)
    builds = [entry for entry in folder.iterdir() if entry.name.isdigit() and not entry.is_symlink()]
    current = place.resolve()
    for build in builds:
        if build.resolve() != current and not is_used(build):
            shutil.rmtree(str(build))
    new = folder / str(1 + max((int(build.name) for build in builds), default=0))
    new.mkdir()
    return new


def use_build(place: Path, build: Path) -> None:
    """Make the place a link to a finished build, at one stroke; processes that run go on with the build they have.

    A folder of an earlier kind of set-up, which was no link, becomes one of the builds.

    Raises:
        SetupError: The place is not set-up's.
    """
    check_place(place)
    if place.is_dir() and not place.is_symlink():
        if _is_empty(place):
            place.rmdir()
        else:
            place.rename(build.with_name(str(int(build.name) + 1)))
    link = build.with_name("link")
    if link.is_symlink():
        link.unlink()
    link.symlink_to(Path(build.parent.name) / build.name)
    link.replace(place)


def is_used(build: Path) -> bool:
    """Whether a process has files of a build in memory. Where processes cannot be looked at, the answer is yes."""
    processes = Path("/proc")
    if not (processes / "self" / "maps").exists():
        return True
    prefix = os.fsencode(str(build.resolve()) + os.sep)
    return any(prefix in _maps(process) for process in processes.iterdir() if process.name.isdigit())


def _maps(process: Path) -> bytes:
    try:
        return (process / "maps").read_bytes()
    except OSError:  # it has ended, or is another user's
        return b""


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


def _foreign(folder: Path) -> SetupError:
    return SetupError(
        f"{folder} exists, and set-up has not made it; allowed: nothing of that name, or a folder with set-up's file "
        f"{MARKER}. Move it away, or choose another place for the environment, then repeat."
    )
