"""Finds the source files that a module depends on, all that it imports included."""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.exceptions import CodeVersionError
from tfx_modules.pipeline.imports import Reference, references

ROOT = Path(__file__).parents[2]
"""The folder that holds this ``tfx_modules``."""
_PACKAGE = "tfx_modules"
_COMPILED_IN = frozenset({f"{_PACKAGE}/settings.toml"})
"""Files that no node reads: the compiler puts their values into the IR."""
# As plugins/airflow_bert_service/pipeline/source_digest.py, which tells whether the IR is stale.
_SKIPPED_FOLDERS = frozenset({"__pycache__"})
_SKIPPED_SUFFIXES = frozenset({".pyc", ".pyo", ".swp", ".swo", ".swx"})


@dataclass(frozen=True)
class _Module:
    """What one module brings along: files, and other modules, whose own are not among them."""

    files: tuple[Path, ...]
    modules: frozenset[str]


class Sources:
    """The Python packages below a folder, read as files: nothing of them is imported.

    A user's folder may come beside it, with modules of which less is asked: where one of them loads modules in a way
    that cannot be followed, all modules of that folder count for it.

    A file that is no module of its package, because it is no Python or because its folder has no ``__init__.py``,
    belongs to the package above it, and counts for all modules of that package. What a module imports is read once.
    """

    def __init__(self, root: Path = ROOT, packages: Iterable[str] = (_PACKAGE,), *, users: Path | None = None) -> None:
        """See the class.

        Args:
            root: The folder that holds the packages.
            packages: Names of the packages, and modules, right in it whose code is looked at.
            users: A folder of the user's; all packages and modules right in it are looked at. None: there is none.
        """
        self._root = root
        self._roots = dict.fromkeys(packages, root)
        self._own = frozenset(self._roots)
        self._users = users.resolve() if users else None
        if self._users:
            for name in _top_level(self._users):
                self._roots.setdefault(name, self._users)
        self.packages = tuple(self._roots)
        self._modules: dict[str, _Module] = {}

    def users_module(self, file: str) -> str | None:
        """Return the dotted name of a file of the user's folder, as if it were imported from there; None: of another.

        Args:
            file: A path, as a component's ``module_file`` has it.
        """
        path = Path(file).resolve()
        if self._users is None or not path.is_relative_to(self._users) or not path.is_file():
            return None
        return _module_name(path.relative_to(self._users))

    def closure(self, names: Iterable[str]) -> frozenset[str]:
        """Return the files that modules depend on, themselves and what they import at any depth.

        Args:
            names: Dotted names of modules, or of functions or classes in them; those of other packages are passed over.

        Returns:
            Paths relative to the folder that they are in, with slashes.

        Raises:
            CodeVersionError: A module imports one that is not there, or loads modules in a way that cannot be followed.
        """
        pending = {module for name in names for module in self._named(name)}
        seen: set[str] = set()
        files: set[Path] = set()
        while pending:
            module = pending.pop()
            seen.add(module)
            found = self._module(module)
            files |= {*found.files}
            pending |= found.modules - seen
        return frozenset(self._place(path).as_posix() for path in files)

    def digest(self, files: Iterable[str]) -> str:
        """Return the SHA-256, as hex digits, of the names and contents of files.

        Args:
            files: Paths relative to the folder that they are in, in any order.
        """
        digest = hashlib.sha256()
        for name in sorted(files):
            content = self.path_of(name).read_bytes()
            digest.update(os.fsencode(name) + f"\0{len(content)}\0".encode())  # a name need not be UTF-8
            digest.update(content)
        return digest.hexdigest()

    def path_of(self, file: str) -> Path:
        """Return where a file is that :meth:`closure` has named."""
        return self._roots.get(file.partition("/")[0].removesuffix(".py"), self._root) / file

    def is_users(self, file: str) -> bool:
        """Whether a file that :meth:`closure` has named is in the user's folder."""
        return self._users is not None and file.partition("/")[0].removesuffix(".py") not in self._own

    def _named(self, name: str) -> list[str]:
        """Return the module that a text names, or that has the function or class of this name; none: not ours.

        A package may be named to be run (``python -m``): its ``__main__`` is added.
        """
        parts = name.split(".")
        if parts[0] not in self.packages:
            return []
        while parts and self._file(".".join(parts)) is None:
            parts.pop()
        module = ".".join(parts)
        main = f"{module}.__main__"
        return [module, main] if module == name and self._file(main) else [module] if module else []

    def _place(self, path: Path) -> Path:
        return path.relative_to(self._users if self._users and self._is_users(path) else self._root)

    def _is_users(self, path: Path) -> bool:
        # The user's folder may be in the one that holds our packages, or the other way round.
        is_ours = any(path.is_relative_to(self._root / name) for name in self._own)
        return self._users is not None and not is_ours and path.is_relative_to(self._users)

    def _file(self, module: str) -> Path | None:
        top, *rest = module.split(".")
        if top not in self._roots:
            return None
        path = self._roots[top].joinpath(top, *rest)
        return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)

    def _module(self, module: str) -> _Module:
        if module not in self._modules:
            files = tuple(self._files_of(module))
            modules = {needed for path in files if path.suffix == ".py" for needed in self._modules_in(path)}
            package = {module.rpartition(".")[0]} - {""}
            self._modules[module] = _Module(files, frozenset(modules | package))
        return self._modules[module]

    def _files_of(self, module: str) -> Iterator[Path]:
        file = self._file(module)
        if file is not None:
            yield file
            if file.name == "__init__.py":
                yield from self._other_files(file.parent)

    def _other_files(self, package: Path) -> Iterator[Path]:
        for path in package.iterdir():
            if path.is_dir() and path.name not in _SKIPPED_FOLDERS and not (path / "__init__.py").exists():
                yield from filter(self._is_source, _files_below(path))
            elif path.suffix != ".py" and self._is_source(path):
                yield path

    def _is_source(self, path: Path) -> bool:
        inside = self._place(path)
        skipped = _SKIPPED_FOLDERS & set(inside.parts) or path.suffix in _SKIPPED_SUFFIXES
        return path.is_file() and not skipped and inside.as_posix() not in _COMPILED_IN

    def _modules_in(self, path: Path) -> Iterator[str]:
        place = self._place(path)
        parent = ".".join(place.parent.parts)
        try:
            found = references(path.read_text(encoding="utf-8"), place.as_posix(), self.packages, parent)
        # Python itself reads other encodings than UTF-8 too; a file with a null byte is a ValueError.
        except (CodeVersionError, SyntaxError, ValueError):
            if self._users is None or not self._is_users(path):
                raise
            yield from _modules_below(self._users, self.packages)
            return
        for reference in found:
            yield from self._modules_of(reference, path)

    def _modules_of(self, reference: Reference, path: Path) -> list[str]:
        if reference.is_text:
            return self._named(reference.name)
        if self._file(reference.name) is None and not self._is_users(path):
            raise CodeVersionError(
                f"{self._place(path)}, line {reference.line}, imports {reference.name}, which is not below "
                f"{self._roots[reference.name.partition('.')[0]]}; allowed: modules that are there. Correct the import."
            )
        members = [f"{reference.name}.{member}" for member in reference.members]
        return [reference.name, *(member for member in members if self._file(member))]


def _top_level(folder: Path) -> Iterator[str]:
    """Yield the names of the packages and modules right in a folder; a package need not have an ``__init__.py``."""
    for path in folder.iterdir():
        is_package = path.is_dir() and any(file.suffix == ".py" for file in _files_below(path))
        name = path.stem if path.suffix == ".py" else path.name if is_package else ""
        if name.isidentifier() and name not in _SKIPPED_FOLDERS:
            yield name


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, without those of virtual environments and compiled pipelines in it."""
    for name, folders, files in os.walk(folder):
        place = Path(name)
        if (place / "pyvenv.cfg").exists() or ((place / "current").is_file() and any(place.glob("*/digests.json"))):
            folders.clear()
        else:
            yield from (place / file for file in files)


def _modules_below(folder: Path, packages: Collection[str]) -> Iterator[str]:
    files = (path for path in _files_below(folder) if path.suffix == ".py")
    names = (_module_name(path.relative_to(folder)) for path in files)
    return (name for name in names if name.partition(".")[0] in packages)


def _module_name(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
