"""What a settings class declares: its settings, and what their values must be."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from difflib import get_close_matches
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.reading.limits import Limit
from airflow_bert_service.settings.reading.naming import WHOLE, named

Note = TypeVar("Note")
ALLOWED: Mapping[Any, str] = {
    bool: "true, false",
    int: "a whole number",
    float: "a number like 0.05",
    str: "a text",
    tuple: "a list",
    dict: "a table",
}
"""What messages call the values of a type."""


class SettingsGroup:
    """Base of the dataclasses whose fields are settings. Making one checks each setting's limits."""

    def __post_init__(self) -> None:
        """Check the limits that the declarations have.

        Raises:
            SettingsError: A value is beyond a limit. A default never is.
        """
        for setting in settings_of(type(self)):
            value = getattr(self, setting.name)
            if value != setting.default:
                check(setting.name, value, setting.notes)


@dataclass(frozen=True)
class Setting:
    """A field of a settings class."""

    name: str
    kind: Any
    """The type of its values; without the None of a setting that may be left empty."""
    notes: tuple[Any, ...]
    """What ``Annotated`` has behind the type: limits, and what a reader needs to know."""
    default: Any
    """Its default; None where it is made by a function, or depends on other settings."""
    is_shown: bool
    """Whether its value may be shown."""

    @property
    def group(self) -> type[SettingsGroup] | None:
        """The class of the settings that it holds; None where it is a single setting."""
        return self.kind if isinstance(self.kind, type) and issubclass(self.kind, SettingsGroup) else None

    @property
    def allowed(self) -> str:
        """What its limits allow, in words; empty without limits."""
        return "; ".join(limit.allowed for limit in notes_of(self.notes, Limit))


def settings_of(kind: type) -> tuple[Setting, ...]:
    """Return the settings that a class declares, in their order."""
    return _settings_of(kind)


@cache
def _settings_of(kind: type) -> tuple[Setting, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_setting(field, hints[field.name]) for field in fields(kind))


def _setting(field: "Field[Any]", hint: Any) -> Setting:
    plain, notes = without_notes(hint)
    default = None if field.default is MISSING else field.default
    return Setting(field.name, plain, notes, default, field.repr)


def without_notes(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Split an annotation into the type of a value and what ``Annotated`` has behind it."""
    plain, notes = (hint.__origin__, hint.__metadata__) if get_origin(hint) is Annotated else (hint, ())
    if get_origin(plain) in (Union, UnionType):
        (plain,) = (kind for kind in get_args(plain) if kind is not type(None))
    return plain, notes


def every_setting(kind: type) -> Iterator[Setting]:
    """Yield the single settings of a class and of the groups in it, in the order of their declarations."""
    for setting in settings_of(kind):
        if setting.group is None:
            yield setting
        else:
            yield from every_setting(setting.group)


def notes_of(notes: Collection[Any], kind: type[Note]) -> list[Note]:
    """Return the notes of a kind."""
    return [note for note in notes if isinstance(note, kind)]


def check(key: str, value: Any, notes: Collection[Any]) -> None:
    """Check a value's limits.

    Args:
        key: The setting's name, as the operator writes it.
        value: Its value.
        notes: What ``Annotated`` has behind the type.

    Raises:
        SettingsError: The value is beyond one of them.
    """
    for limit in notes_of(notes, Limit):
        if not limit.holds(value):
            raise SettingsError(f"{named(key)} {limit.problem(value)}; allowed: {limit.allowed}. {limit.advice}.")


def choice(kind: type[Enum], key: str, value: Any) -> Enum:
    """Return the member of an enum that a setting names.

    Raises:
        SettingsError: It names none.
    """
    try:
        return kind(value)
    except ValueError:
        raise refused(key, value, ", ".join(member.value for member in kind)) from None


def refused(key: str, value: Any, allowed: str) -> SettingsError:
    """Return the error of a value that is not allowed."""
    return SettingsError(f"{named(key)} is {value!r}; allowed: {allowed}. {Limit.advice}.")


def check_keys(given: Collection[str], known: Collection[str], prefix: str = "") -> None:
    """Check that every key is one of the settings.

    Args:
        given: The keys.
        known: The names of all settings.
        prefix: What the operator writes before each of them.

    Raises:
        SettingsError: One of them is unknown.
    """
    if unknown := sorted(set(given) - set(known)):
        alike = [found for key in unknown for found in get_close_matches(key, known, n=1)]
        meant = f"Did you mean {', '.join(alike)}? " if alike else ""
        raise SettingsError(
            f"{WHOLE} has the unknown key {', '.join(prefix + key for key in unknown)}; known: "
            f"{', '.join(sorted(known))}. {meant}Rename or remove it."
        )
