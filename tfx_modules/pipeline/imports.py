"""Reads, from the source of a module, which other modules it depends on; it imports none of them."""

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn

from tfx_modules.exceptions import CodeVersionError

_LOADERS = frozenset(
    {
        "__import__",
        "exec_module",
        "import_module",
        "load_module",
        "run_module",
        "run_path",
        "spec_from_file_location",
        "walk_packages",
    }
)
"""Functions of Python that load a module by a value: by its name, or by the path of its file."""
_EVALUATORS = frozenset({"eval", "exec"})
"""Likewise, but methods of these names are something else."""
_DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Reference:
    """A place in a source that makes its module depend on another one."""

    name: str
    """The dotted name that stands there, made absolute."""
    line: int
    members: tuple[str, ...] = ()
    """What an import takes from the module: its submodules, or names that it defines."""
    is_text: bool = False
    """Whether the name is a text, such as an argument of ``python -m``; it may be of a function or a class."""


def references(source: str, place: str, packages: Collection[str], parent: str) -> tuple[Reference, ...]:
    """Read what a module depends on of some packages. Imports under ``if TYPE_CHECKING`` do not count.

    Args:
        source: The text of the module.
        place: The file, for errors.
        packages: Names of top-level packages and modules; the rest is passed over.
        parent: Dotted name of the package that the module is in; relative imports start there.

    Raises:
        CodeVersionError: The source loads modules in a way that cannot be followed.
    """
    reader = _Reader(place, packages, parent)
    reader.visit(ast.parse(source, place))
    return tuple(reader.found)


class _Reader(ast.NodeVisitor):
    """Collects the references of one module."""

    def __init__(self, place: str, packages: Collection[str], parent: str) -> None:
        self.found: list[Reference] = []
        self._place = place
        self._packages = packages
        self._parent = parent
        self._followed: set[ast.expr] = set()

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        name = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
        for child in node.orelse if name == "TYPE_CHECKING" else [test, *node.body, *node.orelse]:
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(Reference(alias.name, node.lineno))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = tuple(alias.name for alias in node.names)
        if renamed := [alias.name for alias in node.names if alias.asname and alias.name in _LOADERS]:
            self._refuse(node, f"gives {renamed[0]} another name", "its own name")
        module = self._absolute(node)
        if "*" in names and self._is_ours(module):
            self._refuse(node, f"imports * from {module}", "names of what it imports")
        self._add(Reference(module, node.lineno, names))

    def visit_Call(self, node: ast.Call) -> None:
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and _DOTTED_NAME.fullmatch(str(first.value)):
            self._followed.add(node.func)  # the text is a reference like any other text
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in _LOADERS | _EVALUATORS:
            self._refuse_unfollowed(node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in _LOADERS:
            self._refuse_unfollowed(node, node.attr)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and _DOTTED_NAME.fullmatch(node.value):
            self._add(Reference(node.value, node.lineno, is_text=True))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        first = node.values[0] if node.values else None
        if isinstance(first, ast.Constant):
            name = str(first.value)
            if name.endswith(".") and _DOTTED_NAME.fullmatch(name[:-1]) and self._is_ours(name):
                self._refuse(node, f"puts a name together that begins with {name!r}", "the whole name as a text")
        self.generic_visit(node)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self._parent.split(".")
        return ".".join([*parts[: len(parts) + 1 - node.level], *filter(None, [node.module])])

    def _is_ours(self, name: str) -> bool:
        return name.partition(".")[0] in self._packages

    def _add(self, reference: Reference) -> None:
        if self._is_ours(reference.name):
            self.found.append(reference)

    def _refuse_unfollowed(self, node: ast.expr, loader: str) -> None:
        if node not in self._followed:
            self._refuse(node, f"uses {loader} with something else than a module's name", "the whole name as a text")

    def _refuse(self, node: ast.AST, what: str, allowed: str) -> NoReturn:
        raise CodeVersionError(
            f"{self._place}, line {getattr(node, 'lineno', 0)}, {what}; allowed: {allowed}, so that the node's code "
            "version covers it. Import it by an import statement."
        )
