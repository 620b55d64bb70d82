"""The documents name files, commands and pages that exist, and link the pages that they name."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
RECORDS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *PAGES,
    ROOT / "benchmarks" / "README.md",
    ROOT / "data" / "README.md",
    ROOT / "contracts" / "README.md",
]
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:py|md|toml|cfg)")
LINK = re.compile(r"(?P<picture>!?)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CORE_FLOW = re.compile(r"^# Architecture\n\n## The core flow\n\n(?P<lines>.*?)\n\n## ", re.DOTALL)
TARGET = re.compile(r"^([a-z][a-z0-9-]*):", re.MULTILINE)
MAKE = re.compile(r"\bmake ([a-z][a-z0-9-]*)")
RECORD = re.compile(r"# (?P<number>\d+)\. .+\n\n## Context\n.*", re.DOTALL)
SECTIONS = (["Context", "Decision", "Consequences"], ["Context", "Decision", "Alternatives", "Consequences"])
NAMED_PAGE = re.compile(r"\bdocs/[\w./-]+\.md")
CODE = ("plugins", "dags", "scripts", "tfx_modules", "benchmarks", "data", "docker", "tests")
GENERATED = re.compile(r"^<!-- generated: (.+?) -->\n.+?\n<!-- end -->$", re.MULTILINE | re.DOTALL)
# Pages that a document names as files, and does not link: the rule is about the file, or the page is not its subject.
NAMED_AS_FILES = {("docs/decisions/0023-docs-site.md", "docs/architecture.md")}
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def inline_code(text: str) -> list[str]:
    return INLINE.findall(FENCED.sub("", text))


def paths(text: str) -> list[str]:
    """Paths that stand alone in backticks: with a slash, of a file whose existence can be checked."""
    return [code for code in inline_code(text) if PATH.fullmatch(code)]


def prose(text: str) -> str:
    """The text without code, in which brackets are no links."""
    return INLINE.sub("", FENCED.sub("", text))


def links(document: Path) -> Iterator[tuple[str, str]]:
    """A mark for pictures, and the target, of each link to a file of the repository."""
    for found in LINK.finditer(prose(text_of(document))):
        if not found["target"].startswith(("http://", "https://", "mailto:")):
            yield found["picture"], found["target"]


def anchors(document: Path) -> set[str]:
    """The ids that the site's builder gives the headings of a page."""
    titles = HEADING.findall(FENCED.sub("", text_of(document)))
    plain = [re.sub(r"[^\w\s-]", "", re.sub(r"[`*]", "", title)).strip().lower() for title in titles]
    return {re.sub(r"[-\s]+", "-", title) for title in plain}


def core_flow() -> list[str]:
    found = CORE_FLOW.match(text_of(DOCS / "architecture.md"))
    assert found, "docs/architecture.md does not begin with the section 'The core flow'"
    return found["lines"].splitlines()


def navigation(entries: object) -> Iterator[str]:
    """The pages in a part of mkdocs.yml's `nav`."""
    if isinstance(entries, str):
        yield entries
    elif isinstance(entries, dict):
        for entry in entries.values():
            yield from navigation(entry)
    elif isinstance(entries, list):
        for entry in entries:
            yield from navigation(entry)


def test_the_core_flow_is_told_in_six_numbered_lines() -> None:
    assert [line.partition(" ")[0] for line in core_flow()] == ["1.", "2.", "3.", "4.", "5.", "6."]


@pytest.mark.parametrize("number", range(1, 7))
def test_each_line_of_the_core_flow_names_files_that_exist(number: int) -> None:
    named = paths(core_flow()[number - 1])
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


@each_document
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    named = paths(text_of(document))
    assert [name for name in named if not (ROOT / name).is_file()] == []


@each_document
def test_every_make_command_that_a_document_shows_exists(document: Path) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    text = text_of(document)
    code = [*inline_code(text), *FENCED.findall(text), *re.findall(r"^ {4}.+$", text, re.MULTILINE)]
    shown = {target for piece in code for target in MAKE.findall(piece)}
    assert shown - targets == set()


@each_document
def test_every_link_leads_to_a_file_and_a_heading_that_exist(document: Path) -> None:
    dead = []
    for picture, target in links(document):
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if not picture and (not file.is_file() or (anchor and anchor not in anchors(file))):
            dead.append(target)
    assert dead == []


@each_document
def test_every_picture_is_there(document: Path) -> None:
    pictures = [target for picture, target in links(document) if picture]
    assert [target for target in pictures if not (document.parent / target).is_file()] == []


@each_document
def test_every_name_of_a_page_is_a_link(document: Path) -> None:
    own = str(document.relative_to(ROOT))
    named = {
        name for name in paths(text_of(document)) if name.startswith("docs/") and (own, name) not in NAMED_AS_FILES
    }
    assert named == set()


def test_every_page_that_code_or_configuration_names_exists() -> None:
    files = [
        path for folder in CODE for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".toml", ".config"}
    ]
    files += [*(ROOT / "docker").glob("*.yaml"), *ROOT.glob("*.yaml"), *ROOT.glob("*.cfg"), ROOT / "Makefile"]
    named = {(str(path.relative_to(ROOT)), page) for path in files for page in NAMED_PAGE.findall(text_of(path))}
    assert len(named) >= 10
    assert {(path, page) for path, page in named if not (ROOT / page).is_file()} == set()


def test_every_page_has_a_place_in_the_navigation() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(navigation(site["nav"])) == [str(page.relative_to(DOCS)) for page in PAGES]


def test_the_site_loads_nothing_from_other_servers() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert site["theme"]["font"] is False
    assert site["plugins"] == ["search"]
    assert "analytics" not in site["extra"]
    assert not any("://" in address for address in [*site["extra_css"], *site.get("extra_javascript", [])])


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: str(path.stem))
def test_every_decision_record_has_the_one_form_and_is_listed(record: Path) -> None:
    text = text_of(record)
    found = RECORD.fullmatch(text)
    assert found, "a record begins with '# NUMBER. Title' and the section Context"
    assert int(found["number"]) == int(record.name[:4])
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) in SECTIONS
    assert f"({record.name})" in text_of(DOCS / "decisions" / "index.md")


def test_the_tables_of_settings_are_marked_as_generated() -> None:
    found = GENERATED.findall(text_of(DOCS / "reference" / "settings.md"))
    assert found == ["airflow settings", "pipeline settings"]


def test_the_readme_shows_the_two_commands() -> None:
    shown = text_of(ROOT / "README.md").splitlines()
    assert {"    make demo", "    make up"} <= set(shown)


def test_the_readme_can_be_read_in_a_few_minutes() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) <= 150
