"""The documents name files and commands that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "benchmarks" / "README.md"]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:py|md|toml|cfg)")
CORE_FLOW = re.compile(r"^## The core flow\n\n(?P<lines>.*?)\n\n## ", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"^([a-z][a-z0-9-]*):", re.MULTILINE)
MAKE = re.compile(r"\bmake ([a-z][a-z0-9-]*)")


def inline_code(text: str) -> list[str]:
    return INLINE.findall(FENCED.sub("", text))


def paths(text: str) -> list[str]:
    """Paths that stand alone in backticks: with a slash, of a file whose existence can be checked."""
    return [code for code in inline_code(text) if PATH.fullmatch(code)]


def core_flow() -> list[str]:
    found = CORE_FLOW.search((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert found, "docs/architecture.md has no section 'The core flow'"
    return found["lines"].splitlines()


def test_the_core_flow_is_told_in_six_numbered_lines() -> None:
    assert [line.partition(" ")[0] for line in core_flow()] == ["1.", "2.", "3.", "4.", "5.", "6."]


@pytest.mark.parametrize("number", range(1, 7))
def test_each_line_of_the_core_flow_names_files_that_exist(number: int) -> None:
    named = paths(core_flow()[number - 1])
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    named = paths(document.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_command_that_a_document_shows_exists(document: Path) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    text = document.read_text(encoding="utf-8")
    code = [*inline_code(text), *FENCED.findall(text), *re.findall(r"^ {4}.+$", text, re.MULTILINE)]
    shown = {target for piece in code for target in MAKE.findall(piece)}
    assert shown - targets == set()


def test_the_readme_shows_the_two_commands() -> None:
    shown = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert {"    make demo", "    make up"} <= set(shown)
