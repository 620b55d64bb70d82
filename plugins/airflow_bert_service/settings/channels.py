"""Channels: who is told of promotions. The key ``notifications`` of ``[bert_service]``, a JSON list.

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
from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.settings.reading.naming import SECTION

KEY = "notifications"
ANNOUNCED = frozenset(EventKind) - {EventKind.UNCHANGED}
"""What a channel is told where it does not say: everything that is news."""
_NAME = re.compile(r"[\w][\w.:@/-]{0,99}")  # it is a key in the ledger, and an argument of a command


class ChannelType(str, Enum):
    """What carries a message; a channel's first key."""

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
    """Somebody to tell, and of what."""

    carrier: ChannelType
    name: str
    """Its key in the ledger; no two channels have the same."""
    options: Mapping[str, Any] = field(repr=False)  # a notifier's may hold a secret
    """What the carrier needs to know; see ``notifiers/``."""
    on: frozenset[EventKind] = ANNOUNCED
    """The kinds of events that it is told."""


def read_channels(text: str) -> tuple[Channel, ...]:
    """Read the setting.

    Args:
        text: A JSON list of objects, each with one carrier and its options, and perhaps ``on`` and ``name``.

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
    carrier, options = _carrier(entry)
    _check_options(carrier, options)
    name = entry.get("name", f"{carrier.value}:{options.get('conn_id') or options.get('class', 'smtp_default')}")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingsError(
            f"[{SECTION}] {KEY} has a channel named {name!r}; allowed: letters, digits and ._:@/- (100 at most). "
            "Rename it."
        )
    return Channel(carrier=carrier, name=name, options=options, on=_kinds(name, entry.get("on")))


def _carrier(entry: Mapping[str, Any]) -> tuple[ChannelType, Mapping[str, Any]]:
    known = [carrier.value for carrier in ChannelType]
    if unknown := sorted(set(entry) - {*known, "on", "name"}):
        raise SettingsError(
            f"[{SECTION}] {KEY} has a channel with {', '.join(unknown)}; known: {', '.join(known)}, on, name. Rename "
            "or remove it."
        )
    chosen = [carrier for carrier in ChannelType if carrier.value in entry]
    if len(chosen) != 1:
        raise SettingsError(
            f"[{SECTION}] {KEY} has a channel with {len(chosen)} carriers; allowed: one of {', '.join(known)}. "
            f"{_EXAMPLE}"
        )
    options = entry[chosen[0].value]
    if not isinstance(options, dict):
        raise SettingsError(f"[{SECTION}] {KEY}: {chosen[0].value} is {options!r}; allowed: an object. {_EXAMPLE}")
    return chosen[0], options


def _check_options(carrier: ChannelType, options: Mapping[str, Any]) -> None:
    form = _FORMS[carrier]
    if unknown := sorted(set(options) - set(form.known)):
        raise SettingsError(
            f"[{SECTION}] {KEY}: {carrier.value} has {', '.join(unknown)}; known: {', '.join(form.known)}. Rename or "
            "remove it."
        )
    if missing := [key for key in form.needed if not options.get(key)]:
        raise SettingsError(
            f"[{SECTION}] {KEY}: {carrier.value} lacks {', '.join(missing)}; needed: {', '.join(form.needed)}. Add it."
        )
    if wrong := [key for key, value in options.items() if not isinstance(value, form.known[key])]:
        raise SettingsError(
            f"[{SECTION}] {KEY}: {carrier.value} has a {wrong[0]} of another type; allowed: "
            f"{_types(form.known[wrong[0]])}. {_EXAMPLE}"
        )


def _types(kinds: Sequence[type]) -> str:
    names: Mapping[type, str] = {str: "a text", list: "a list of texts", dict: "an object"}
    return " or ".join(names[kind] for kind in kinds)


def _kinds(name: str, given: Any) -> frozenset[EventKind]:
    if given is None:
        return ANNOUNCED
    known = [kind.value for kind in EventKind]
    if not isinstance(given, list) or not given or not set(map(str, given)) <= set(known):
        raise SettingsError(
            f"[{SECTION}] {KEY}: channel {name} has on = {given!r}; allowed: a list of {', '.join(known)}. Correct it, "
            f"or leave it out: then it is told all but {EventKind.UNCHANGED.value}."
        )
    return frozenset(map(EventKind, given))


def _check_names(names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(
            f"[{SECTION}] {KEY} has more than one channel named {', '.join(twice)}; allowed: each name once. Give them "
            '"name".'
        )
