"""The setting `notifications`: who is told of promotions, and of which."""

import json
from typing import Any

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.promotion.events import EventKind
from airflow_bert_service.settings.channels import ChannelType, read_channels
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.promotions import channels

MAIL = {"smtp": {"to": ["team@example.org"]}}
SLACK = {"slack": {"conn_id": "slack"}}


def test_each_type_and_the_names_that_channels_have_by_themselves() -> None:
    read = channels(
        MAIL,
        SLACK,
        {"webhook": {"conn_id": "hook", "secret_conn_id": "other"}},
        {"notifier": {"class": "some.module.Notifier", "kwargs": {"text": "{{ promotion.line }}"}}},
    )
    assert [channel.type for channel in read] == list(ChannelType)
    assert [channel.name for channel in read] == [
        "smtp:smtp_default",
        "slack:slack",
        "webhook:hook",
        "notifier:some.module.Notifier",
    ]


def test_a_channel_is_told_all_that_is_news_unless_it_says_what_it_wants() -> None:
    everything, some = channels(MAIL, {**SLACK, "on": ["promoted", "unchanged"], "name": "team"})
    assert everything.on == frozenset(EventKind) - {EventKind.UNCHANGED, EventKind.PINNED, EventKind.UNPINNED}
    assert (some.on, some.name) == (frozenset({EventKind.PROMOTED, EventKind.UNCHANGED}), "team")


def test_nobody_by_default() -> None:
    assert read_channels("") == settings_from({}).notifications == ()


def test_a_notifiers_arguments_are_not_shown() -> None:
    entry = {"notifier": {"class": "some.Notifier", "kwargs": {"token": "sesame"}}}
    settings = settings_from({"notifications": json.dumps([entry])})
    assert "sesame" not in repr(settings)
    assert "sesame" not in repr(settings.notifications)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("[{", r"notifications is no JSON \(.*allowed: a list"),
        ("{}", "notifications is not a JSON list of objects"),
        ('["slack"]', "notifications is not a JSON list of objects"),
        ([{"pager": {}}], "a channel with pager; known: smtp, slack, webhook, notifier, on, name"),
        ([{"on": ["promoted"]}], "a channel with 0 types; allowed: one of smtp, slack"),
        ([{**MAIL, **SLACK}], "a channel with 2 types"),
        ([{"slack": "slack"}], "slack is 'slack'; allowed: an object"),
        ([{"slack": {}}], "slack lacks conn_id; needed: conn_id"),
        ([{"smtp": {"to": ""}}], "smtp lacks to; needed: to"),
        ([{"smtp": {"to": 5}}], "smtp has a to of another type; allowed: a text or a list of texts"),
        ([{"webhook": {"conn_id": "hook", "url": "x"}}], "webhook has url; known: conn_id, endpoint, secret_conn_id"),
        ([{**SLACK, "on": ["lost"]}], r"slack:slack has on = \['lost'\]; allowed: a list of promoted, blocked"),
        ([{**SLACK, "on": []}], r"has on = \[\]"),
        ([{**SLACK, "name": "--json"}], "a channel named '--json'; allowed: letters"),
        ([MAIL, MAIL], 'more than one channel named smtp:smtp_default; .*Give them "name"'),
    ],
)
def test_a_setting_that_is_not_allowed(setting: Any, message: str) -> None:
    text = setting if isinstance(setting, str) else json.dumps(setting)
    with pytest.raises(SettingsError, match=message):
        settings_from({"notifications": text})
