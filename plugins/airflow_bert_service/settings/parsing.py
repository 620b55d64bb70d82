"""Reads values of ``[bert_service]`` from the texts that a configuration file holds."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from enum import Enum
from string import Formatter
from typing import TYPE_CHECKING, TypeVar

from airflow_bert_service.exceptions import SettingsError

if TYPE_CHECKING:
    from airflow_bert_service.pipeline.plan import PipelinePlan

SECTION = "bert_service"
T = TypeVar("T")
Choice = TypeVar("Choice", bound=Enum)


def day(key: str, value: str) -> dt.date:
    """Read a day.

    Raises:
        SettingsError: It is not a date.
    """
    return _converted(dt.date.fromisoformat, key, value, "a date like 2026-10-16. Write it so")


def days(key: str, value: str) -> frozenset[dt.date]:
    """Read days and ranges of days: ``2026-11-07, 2026-12-24..2026-12-26``.

    Returns:
        The days, those at both ends of a range included; none for an empty text.

    Raises:
        SettingsError: A part is neither, or a range ends before it begins.
    """
    return frozenset(day for part in value.split(",") if part.strip() for day in _range(key, part.strip()))


def _range(key: str, part: str) -> Iterator[dt.date]:
    first, is_range, last = part.partition("..")
    try:
        begin, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last if is_range else first)
    except ValueError:
        begin, end = dt.date.max, dt.date.min
    if end < begin:
        raise SettingsError(
            f"[{SECTION}] {key} has {part!r}; allowed: days like 2026-11-07 and ranges like 2026-12-24..2026-12-26, "
            "with commas between them. Write it so, or leave it out."
        )
    return (begin + dt.timedelta(days=offset) for offset in range((end - begin).days + 1))


def addresses(key: str, value: str) -> tuple[str, ...]:
    """Read http(s) addresses with spaces between them.

    Raises:
        SettingsError: One of them is something else.
    """
    found = tuple(value.split())
    for address in found:
        if not address.startswith(("http://", "https://")):
            raise SettingsError(
                f"[{SECTION}] {key} has {address!r}; allowed: addresses like http://127.0.0.1:8501, with spaces "
                "between them. Write it so, or leave it out."
            )
    return found


def names(value: str) -> tuple[str, ...]:
    """Read names with commas between them; none for an empty text."""
    return tuple(filter(None, (name.strip() for name in value.split(","))))


def known_nodes(key: str, given: Collection[str], plan: "PipelinePlan") -> None:
    """Check ids of nodes.

    Raises:
        SettingsError: The pipeline does not have one of them.
    """
    known = [node.id for node in plan.nodes]
    if unknown := [name for name in given if name not in known]:
        raise SettingsError(
            f"[{SECTION}] {key} has {', '.join(unknown)}; allowed: nodes of the pipeline {plan.id!r}, which "
            f"are {', '.join(known)}. Correct it, or leave it out."
        )


def integer(key: str, value: str) -> int:
    """Read a whole number.

    Raises:
        SettingsError: It is not one.
    """
    return _converted(int, key, value, "a whole number. Write it in digits")


def number(key: str, value: str) -> float:
    """Read a number.

    Raises:
        SettingsError: It is not one.
    """
    return _converted(float, key, value, "a number like 0.05. Write it so")


def boolean(key: str, value: str) -> bool:
    """Read ``true`` or ``false``, in upper or lower case.

    Raises:
        SettingsError: It is neither.
    """
    if value.lower() not in ("true", "false"):
        raise SettingsError(f"[{SECTION}] {key} is {value!r}; allowed: true, false. Set it to one, or leave it out.")
    return value.lower() == "true"


def choice(choices: type[Choice], key: str, value: str) -> Choice:
    """Read one of a few names.

    Raises:
        SettingsError: It is none of them.
    """
    try:
        return choices(value)
    except ValueError:
        allowed = ", ".join(known.value for known in choices)
        raise SettingsError(f"[{SECTION}] {key} is {value!r}; allowed: {allowed}. Set it to one of these.") from None


def _converted(convert: Callable[[str], T], key: str, value: str, allowed: str) -> T:
    try:
        return convert(value)
    except ValueError:
        raise SettingsError(f"[{SECTION}] {key} is {value!r}; allowed: {allowed}, or leave it out.") from None


def at_least(key: str, value: int, lowest: int) -> None:
    """Check a number's lower limit.

    Raises:
        SettingsError: It is below.
    """
    if value < lowest:
        raise SettingsError(f"[{SECTION}] {key} is {value}; allowed: {lowest} or more. Raise it, or leave it out.")


def dated(key: str, value: str, *, known: Collection[str]) -> None:
    """Check a text with days in it, such as ``reviews/{date}.csv`` or ``{date:%Y/%m/%d}``.

    Args:
        key: The setting's key.
        value: Its text.
        known: Names that may stand in braces; ``date`` has to.

    Raises:
        SettingsError: The day is missing, or something else is in braces.
    """
    if not _is_dated(value, known):
        allowed = " and ".join(f"{{{name}}}" for name in known)
        raise SettingsError(
            f"[{SECTION}] {key} is {value!r}; allowed: a text with {{date}} in it; in braces may stand {allowed}, with "
            "a form like {date:%Y/%m/%d}. Write it so (in airflow.cfg with doubled percent signs)."
        )


def _is_dated(value: str, known: Collection[str]) -> bool:
    try:
        names = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
        value.format(**dict.fromkeys(known, dt.date(2026, 10, 16)))
    except (LookupError, ValueError, AttributeError):
        return False
    return "date" in names and names <= set(known)
