"""Reads the channels that promotions are announced to: the setting ``notifications``, a JSON list.

::

    [{"smtp": {"to": ["team@example.org"], "conn_id": "smtp_default"}},
     {"slack": {"conn_id": "slack"}, "on": ["promoted", "rolled_back"]},
     {"webhook": {"conn_id": "deploy_hook"}, "name": "deploy"},
     {"notifier": {"class": "some.module.SomeNotifier", "kwargs": {"text": "{{ promotion.line }}"}}}]

Reading them imports nothing of what they need; ``notifiers/`` sends.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.promotion.events import PINS, EventKind
from airflow_bert_service.settings.reading.naming import SECTION

KEY = "notifications"
ANNOUNCED = frozenset(EventKind) - PINS - {EventKind.UNCHANGED}
"""The kinds of events that a channel without ``on`` receives."""
_NAME = re.compile(r"[\w][\w.:@/-]{0,99}")  # it is a key in the ledger, and part of a command line


class ChannelType(str, Enum):
    """The types of channels. A channel's JSON object has its settings below the name of its type."""

    SMTP = "smtp"
    """An e-mail, by an Airflow SMTP connection."""
    SLACK = "slack"
    """A message by a Slack incoming webhook, by an Airflow HTTP connection."""
    WEBHOOK = "webhook"
    """The event as signed JSON, by an Airflow HTTP connection."""
    NOTIFIER = "notifier"
    """Any Airflow notifier."""


@dataclass(frozen=True)
class _Form:
    needed: Mapping[str, tuple[type, ...]]
    optional: Mapping[str, tuple[type, ...]]

    @property
    def known(self) -> Mapping[str, tuple[type, ...]]:
        return {**self.needed, **self.optional}


_TEXT = (str,)
_TEXTS = (str, list)
_FORMS: Mapping[ChannelType, _Form] = {
    ChannelType.SMTP: _Form({"to": _TEXTS}, {"conn_id": _TEXT, "from_email": _TEXT, "cc": _TEXTS}),
    ChannelType.SLACK: _Form({"conn_id": _TEXT}, {"endpoint": _TEXT}),
    ChannelType.WEBHOOK: _Form({"conn_id": _TEXT}, {"endpoint": _TEXT, "secret_conn_id": _TEXT}),
    ChannelType.NOTIFIER: _Form({"class": _TEXT}, {"kwargs": (dict,)}),
}


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A channel: where messages go, and about which kinds of events."""

    type: ChannelType
    name: str
    """Its key in the ledger; no two channels have the same."""
    settings: Mapping[str, Any] = field(repr=False)  # a notifier's may hold a secret
    """The settings of its type; see ``notifiers/``."""
    on: frozenset[EventKind] = ANNOUNCED
    """The kinds of events that it receives."""


def read_channels(text: str) -> tuple[Channel, ...]:
    """Read the setting.

    Args:
        text: A JSON list of objects, each with one type and its settings, and perhaps ``on`` and ``name``.

    Returns:
        The channels; none for an empty text.

    Raises:
        SettingsError: It is of another form, names something unknown, or two channels have the same name.
    """
    try:
        entries = json.loads(text or "[]")
    except ValueError as error:
        raise SettingsError(f"[{SECTION}] {KEY} is no JSON ({error}); allowed: a list. {_EXAMPLE}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SettingsError(f"[{SECTION}] {KEY} is not a JSON list of objects; allowed: one. {_EXAMPLE}")
    channels = tuple(map(_channel, entries))
    _check_names([channel.name for channel in channels])
    return channels


_EXAMPLE = 'Write it like [{"smtp": {"to": ["team@example.org"]}}]; docs/how-to/notifications.md has examples.'


def _channel(entry: Mapping[str, Any]) -> Channel:
    chosen, settings = _type(entry)
    _check_settings(chosen, settings)
    name = entry.get("name", f"{chosen.value}:{settings.get('conn_id') or settings.get('class', 'smtp_default')}")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingsError(
            f"[{SECTION}] {KEY} has a channel named {name!r}; allowed: letters, digits and ._:@/- (100 at most). "
            "Rename it."
        )
    return Channel(type=chosen, name=name, settings=settings, on=_kinds(name, entry.get("on")))


def _type(entry: Mapping[str, Any]) -> tuple[ChannelType, Mapping[str, Any]]:
    known = [one.value for one in ChannelType]
    if unknown := sorted(set(entry) - {*known, "on", "name"}):
        raise SettingsError(
            f"[{SECTION}] {KEY} has a channel with {', '.join(unknown)}; known: {', '.join(known)}, on, name. Rename "
            "or remove it."
        )
    chosen = [one for one in ChannelType if one.value in entry]
    if len(chosen) != 1:
        raise SettingsError(
            f"[{SECTION}] {KEY} has a channel with {len(chosen)} types; allowed: one of {', '.join(known)}. {_EXAMPLE}"
        )
    settings = entry[chosen[0].value]
    if not isinstance(settings, dict):
        raise SettingsError(f"[{SECTION}] {KEY}: {chosen[0].value} is {settings!r}; allowed: an object. {_EXAMPLE}")
    return chosen[0], settings


def _check_settings(chosen: ChannelType, settings: Mapping[str, Any]) -> None:
    form = _FORMS[chosen]
    if unknown := sorted(set(settings) - set(form.known)):
        raise SettingsError(
            f"[{SECTION}] {KEY}: {chosen.value} has {', '.join(unknown)}; known: {', '.join(form.known)}. Rename or "
            "remove it."
        )
    if missing := [key for key in form.needed if not settings.get(key)]:
        raise SettingsError(
            f"[{SECTION}] {KEY}: {chosen.value} lacks {', '.join(missing)}; needed: {', '.join(form.needed)}. Add it."
        )
    if wrong := [key for key, value in settings.items() if not isinstance(value, form.known[key])]:
        raise SettingsError(
            f"[{SECTION}] {KEY}: {chosen.value} has a {wrong[0]} of another type; allowed: "
            f"{_types(form.known[wrong[0]])}. {_EXAMPLE}"
        )


def _types(kinds: Sequence[type]) -> str:
    names: Mapping[type, str] = {str: "a text", list: "a list of texts", dict: "an object"}
    return " or ".join(names[kind] for kind in kinds)


def _kinds(name: str, given: Any) -> frozenset[EventKind]:
    if given is None:
        return ANNOUNCED
    known = [kind.value for kind in EventKind if kind not in PINS]
    if not isinstance(given, list) or not given or not set(map(str, given)) <= set(known):
        raise SettingsError(
            f"[{SECTION}] {KEY}: channel {name} has on = {given!r}; allowed: a list of {', '.join(known)}. Correct it, "
            f"or leave it out: then it receives all but {EventKind.UNCHANGED.value}."
        )
    return frozenset(map(EventKind, given))


def _check_names(names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(
            f"[{SECTION}] {KEY} has more than one channel named {', '.join(twice)}; allowed: each name once. Give them "
            '"name".'
        )
