"""The pictures' reviews, the pipe to the browser, and what is said when there is no browser. No Chromium is needed."""

import csv
import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from scripts.errors import StackError
from scripts.screenshots.chromium import END, MessagePipe, find_chromium
from scripts.screenshots.pictures import shows
from scripts.screenshots.reviews import write_reviews
from scripts.stack.paths import PROJECT_ROOT


@pytest.fixture
def pipe() -> Iterator[MessagePipe]:
    """A pipe to a browser that answers as the protocol says: events in between, errors for methods unknown to it."""
    to_read, our_write = os.pipe()
    our_read, to_write = os.pipe()

    def answer() -> None:
        with os.fdopen(to_read, "rb") as reader, os.fdopen(to_write, "wb", buffering=0) as writer:
            unread = b""
            while piece := os.read(reader.fileno(), 1 << 16):
                *texts, unread = (unread + piece).split(END)
                for text in texts:
                    asked = json.loads(text)
                    if asked["method"] == "Browser.close":
                        return
                    event = {"method": "Page.loadEventFired", "params": {}}
                    writer.write(json.dumps(event).encode() + END + json.dumps(_result(asked)).encode() + END)

    browser = threading.Thread(target=answer)
    browser.start()
    with ExitStack() as stack:
        stack.callback(browser.join)
        writer = stack.enter_context(os.fdopen(our_write, "wb"))
        reader = stack.enter_context(os.fdopen(our_read, "rb", buffering=0))
        yield MessagePipe(writer, reader)


def _result(asked: dict[str, Any]) -> dict[str, Any]:
    if asked["method"].startswith("No."):
        return {"id": asked["id"], "error": {"code": -32601, "message": "wasn't found"}}
    return {"id": asked["id"], "result": {"asked": asked["params"], "session": asked.get("sessionId")}}


def test_a_method_gets_its_own_answer_among_events(pipe: MessagePipe) -> None:
    assert pipe.ask("Browser.getVersion") == {"asked": {}, "session": None}
    assert pipe.ask("Page.navigate", "7", url="x" * 70_000) == {"asked": {"url": "x" * 70_000}, "session": "7"}


def test_a_refused_method_and_a_browser_that_ends_are_said(pipe: MessagePipe) -> None:
    with pytest.raises(StackError, match=r"Chromium refused No\.such: .*wasn't found"):
        pipe.ask("No.such")
    with pytest.raises(StackError, match=r"Chromium ended while it was asked for Browser\.close"):
        pipe.ask("Browser.close")


def test_a_missing_chromium_is_said_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"No Chromium was found on PATH.*apt-get install chromium"):
        find_chromium()


def test_the_last_day_of_the_reviews_has_broken_labels_and_the_others_are_the_samples(tmp_path: Path) -> None:
    folder = tmp_path / "reviews"
    settings = write_reviews(PROJECT_ROOT / "data" / "sample_reviews.csv", folder)

    labels = {}
    for path in sorted(folder.iterdir()):
        with path.open(newline="", encoding="utf-8") as file:
            labels[path.stem] = [row["sentiment"] for row in csv.DictReader(file)]
    assert list(labels) == ["2026-11-03", "2026-11-04", "2026-11-05"]
    assert [set(found) for found in labels.values()] == [{"positive", "negative"}] * 2 + [{"positive"}]
    # So many that the gate blocks and does not only warn.
    assert len(labels["2026-11-05"]) >= 50
    assert settings["AIRFLOW__BERT_SERVICE__FILES_PATTERN"] == f"{folder}/{{date}}.csv"
    assert settings["AIRFLOW__BERT_SERVICE__LAST_DAY"] == "2026-11-05"


def test_a_text_is_handed_to_the_page_quoted_and_in_one_line() -> None:
    assert shows('a "b"\n c').endswith('.includes("a \\"b\\" c")')
