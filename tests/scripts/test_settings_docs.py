"""The settings' documentation is what their declarations say."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import provider_config, settings_docs
from scripts.declarations import read_classes
from scripts.errors import DeclarationError

COMMAND = "The settings' declarations have changed. Run: make reference"
DECLARATIONS = '''
from dataclasses import field
from enum import Enum

class Colour(str, Enum):
    """A colour."""

    RED = "red"
    """As a rose."""
    BLUE = "blue"
    """As the sea."""

class Limits:
    """How far it may go."""

    most: Annotated[float, Between(0, 1)] = 1e-4
    """The limit: a|b."""

class Part:
    """What a part is (``docs/explanation/promotion.md``)."""

    colour: Colour = Colour.RED
    """What it is painted in."""
    sizes: tuple[int, ...] = (1, 2)
    """Sizes, of :class:`~some.Thing`."""
    lower: Limits = Limits()
    """Below."""
    upper: Limits = Limits()
    """Above."""

class PipelineSettings:
    """All."""

    name: str = field(default_factory=make)
    """Its name. Default: that of ``a.b/c`` of the folder. It has to be new."""
    part: Part = Part()
'''


@pytest.fixture
def sections(tmp_path: Path) -> Callable[..., dict[str, settings_docs.Section]]:
    def read(declarations: str = DECLARATIONS, values: str = "") -> dict[str, settings_docs.Section]:
        (tmp_path / "settings.py").write_text(declarations, encoding="utf-8")
        (tmp_path / "settings.toml").write_text(values, encoding="utf-8")
        found = settings_docs.pipeline_sections(tmp_path / "settings.py", tmp_path / "settings.toml")
        return {section.title: section for section in found}

    return read


Sections = Callable[..., dict[str, settings_docs.Section]]


def test_the_tables_of_the_docs_are_those_of_the_declarations() -> None:
    assert settings_docs.PAGE.read_text(encoding="utf-8") == settings_docs.page(), COMMAND


def test_the_provider_metadata_are_those_of_the_declarations() -> None:
    assert provider_config.FILE.read_text(encoding="utf-8") == provider_config.text(), COMMAND


def test_every_key_of_the_airflow_side_is_in_one_table() -> None:
    keys = [row.key.strip("`") for section in settings_docs.airflow_sections() for row in section.rows]
    assert sorted(keys) == sorted(provider_config.options())


def test_a_key_has_its_tables_names_before_it(sections: Sections) -> None:
    assert [[row.key for row in section.rows] for section in sections().values()] == [
        ["`name`"],
        ["`part.colour`", "`part.sizes`"],
        ["`part.lower.most`, `part.upper.most`"],
    ]


def test_a_default_that_is_an_expression_is_told_by_the_docstring(sections: Sections) -> None:
    (row,) = sections()[""].rows
    assert (row.default, row.meaning) == ("that of `a.b/c` of the folder", "Its name. It has to be new.")


def test_a_default_that_nothing_tells_is_refused(sections: Sections) -> None:
    untold = DECLARATIONS.replace("Default: that", "That")
    with pytest.raises(DeclarationError, match=r"setting name has an expression .* 'Default \.\.\.' in its docstring"):
        sections(untold)


def test_a_setting_without_docstring_is_refused(sections: Sections) -> None:
    with pytest.raises(DeclarationError, match="setting sizes has no docstring"):
        sections(DECLARATIONS.replace('"""Sizes, of :class:`~some.Thing`."""', ""))


@pytest.mark.parametrize("bases", ["str, Enum", "StrEnum", "enum.StrEnum"])
def test_choices_are_listed_with_what_they_mean(sections: Sections, bases: str) -> None:
    colour, sizes = sections(DECLARATIONS.replace("str, Enum", bases))["Part"].rows
    assert colour.meaning == "What it is painted in.<br>`red`: As a rose.<br>`blue`: As the sea."
    assert sizes.meaning == "Sizes, of some.Thing."


def test_limits_are_told(sections: Sections) -> None:
    (most,) = sections()["Lower and upper"].rows
    assert most.meaning == "The limit: a|b. Allowed: 0 to 1."
    declared = {row.key: row.meaning for section in settings_docs.airflow_sections() for row in section.rows}
    assert declared["`window_days`"].endswith(" Allowed: 1 or more.")


@pytest.mark.parametrize("note", ["Between(0, MOST)", "Below(1)", "Between(1)", "LIMIT"])
def test_a_limit_that_cannot_be_told_is_refused(sections: Sections, note: str) -> None:
    with pytest.raises(DeclarationError, match=rf"setting most has the note {re.escape(note)}; allowed: a limit of"):
        sections(DECLARATIONS.replace("Between(0, 1)", note))


@pytest.mark.parametrize("module", ["declared.py", "limits.py"])
def test_both_sides_read_settings_alike(module: str) -> None:
    airflow_side = (settings_docs.AIRFLOW_SETTINGS / "reading" / module).read_text(encoding="utf-8")
    tfx_side = (settings_docs.PIPELINE_SETTINGS.parent / "reading" / module).read_text(encoding="utf-8")
    assert airflow_side.replace("airflow_bert_service", "tfx_modules") == tfx_side, "Change both files"


def test_a_page_is_linked_by_its_title(sections: Sections) -> None:
    assert sections()["Part"].introduction == (
        "What a part is ([How a model is promoted](../explanation/promotion.md))."
    )


def test_tables_of_one_class_are_told_together(sections: Sections) -> None:
    assert sections()["Lower and upper"].introduction == (
        "How far it may go. `part.lower`: Below. `part.upper`: Above."
    )


def test_another_value_of_the_file_goes_first(sections: Sections) -> None:
    values = '[part]\ncolour = "blue"\nsizes = [1, 2]\n[part.upper]\nmost = 2e-5\n'
    found = sections(values=values)
    assert [row.default for row in found["Part"].rows] == ["`blue` (`red` where the file is silent)", "`[1, 2]`"]
    assert [row.default for row in found["Lower and upper"].rows] == [
        "`part.lower.most`: 1e-4, `part.upper.most`: 2e-5 (1e-4 where the file is silent)"
    ]


def test_the_reader_imports_nothing_of_what_it_reads(tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text(
        'import missing_module\n\nclass A:\n    """A."""\n\n    b: int = 1\n    """B."""\n', encoding="utf-8"
    )
    (field,) = read_classes(file)["A"].members
    assert (field.name, field.annotation, field.documentation()) == ("b", "int", "B.")
