"""Makes settings classes of the texts of a section, as their declarations say.

Of a setting's type follows how its text is read. What the type does not say is in ``Annotated``: besides limits, the
notes below.
"""

import datetime as dt
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import airflow_home, is_checkout
from airflow_bert_service.settings.reading.declared import (
    Setting,
    SettingsGroup,
    check_keys,
    choice,
    every_setting,
    notes_of,
    settings_of,
    without_notes,
)
from airflow_bert_service.settings.reading.limits import Limit
from airflow_bert_service.settings.reading.naming import named
from airflow_bert_service.settings.reading.texts import READERS, Place, path_or_address

Group = TypeVar("Group", bound=SettingsGroup)


@dataclass(frozen=True)
class ReadBy:
    """Note: a function reads the text, and tells in its errors what is wrong."""

    read: Callable[[str], Any]
    default: str = ""
    """The text that stands for the default; empty: only an empty one does."""


@dataclass(frozen=True)
class ComputedDefault:
    """Note: the default depends on settings that are declared before this one, whose names stand in braces."""

    checkout: str
    """The default's text; ``{AIRFLOW_HOME}`` is Airflow's home."""
    installed: str = ""
    """The same for an installed wheel; empty: it is no other."""

    @property
    def documentation(self) -> str:
        """The default as the documentation has it."""
        return f"``{self.checkout}``" + (f"; of an installed wheel ``{self.installed}``" if self.installed else "")

    def text(self, known: Mapping[str, Any]) -> str:
        """Return the default's text.

        Args:
            known: The values of the settings before this one.
        """
        form = self.checkout if is_checkout() or not self.installed else self.installed
        return form.format(AIRFLOW_HOME=airflow_home(), **known)


@dataclass(frozen=True)
class Separated:
    """Note: what stands between the values of a tuple; without it commas do."""

    pattern: str
    """Regular expression of one of them."""
    words: str
    """What messages call them."""


@dataclass(frozen=True)
class PathOrAddress:
    """Note: a text that is a path, which becomes absolute, or an address with ``://``."""


@dataclass(frozen=True)
class LowerCase:
    """Note: upper and lower case are alike; the value is in lower case."""


_COMMAS = Separated(",", "commas")


def read_settings(kind: type[Group], texts: Mapping[str, str], base: Path) -> Group:
    """Make settings of texts.

    Args:
        kind: The class of the settings. Those of the groups in it are keys of the same section.
        texts: Texts by key; a key that is missing or empty takes its default.
        base: Folder that relative paths count from, absolute.

    Returns:
        The settings, paths absolute.

    Raises:
        SettingsError: A value is not allowed, or a key is none of the settings.
    """
    check_keys(texts, [setting.name for setting in every_setting(kind)])
    given = {key: text.strip() for key, text in texts.items() if text.strip()}
    return _group(kind, given, base)


def default_text(setting: Setting) -> str:
    """Return the text that stands for a setting's default; empty where only an empty one does."""
    if readers := notes_of(setting.notes, ReadBy):
        return readers[0].default
    default = setting.default
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Enum):
        return str(default.value)
    return str(default) if isinstance(default, (int, float, str, dt.date)) else ""


def _group(kind: type[Group], given: Mapping[str, str], base: Path) -> Group:
    defaults = {setting.name: setting.default for setting in settings_of(kind)}
    values: dict[str, Any] = {}
    for setting in settings_of(kind):
        if setting.group is not None:
            values[setting.name] = _group(setting.group, given, base)
        elif text := given.get(setting.name) or _computed(setting, {**defaults, **values}):
            values[setting.name] = _value(setting, text, Place(setting.name, base))
    return kind(**values)


def _computed(setting: Setting, known: Mapping[str, Any]) -> str:
    return "".join(default.text(known) for default in notes_of(setting.notes, ComputedDefault))


def _value(setting: Setting, text: str, place: Place) -> Any:
    if get_origin(setting.kind) is tuple and not notes_of(setting.notes, ReadBy):
        return _values(get_args(setting.kind)[0], text, place, (*notes_of(setting.notes, Separated), _COMMAS)[0])
    return _single(setting.kind, setting.notes, text, place)  # making the group checks its limits


def _values(hint: Any, text: str, place: Place, separated: Separated) -> tuple[Any, ...]:
    kind, notes = without_notes(hint)
    parts = filter(None, map(str.strip, re.split(separated.pattern, text)))
    values = [_single(kind, notes, part, place) for part in parts]
    for value in values:
        for limit in notes_of(notes, Limit):
            if not limit.holds(value):
                raise SettingsError(
                    f"{named(place.key)} has {value!r}; allowed: {limit.allowed}, with {separated.words} between them. "
                    f"{limit.advice}."
                )
    return tuple(values)


def _single(kind: Any, notes: Collection[Any], text: str, place: Place) -> Any:
    if readers := notes_of(notes, ReadBy):
        return readers[0].read(text)
    if notes_of(notes, LowerCase):
        text = text.lower()
    if notes_of(notes, PathOrAddress):
        return path_or_address(text, place)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return choice(kind, place.key, text)
    if kind not in READERS:
        raise SettingsError(
            f"{named(place.key)} is declared with the type {kind}; allowed: {', '.join(map(str, READERS))}, an enum, "
            "a tuple of these, or a ReadBy in the declaration. Add one."
        )
    return READERS[kind](text, place)
