"""Settings of the feeds that read a user's own reviews."""

import configparser
import datetime as dt
import re
from dataclasses import fields
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.feeds import SourceSettings
from airflow_bert_service.settings.settings import settings_from

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "how-to" / "feeds.md"
# Each has an example of a whole section, and these feeds in this order.
WITH_EXAMPLES = {
    DOCUMENT: ["files", "files", "sql", "http", "imdb"],
    ROOT / "docs" / "tutorial" / "own-reviews.md": ["files"],
    ROOT / "README.md": ["files"],
}
EXAMPLE = re.compile(r"```ini\n(feed = .*?)```", re.DOTALL)
FILES = {"feed": "files", "first_day": "2026-11-01", "files_pattern": "/data/{date}.csv"}


def test_what_is_left_out_has_its_default() -> None:
    source = settings_from(FILES).source
    assert (source.first_day, source.last_day) == (dt.date(2026, 11, 1), None)
    assert (source.id_column, source.text_column, source.sentiment_column) == ("id", "review", "sentiment")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"first_day": ""},
            r"feed files needs files_pattern, first_day; missing: first_day\. Set them; docs/how-to/feeds\.md",
        ),
        ({"files_pattern": ""}, r"missing: files_pattern"),
        ({"files_pattern": "/data/x.csv"}, r"files_pattern is '/data/x\.csv'; allowed: a text with \{date\} in it"),
        ({"files_pattern": "/data/x.csv"}, r"Name each day's file so, or set files_date_column to the column"),
        ({"files_pattern": "/{date}/{hour}.csv"}, r"in braces may stand \{date\}"),
        ({"files_pattern": "/{date.year}.csv"}, r"files_pattern is '/\{date\.year\}\.csv'"),
        ({"files_pattern": "/{date"}, r"files_pattern is '/\{date'"),
        ({"last_day": "2026-10-31"}, r"last_day is 2026-10-31; allowed: first_day, which is 2026-11-01, or later"),
        ({"first_day": "today"}, r"first_day is 'today'; allowed: a date like"),
        ({"feed": "sql"}, r"feed sql needs sql_conn_id, sql_query, first_day; missing: sql_conn_id, sql_query"),
        ({"http_paging": "cursor"}, r"http_paging is 'cursor'; allowed: none, link, number"),
        ({"http_tries": "0"}, r"http_tries is 0; allowed: 1 or more"),
        ({"http_timeout": "soon"}, r"http_timeout is 'soon'; allowed: a whole number"),
    ],
)
def test_values_that_are_not_allowed(values: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_from({**FILES, **values})


@pytest.mark.parametrize("document", WITH_EXAMPLES, ids=lambda path: str(path.name))
def test_the_examples_of_the_documentation_are_settings(document: Path) -> None:
    feeds = []
    for example in EXAMPLE.findall(document.read_text(encoding="utf-8")):
        parser = configparser.ConfigParser()
        parser.read_string("[bert_service]\n" + example)
        feeds.append(settings_from(dict(parser["bert_service"])).feed.value)
    assert feeds == WITH_EXAMPLES[document]


def test_every_key_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [key.name for key in fields(SourceSettings) if f"| `{key.name}` |" not in text] == []
