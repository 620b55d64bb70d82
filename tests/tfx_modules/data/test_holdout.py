"""The holdout: which file it is, what is in it, and that none of its reviews is ever trained on."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.tfx_modules.validation.data_nodes import DataNodes, Row, sample_day
from tfx_modules.components.example_gen import HoldoutFilter
from tfx_modules.data import holdout
from tfx_modules.data.holdout import Holdout
from tfx_modules.exceptions import HoldoutError
from tfx_modules.settings.settings import SplitSettings, ValidationSettings

DAYS = ("2026-11-04", "2026-11-05")


def write(folder: Path, text: str, name: str = "own-v1") -> Holdout:
    path = folder / f"{name}.csv"
    path.write_bytes(text.encode())
    return Holdout(name, str(path), hashlib.sha256(text.encode()).hexdigest())


def as_json(named: Holdout) -> str:
    return json.dumps({"name": named.name, "path": named.path, "sha256": named.sha256})


def test_a_run_names_its_holdout_or_has_none(tmp_path: Path) -> None:
    named = write(tmp_path, "")
    assert holdout.parse(as_json(named)) == named
    assert holdout.parse("{}") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '{"name": "a"}',
        '{"name": "a", "path": "b", "sha256": ""}',
        '{"name": 1, "path": 2, "sha256": 3}',
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(
        HoldoutError, match=r"parameter holdout is .*; allowed: JSON with the texts name, path, sha256, or"
    ):
        holdout.parse(text)


def test_a_holdouts_reviews_are_in_its_order_with_its_name_and_digest(tmp_path: Path) -> None:
    named = write(tmp_path, 'review,sentiment\n"Warm, and\nlong.",positive\nDull.,negative\n')
    found = holdout.read(named)
    assert (found.name, found.sha256) == ("own-v1", named.sha256)
    assert found.texts == ("Warm, and\nlong.", "Dull.")
    assert found.labels.tolist() == [True, False]


def test_more_columns_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    found = holdout.read(write(tmp_path, "\ufeffid,sentiment,review\n1,negative,Dull.\n"))
    assert (found.texts, found.labels.tolist()) == (("Dull.",), [False])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has the columns of no header; needed: review, sentiment. Correct its first line"),
        ("text,label\nDull.,negative\n", "has the columns text, label; needed: review, sentiment"),
        ("review,sentiment\n", "has no reviews; one is needed at least"),
        (
            "review,sentiment\nDull.,neg\n",
            "row 1: the text has 5 characters and the sentiment is 'neg'; allowed: a text",
        ),
        ("review,sentiment\nDull.,negative\n  ,negative\n", "row 2: the text has 2 characters"),
        ("review,sentiment\nDull.\n", "the sentiment is None; allowed: a text, and negative or positive"),
        ('review,sentiment\n"Dull."ish,negative\n', "is no CSV in UTF-8: .* Write it so"),
    ],
)
def test_a_file_that_is_no_holdout_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HoldoutError, match=rf"holdout .*own-v1\.csv.* {message}"):
        holdout.read(write(tmp_path, text))


def test_a_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    named = write(tmp_path, "review,sentiment\nDull.,negative\n")
    Path(named.path).write_text("review,sentiment\nDull!,negative\n")
    with pytest.raises(
        HoldoutError, match=rf"has the SHA-256 \w+; allowed: {named.sha256}, which it had when refresh_data"
    ):
        holdout.read(named)


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    gone = Holdout("own-v1", str(tmp_path / "own-v1.csv"), "0")
    with pytest.raises(HoldoutError, match=r"own-v1\.csv cannot be read \(No such file or directory\); put it back"):
        holdout.read(gone)


texts = st.text(min_size=1, max_size=40)


@given(st.lists(texts, max_size=20), st.lists(texts, max_size=10))
def test_every_row_that_is_not_in_the_holdout_passes_in_order(reviews: list[str], held_out: list[str]) -> None:
    holdout_filter = HoldoutFilter(holdout.keys(held_out))
    rows: list[Any] = [{"id": str(n), "review": review} for n, review in enumerate(reviews)]
    passed = list(holdout_filter(rows))
    assert [row for row in rows if row["review"] not in held_out and row in passed] == passed
    assert len(passed) + holdout_filter.left_out == len(rows)


@given(st.lists(texts.filter(str.split), min_size=1, max_size=5), st.sampled_from([" ", "\n", " \t "]))
def test_white_space_and_case_do_not_make_another_review(words: list[str], gap: str) -> None:
    written = gap.join(words).lower()
    assert holdout.key(f" {written.upper().lower()}{gap}") == holdout.key(written.upper().lower())
    assert holdout.key(" ".join(words)) == holdout.key(gap.join(words))


def test_other_reviews_are_other_reviews() -> None:
    assert len(holdout.keys(["Fine.", "Fine", "Fi ne.", "fine.", "FINE.\n"])) == 3


def ids(examples: Path, split: str = "*") -> set[str]:
    files = [str(path) for path in examples.glob(f"Split-{split}/*.gz")]
    found = tf.data.TFRecordDataset(files, compression_type="GZIP")
    parsed = (tf.train.Example.FromString(record.numpy()) for record in found)
    return {example.features.feature["id"].bytes_list.value[0].decode() for example in parsed}


def as_held_out(row: Row) -> str:
    """The review as another hand has written it."""
    review = row["review"].upper().replace(" ", "  ").replace('"', '""')
    return f'"{review}\n",{row["sentiment"]}\n'


def test_no_review_of_the_holdout_gets_into_a_spans_examples(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tfx_modules.components.example_gen")
    window = {day: sample_day(day) for day in DAYS}
    rows = [row for day in DAYS for row in window[day]]
    held_out = rows[3:40:5]
    named = write(tmp_path, "review,sentiment\n" + "".join(map(as_held_out, held_out)))
    nodes = DataNodes(tmp_path / "nodes", as_json(named))
    nodes.folder.mkdir()

    (examples,) = nodes.run(window, ValidationSettings(), "run-1", ["CsvExampleGen"]).outputs["examples"]

    assert ids(Path(examples.uri)) == {row["id"] for row in rows} - {row["id"] for row in held_out}
    assert f"left out {len(held_out)} rows whose text is in the holdout own-v1" in caplog.text


def test_another_holdout_makes_other_examples_and_the_same_one_is_cached(tmp_path: Path) -> None:
    window = {DAYS[0]: sample_day(DAYS[0])}
    first, other = window[DAYS[0]][:2]
    states = []
    for number, held_out in enumerate((first, first, other)):
        named = write(tmp_path, "review,sentiment\n" + as_held_out(held_out))
        nodes = DataNodes(tmp_path, as_json(named))
        states.append(nodes.run(window, ValidationSettings(), f"run-{number}", ["CsvExampleGen"]).state.value)
    assert states == ["complete", "cached", "complete"]


def test_a_row_that_two_windows_share_is_in_the_same_split_of_both(tmp_path: Path) -> None:
    """So that no champion was trained on the eval split that it is compared on."""
    nodes = DataNodes(tmp_path)
    days = {day: sample_day(day) for day in ("2026-11-03", *DAYS)}
    windows = [dict(list(days.items())[:2]), dict(list(days.items())[1:])]
    shared = {row["id"] for row in days[DAYS[0]]}
    splits = []
    for number, window in enumerate(windows):
        (examples,) = nodes.run(window, ValidationSettings(), f"run-{number}", ["CsvExampleGen"]).outputs["examples"]
        splits.append(ids(Path(examples.uri), "eval") & shared)
    assert splits[0] == splits[1] != set()


def test_a_smaller_eval_split_is_a_part_of_the_greater_one(tmp_path: Path) -> None:
    """So that the champion was trained on none of it, when the setting goes from a value to a multiple."""
    window = {day: sample_day(day) for day in DAYS}
    greater, smaller = (
        dealt(DataNodes(tmp_path / str(one_in), split=SplitSettings(eval_one_in=one_in)), window) for one_in in (3, 6)
    )
    assert greater["train"] | greater["eval"] == smaller["train"] | smaller["eval"]
    assert greater["train"] < smaller["train"]
    assert set() != smaller["eval"] < greater["eval"]


def dealt(nodes: DataNodes, window: dict[str, list[Row]]) -> dict[str, set[str]]:
    """Run ExampleGen; return the ids of the rows of each split."""
    nodes.folder.mkdir()
    (examples,) = nodes.run(window, ValidationSettings(), "run", ["CsvExampleGen"]).outputs["examples"]
    return {split: ids(Path(examples.uri), split) for split in ("train", "eval")}
