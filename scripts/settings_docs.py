"""`python -m scripts.settings_docs`: writes the tables of docs/reference/settings.md from the settings' declarations.

Both sides' declarations are parsed, so this runs in Airflow's environment. What a docstring may say for the tables:

- A page's name like ``docs/architecture.md`` becomes a link to it, with its title.
- The sentence "Default ..." goes to the column of defaults, for defaults that are no plain value.

A field of an enum's type has the list of its members. Limits and defaults that depend on other settings are told as the
declaration's ``Annotated`` has them.
"""

import ast
import json
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomllib

from scripts import provider_config
from scripts.declarations import Declaration, DeclaredClass, read_classes, without_roles
from scripts.errors import DeclarationError

if TYPE_CHECKING:
    from airflow_bert_service.settings.reading.declared import Setting

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "settings.md"
AIRFLOW_SETTINGS = ROOT / "plugins" / "airflow_bert_service" / "settings"
PIPELINE_SETTINGS = ROOT / "tfx_modules" / "settings" / "settings.py"
PIPELINE_VALUES = ROOT / "tfx_modules" / "settings.toml"
GENERAL = "General"
GROUPS: Mapping[str, Sequence[str]] = {
    "Feeds": (
        "feed",
        "imdb_archive",
        "imdb_sha256",
        "imdb_first_day",
        "imdb_days",
        "imdb_reviews_per_day",
        "holdout",
    ),
    "Feeds of your own": ("source",),
    "Rows": ("rules",),
    "Artifacts": ("artifacts",),
    "Retention": ("retention",),
    "Time limits": ("limits",),
    "GPU": ("gpu",),
    "Scoring": ("scoring",),
    "Containers": ("containers",),
    "Writing requests": ("writes",),
    "Notifications": ("notifications",),
}
"""The fields of the Airflow side's settings by the heading that they are below; all others are below ``GENERAL``."""
_REGION = "<!-- generated: {name} -->\n"
_END = "\n<!-- end -->"
_DEFAULT = re.compile(r"(?:^|(?<=\.) )Default:? (.+?)\.(?= |$)")
_PAGE_NAME = re.compile(r"``(docs/[\w./-]+\.md)``")
_BARE = re.compile(r"-?\d[\d.e-]*|true|false")
Classes = Mapping[str, DeclaredClass]
Keys = tuple[str, ...]
"""The names of tables of a TOML file, the outermost first, and perhaps that of a key."""


@dataclass(frozen=True)
class Row:
    """A line of a table, in Markdown."""

    key: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """A table with its heading; without a title it has none."""

    title: str
    introduction: str
    rows: Sequence[Row]


def page() -> str:
    """Return the page's text as the declarations have it."""
    text = PAGE.read_text(encoding="utf-8")
    text = _replaced(text, "airflow settings", airflow_sections())
    return _replaced(text, "pipeline settings", pipeline_sections())


def main() -> int:
    """Write the page; return the exit code."""
    try:
        text = page()
    except DeclarationError as error:
        print(error, file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE)
    return 0


def airflow_sections() -> Iterator[Section]:
    """Return the tables of section ``[bert_service]``; a key's default is that of the provider metadata."""
    classes = {name: found for file in AIRFLOW_SETTINGS.rglob("*.py") for name, found in read_classes(file).items()}
    defaults = {key: str(option["default"]).replace("%%", "%") for key, option in provider_config.options().items()}
    settings = _settings()
    declared = {field.name: field for field in classes["Settings"].members}
    grouped = {name for names in GROUPS.values() for name in names}
    groups = {GENERAL: [name for name in declared if name not in grouped], **GROUPS}
    for title, names in groups.items():
        parts = [declared[name] for name in names if _is_part(classes, declared[name])]
        fields = [
            field
            for name in names
            for field in (classes[declared[name].annotation].members if declared[name] in parts else [declared[name]])
        ]
        yield Section(
            title,
            " ".join(markdown(part.documentation()) for part in parts),
            [
                _row(
                    classes,
                    field,
                    _code(field.name),
                    _told_default(field)
                    or markdown(provider_config.computed_default(settings[field.name]))
                    or _value(defaults[field.name]),
                    settings[field.name].allowed,
                )
                for field in fields
            ],
        )


def _settings() -> "dict[str, Setting]":
    from airflow_bert_service.settings.settings import Settings

    return {setting.name: setting for setting, _ in provider_config.declared(Settings)}


def pipeline_sections(declarations: Path = PIPELINE_SETTINGS, values: Path = PIPELINE_VALUES) -> Iterator[Section]:
    """Return the tables of the pipeline's settings.

    Args:
        declarations: Module that declares ``PipelineSettings``; those beside it declare parts of them.
        values: The TOML file of the project; where it has another value than the declaration, both are shown.
    """
    given = tomllib.loads(values.read_text(encoding="utf-8"))
    classes = {name: found for file in declarations.parent.glob("*.py") for name, found in read_classes(file).items()}
    yield from _pipeline_sections(classes, "PipelineSettings", [()], Section("", "", ()), given)


def _pipeline_sections(
    classes: Classes, name: str, tables: Sequence[Keys], heading: Section, given: Mapping[str, Any]
) -> Iterator[Section]:
    """Return the section of a class, which several tables may have, and those of the classes of its fields."""
    own = [field for field in classes[name].members if not _is_part(classes, field)]
    rows = [_pipeline_row(classes, field, [(*table, field.name) for table in tables], given) for field in own]
    yield Section(heading.title, heading.introduction, rows)
    parts: dict[str, list[Declaration]] = {}
    for field in classes[name].members:
        if _is_part(classes, field):
            parts.setdefault(field.annotation, []).append(field)
    for part, fields in parts.items():
        title = " and ".join(field.name for field in fields).replace("_", " ").capitalize()
        within = [(*table, field.name) for field in fields for table in tables]
        texts = [
            classes[part].docstring,
            *(
                f"``{'.'.join(path)}``: {field.docstring}"
                for path, field in zip(within, fields, strict=True)
                if field.docstring
            ),
        ]
        introduction = markdown(" ".join(texts))
        yield from _pipeline_sections(classes, part, within, Section(title, introduction, ()), given)


def _pipeline_row(classes: Classes, field: Declaration, paths: Sequence[Keys], given: Mapping[str, Any]) -> Row:
    ending = ".NAME" if field.annotation.startswith("Mapping[") else ""
    keys = [_code(".".join(path) + ending) for path in paths]
    declared = _declared(classes, field)
    shown = []
    for path in paths:
        value = _look_up(given, path)
        there = toml(value) if value is not None else declared
        shown.append(there if there == declared else f"{there} ({declared} where the file is silent)")
    if len(set(shown)) == 1:
        default = shown[0]
    else:
        default = ", ".join(f"{key}: {one}" for key, one in zip(keys, shown, strict=True))
    return _row(classes, field, ", ".join(keys), default, _allowed(field))


def _allowed(field: Declaration) -> str:
    """Return what the limits of a pipeline's setting allow, in words.

    The classes of limits are those of the Airflow side, since the TFX side's cannot be imported; both are the same.

    Raises:
        DeclarationError: A note is no limit, or its values are not written out.
    """
    return "; ".join(_limit(field, note) for note in field.notes)


def _limit(field: Declaration, note: ast.expr) -> str:
    from airflow_bert_service.settings.reading import limits

    try:
        limit = getattr(limits, ast.unparse(note).partition("(")[0])
        return str(limit(*map(ast.literal_eval, _arguments(note))).allowed)
    except (AttributeError, TypeError, ValueError):
        raise DeclarationError(
            f"setting {field.name} has the note {ast.unparse(note)}; allowed: a limit of reading/limits.py with plain "
            "values. Write it so."
        ) from None


def _arguments(note: ast.expr) -> list[ast.expr]:
    return note.args if isinstance(note, ast.Call) else []


def _declared(classes: Classes, field: Declaration) -> str:
    """Return a declaration's default: what the docstring says of it, else its value.

    Raises:
        DeclarationError: The docstring does not say it, and it is no plain value.
    """
    if told := _told_default(field):
        return told
    try:
        return toml(_plain(classes, field))
    except ValueError:
        raise DeclarationError(
            f"setting {field.name} has an expression as default; allowed: a plain value, or a sentence 'Default ...' "
            "in its docstring. Write that sentence."
        ) from None


def _plain(classes: Classes, field: Declaration) -> Any:
    """Return the value of a default; of a member of an enum, the text that stands for it."""
    default = field.default
    enum = classes.get(field.annotation)
    if isinstance(default, ast.Attribute) and enum is not None and enum.is_enum:
        return next(_member(member) for member in enum.members if member.name == default.attr)
    return ast.literal_eval(default or "")


def _look_up(given: Mapping[str, Any], path: Keys) -> Any:
    found: Any = given
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _row(classes: Classes, field: Declaration, key: str, default: str, allowed: str) -> Row:
    choices = classes.get(field.annotation)
    meaning = markdown(_DEFAULT.sub("", field.documentation()).strip())
    lines = [f"{meaning} Allowed: {allowed}." if allowed else meaning]
    if choices is not None and choices.is_enum:
        lines += [f"{toml(_member(member))}: {markdown(member.documentation())}" for member in choices.members]
    return Row(key, default, "<br>".join(lines))


def _told_default(field: Declaration) -> str:
    found = _DEFAULT.search(field.documentation())
    return markdown(found[1]) if found else ""


def _member(member: Declaration) -> str:
    return str(ast.literal_eval(member.default)) if member.default else member.name


def _is_part(classes: Classes, field: Declaration) -> bool:
    """Tell whether a field is a settings class of its own."""
    return field.annotation in classes and not classes[field.annotation].is_enum


def toml(value: Any) -> str:
    """Return a value in Markdown, as a TOML file has it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{_code(key)}: {toml(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return _code(f"[{', '.join(_item(item) for item in value)}]")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _number(value)
    return _value(str(value))


def _item(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else toml(value)


def _number(value: float) -> str:
    if not 0 < abs(value) < 0.001:
        return repr(value)
    mantissa, _, exponent = f"{value:e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def _value(text: str) -> str:
    if not text:
        return "empty"
    return text if _BARE.fullmatch(text) else _code(text)


def _code(text: str) -> str:
    return f"`{text}`"


def markdown(text: str) -> str:
    """Turn a docstring's text into Markdown: pages that it names become links, double backticks single ones."""
    linked = _PAGE_NAME.sub(lambda found: _link(found[1]), without_roles(text))
    return linked.replace("``", "`")


def _link(name: str) -> str:
    title = (ROOT / name).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return f"[{title}]({posixpath.relpath(name, PAGE.parent.relative_to(ROOT).as_posix())})"


def _replaced(text: str, region: str, sections: Iterable[Section]) -> str:
    before, start, rest = text.partition(_REGION.format(name=region))
    _, end, after = rest.partition(_END)
    if not end:
        raise DeclarationError(
            f"{PAGE.name} has no region '{region}'; allowed: one that begins with "
            f"{_REGION.format(name=region).strip()} and ends with {_END.strip()}. Add these two lines."
        )
    return before + start + "\n" + "\n\n".join(map(_section, sections)) + "\n" + end + after


def _section(section: Section) -> str:
    head = [f"### {section.title}"] if section.title else []
    text = [section.introduction] if section.introduction else []
    lines = ["| Key | Default | Meaning |", "|---|---|---|"]
    lines += [f"| {' | '.join(map(_cell, (row.key, row.default, row.meaning)))} |" for row in section.rows]
    return "\n\n".join([*head, *text, "\n".join(lines)])


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "plugins"))
    sys.exit(main())
