"""The reader takes all that it knows of a setting from its declaration."""

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.reading.declared import Setting, SettingsGroup, every_setting
from airflow_bert_service.settings.reading.limits import AtLeast, Between, Matches, StrictlyBetween
from airflow_bert_service.settings.reading.reader import (
    ComputedDefault,
    LowerCase,
    PathOrAddress,
    ReadBy,
    Separated,
    default_text,
    read_settings,
)
from airflow_bert_service.settings.settings import Settings, settings_from
from hypothesis import given
from hypothesis import strategies as st

BASE = Path("/srv/bert")
EVERY = {setting.name: setting for setting in every_setting(Settings)}


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Part(SettingsGroup):
    size: Annotated[int, AtLeast(1)] = 3
    share: Annotated[float, Between(0, 1)] = 0.5


@dataclass(frozen=True, kw_only=True)
class Example(SettingsGroup):
    folder: Path = BASE
    database: Annotated[str, ComputedDefault("sqlite:///{folder}/x.db")]
    colour: Colour = Colour.RED
    day: dt.date | None = None
    names: tuple[str, ...] = ()
    codes: Annotated[
        tuple[Annotated[str, LowerCase(), Matches("[a-z]+", "letters")], ...], Separated(r"\s", "spaces")
    ] = ()
    source: Annotated[str, PathOrAddress()] = ""
    level: Annotated[float, StrictlyBetween(0, 1)] = 0.05
    doubled: Annotated[int, ReadBy(lambda text: 2 * int(text), "2")] = 4
    loud: bool = False
    part: Part = Part()


def read(**texts: str) -> Example:
    return read_settings(Example, texts, BASE)


def refusal(texts: dict[str, str]) -> SettingsError | None:
    try:
        settings_from(texts)
    except SettingsError as error:
        return error
    return None


def test_each_type_has_its_form() -> None:
    example = read(
        folder="here",
        colour="blue",
        day="2026-11-05",
        names=" a, b ,,c",
        codes="UP\n down",
        source="data/x.csv",
        level="0.1",
        doubled="5",
        loud="TRUE",
    )
    assert (example.folder, example.colour, example.day) == (BASE / "here", Colour.BLUE, dt.date(2026, 11, 5))
    assert (example.names, example.codes) == (("a", "b", "c"), ("up", "down"))
    assert (example.source, example.level, example.doubled, example.loud) == ("/srv/bert/data/x.csv", 0.1, 10, True)


def test_what_is_missing_or_empty_has_its_default() -> None:
    assert read(level="  ", day="", size="") == read() == Example(database="sqlite:////srv/bert/x.db")


def test_a_default_may_depend_on_a_setting_before_it() -> None:
    assert read(folder="/elsewhere").database == "sqlite:////elsewhere/x.db"
    assert read(folder="/elsewhere", database="conn:ledger").database == "conn:ledger"


def test_settings_of_a_group_are_keys_like_the_others() -> None:
    assert read(size="7", share="1").part == Part(size=7, share=1.0)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"size": "0"}, r"^\[bert_service\] size is 0; allowed: 1 or more\. Correct it, or leave it out\.$"),
        ({"size": "many"}, r"size is 'many'; allowed: a whole number\. Correct it"),
        ({"share": "nan"}, r"share is nan; allowed: 0 to 1"),
        ({"level": "1"}, r"level is 1\.0; allowed: above 0 and below 1"),
        ({"codes": "up 5"}, r"codes has '5'; allowed: letters, with spaces between them"),
        ({"colour": "green"}, r"colour is 'green'; allowed: red, blue"),
        ({"loud": "yes"}, r"loud is 'yes'; allowed: true, false"),
        ({"day": "today"}, r"day is 'today'; allowed: a date like"),
        ({"folder": "${X}/y"}, r"folder has the path '\$\{X\}/y' with a variable that is not set"),
        (
            {"sise": "1"},
            r"^\[bert_service\] has the unknown key sise; known: codes, .*\. Did you mean size\? Rename or",
        ),
        ({"folder": "s3://bucket/y"}, r"folder is 's3://bucket/y'; allowed: a path of a disk that is mounted here"),
        ({"folder": "~no-such-user/y"}, r"folder is '~no-such-user/y'; allowed: a path; one that begins with ~"),
        ({"part": "1"}, r"unknown key part; known"),
    ],
)
def test_what_is_refused(texts: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(**texts)


def test_limits_hold_without_the_reader_too() -> None:
    with pytest.raises(SettingsError, match=r"size is -1; allowed: 1 or more"):
        Part(size=-1)


def test_a_type_that_nothing_reads_is_named() -> None:
    @dataclass(frozen=True)
    class Odd(SettingsGroup):
        value: complex = 0j

    with pytest.raises(SettingsError, match=r"value is declared with the type .*complex.*; allowed: .*ReadBy"):
        read_settings(Odd, {"value": "1j"}, BASE)


@given(st.sampled_from(sorted(EVERY)))
def test_the_text_of_a_default_reads_back_as_the_default(key: str) -> None:
    assert settings_from({key: default_text(EVERY[key])}) == settings_from({})


@given(st.sampled_from(sorted(EVERY)), st.text())
def test_any_text_becomes_settings_or_is_refused_by_the_keys_name(key: str, text: str) -> None:
    assert refusal({key: text}) is None or key in str(refusal({key: text}))


@given(st.text(min_size=1).filter(lambda key: key not in EVERY))
def test_any_unknown_key_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match=r"^\[bert_service\] has the unknown key "):
        settings_from({key: "x"})


@pytest.mark.parametrize("setting", EVERY.values(), ids=lambda setting: setting.name)
def test_every_declared_type_is_read(setting: Setting) -> None:
    examples: dict[Any, str] = {bool: "true", int: "1", float: "0.5", Path: "/a", dt.date: "2026-11-05"}
    text = default_text(setting) or examples.get(setting.kind, "x")
    assert "is declared with the type" not in str(refusal({setting.name: text}))
