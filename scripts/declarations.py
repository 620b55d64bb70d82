"""Reads what a settings module declares: its classes, their fields, the defaults and the docstrings below the fields.

It parses the source and does not import it, so it also reads a module whose environment is another one.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from scripts.errors import DeclarationError

ENUMS = ("Enum", "StrEnum")


@dataclass(frozen=True)
class Declaration:
    """A field of a settings class, or a member of an enum."""

    name: str
    annotation: str
    """Source of the field's type, without ``Annotated``; empty for a member of an enum."""
    notes: tuple[ast.expr, ...]
    """The expressions that ``Annotated`` has behind the type."""
    default: ast.expr | None
    """The expression behind the equals sign, if there is one."""
    docstring: str
    """The text below it in one line; empty where it has none."""

    def documentation(self) -> str:
        """Return the docstring.

        Raises:
            DeclarationError: It has none.
        """
        if not self.docstring:
            raise DeclarationError(f"setting {self.name} has no docstring; allowed: one below it. Write it.")
        return self.docstring


@dataclass(frozen=True)
class DeclaredClass:
    """A class of a settings module; neither its methods nor its bases' fields."""

    docstring: str
    is_enum: bool
    members: tuple[Declaration, ...]
    """Its fields, or an enum's members, in their order."""


def read_classes(file: Path) -> Mapping[str, DeclaredClass]:
    """Return the classes that a module declares, by name."""
    module = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.name: DeclaredClass(
            docstring=_one_line(ast.get_docstring(node) or ""),
            is_enum=any(ast.unparse(base).rpartition(".")[2] in ENUMS for base in node.bases),
            members=tuple(_members(node.body)),
        )
        for node in module.body
        if isinstance(node, ast.ClassDef)
    }


def without_roles(text: str) -> str:
    """Leave out the markup of references: of ``:class:`~a.B``` stays ``a.B``."""
    return re.sub(r":\w+:`~?([^`]+)`", r"\1", text)


def _members(body: list[ast.stmt]) -> Iterator[Declaration]:
    for node, below in zip_longest(body, body[1:]):
        text = _docstring(below)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            annotation, *notes = _annotated(node.annotation)
            yield Declaration(node.target.id, ast.unparse(annotation), tuple(notes), node.value, text)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield Declaration(node.targets[0].id, "", (), node.value, text)


def _annotated(annotation: ast.expr) -> list[ast.expr]:
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated":
        within = annotation.slice
        return within.elts if isinstance(within, ast.Tuple) else [within]
    return [annotation]


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return _one_line(node.value.value)
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
