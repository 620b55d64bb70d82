"""Copies the modules of a user's that nodes run: runs use the copy, so that later edits do not reach them."""

import importlib.machinery
import shutil
import sys
import sysconfig
from collections.abc import Collection, Iterable
from pathlib import Path

from tfx_modules.exceptions import CodeVersionError
from tfx_modules.pipeline.sources import Sources


def write_code(files: Collection[str], sources: Sources, folder: Path) -> None:
    """Copy those files of a pipeline's code that are the user's.

    Nothing else of the user's is there when a node runs. So a module that no code version covers cannot be imported,
    and no change of it can go unnoticed.

    Args:
        files: The files of a pipeline's code, as code versions name them.
        sources: Where they are.
        folder: The folder of the copy; it is made.

    Raises:
        CodeVersionError: A module has the name of an installed one, or a file changed while it was copied.
    """
    own = sorted(name for name in files if sources.is_users(name))
    check_names({name.partition("/")[0].removesuffix(".py") for name in own})
    folder.mkdir()
    for name in own:
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        source = sources.path_of(name)
        shutil.copyfile(source, copy)
        # A package may bring a program. Who may read it is not copied: nodes may run as another user.
        copy.chmod(copy.stat().st_mode | source.stat().st_mode & 0o111)
    if Sources(users=folder).digest(own) != sources.digest(own):
        raise CodeVersionError(
            "a module of the pipeline changed while the pipeline was compiled; allowed: files that stay as they are "
            "meanwhile. Compile it again."
        )


def check_names(names: Iterable[str]) -> None:
    """Check that modules of a user's can be told from installed ones.

    Args:
        names: Names of modules and packages right in the user's folder.

    Raises:
        CodeVersionError: One cannot.
    """
    for name in sorted(names):
        if name in sys.stdlib_module_names or _is_installed(name):
            raise CodeVersionError(
                f"module {name} of the pipeline has the name of an installed module, and a node may import "
                "either; allowed: other names. Rename it."
            )


def _is_installed(name: str) -> bool:
    places = [sysconfig.get_path(kind) for kind in ("purelib", "platlib")]
    found = importlib.machinery.PathFinder.find_spec(name, places)
    return found is not None and found.origin is not None  # a folder without modules of its own is in nobody's way
