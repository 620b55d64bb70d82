"""Reads values from the texts that a section of airflow.cfg holds."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import command, is_checkout
from airflow_bert_service.settings.reading.declared import ALLOWED, refused
from airflow_bert_service.settings.reading.naming import named

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """The setting that a text is of, and the folder that its relative paths count from."""

    key: str
    base: Path


def day(text: str, place: Place) -> dt.date:
    """Read a day.

    Raises:
        SettingsError: It is not a date.
    """
    return _converted(dt.date.fromisoformat, text, place, "a date like 2026-10-16")


def days(text: str, place: Place) -> frozenset[dt.date]:
    """Read days and ranges of days: ``2026-11-07, 2026-12-24..2026-12-26``.

    Returns:
        The days, those at both ends of a range included.

    Raises:
        SettingsError: A part is neither, or a range ends before it begins.
    """
    return frozenset(day for part in text.split(",") if part.strip() for day in _range(part.strip(), place))


def _range(part: str, place: Place) -> Iterator[dt.date]:
    first, is_range, last = part.partition("..")
    try:
        begin, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last if is_range else first)
    except ValueError:
        begin, end = dt.date.max, dt.date.min
    if end < begin:
        raise SettingsError(
            f"{named(place.key)} has {part!r}; allowed: days like 2026-11-07 and ranges like 2026-12-24..2026-12-26, "
            "with commas between them. Correct it, or leave it out."
        )
    return (begin + dt.timedelta(days=offset) for offset in range((end - begin).days + 1))


def integer(text: str, place: Place) -> int:
    """Read a whole number.

    Raises:
        SettingsError: It is not one.
    """
    return _converted(int, text, place, ALLOWED[int])


def number(text: str, place: Place) -> float:
    """Read a number.

    Raises:
        SettingsError: It is not one.
    """
    return _converted(float, text, place, ALLOWED[float])


def boolean(text: str, place: Place) -> bool:
    """Read ``true`` or ``false``, in upper or lower case.

    Raises:
        SettingsError: It is neither.
    """
    if text.lower() not in ("true", "false"):
        raise refused(place.key, text, ALLOWED[bool])
    return text.lower() == "true"


def path(text: str, place: Place) -> Path:
    """Read a path.

    Returns:
        The path, absolute. It is not resolved: the Python of a virtual environment is a symbolic link, and has to stay
        one.

    Raises:
        SettingsError: It has a variable that is not set, or the home folder of an unknown user; or it is an address.
    """
    if "://" in text:
        # As a path it would be a folder of that name below the base.
        raise refused(
            place.key,
            without_credentials(text),
            "a path of a disk that is mounted here; an object store has not the locks and renames that it needs",
        )
    if "${" in text:
        or_else = f", or start Airflow with `{command('airflow')}`, which does" if is_checkout() else ""
        raise SettingsError(
            f"{named(place.key)} has the path {text!r} with a variable that is not set; allowed: a path whose "
            f"variables are in the environment. Set the variable{or_else}."
        )
    try:
        return place.base / Path(text).expanduser()
    except RuntimeError:
        raise refused(
            place.key, text, "a path; one that begins with ~ has the name of a user of this machine"
        ) from None


def path_or_address(text: str, place: Place) -> str:
    """Read a path, which becomes absolute, or an address, which has ``://``.

    Raises:
        SettingsError: A path has a variable that is not set.
    """
    return text if "://" in text else str(path(text, place))


def _verbatim(text: str, _place: Place) -> str:
    return text


READERS: Mapping[Any, Callable[[str, Place], Any]] = {
    bool: boolean,
    int: integer,
    float: number,
    str: _verbatim,
    Path: path,
    dt.date: day,
    frozenset[dt.date]: days,
}
"""What reads the values of a type."""


def _converted(convert: Callable[[str], T], text: str, place: Place, allowed: str) -> T:
    try:
        return convert(text)
    except ValueError:
        raise refused(place.key, text, allowed) from None
