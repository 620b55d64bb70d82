"""The sample feed: what is in it, and that its script still makes it."""

import csv
import datetime as dt
import hashlib
import importlib.util
import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from airflow_bert_service.exceptions import PhraseError
from airflow_bert_service.feeds.made_up.phrases import read_phrases
from airflow_bert_service.feeds.made_up.writer import normalised

from scripts.stack.asking import GRPC_QUESTIONS, REST_QUESTIONS

DATA = Path(__file__).parents[2] / "data"
FEED = DATA / "sample_reviews.csv"
HOLDOUT = DATA / "holdout" / "sample-v1.csv"
SCRIPT = DATA / "make_sample_feed.py"
SENTENCES = DATA.parent / "benchmarks" / "sample_feed_sentences.csv"
DIGEST_OF_THE_HOLDOUT = "d0b60bc2e96d4d68e22371653d6dcc56940a0794d36c8fc0c9460e67dd44d65f"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("make_sample_feed", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with FEED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_script_makes_the_same_bytes_again(tmp_path: Path, hash_seed: str) -> None:
    feed, holdout = tmp_path / "feed.csv", tmp_path / "holdout.csv"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, str(SCRIPT), "--output", str(feed), "--holdout", str(holdout)]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
    for again, kept in ((feed, FEED), (holdout, HOLDOUT)):
        assert hashlib.sha256(again.read_bytes()).hexdigest() == hashlib.sha256(kept.read_bytes()).hexdigest()


def test_another_seed_makes_other_reviews(script: ModuleType) -> None:
    assert script.render(seed=1) != FEED.read_bytes()


def test_it_is_utf_8_with_unix_line_ends() -> None:
    content = FEED.read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    assert content.decode("utf-8").startswith("id,date,review,sentiment\n")


def test_every_row_is_whole(rows: list[dict[str, str]]) -> None:
    assert len(rows) >= 8950
    for row in rows:
        assert list(row) == ["id", "date", "review", "sentiment"]
        assert row["sentiment"] in ("negative", "positive")
        assert row["review"] == row["review"].strip()


def test_ids_count_from_one_and_no_text_comes_twice(rows: list[dict[str, str]]) -> None:
    assert [row["id"] for row in rows] == [f"s-{number:06d}" for number in range(1, len(rows) + 1)]
    assert len({row["review"].casefold() for row in rows}) == len(rows)


def test_it_covers_24_days_of_about_380_reviews_in_order(rows: list[dict[str, str]]) -> None:
    a_day = Counter(row["date"] for row in rows)
    assert list(a_day) == [(dt.date(2026, 10, 16) + dt.timedelta(days=n)).isoformat() for n in range(24)]
    assert all(370 <= count <= 390 for count in a_day.values())


def test_the_classes_are_balanced_on_every_day(rows: list[dict[str, str]]) -> None:
    positive = Counter(row["date"] for row in rows if row["sentiment"] == "positive")
    for day, count in Counter(row["date"] for row in rows).items():
        assert abs(2 * positive[day] - count) <= 2, day


def test_lengths_have_a_long_tail(rows: list[dict[str, str]]) -> None:
    words = [len(row["review"].split()) for row in rows]
    assert min(words) >= 2
    assert 150 <= max(words) <= 300
    assert 18 <= statistics.median(words) <= 40
    assert statistics.median(words) < statistics.mean(words)


@pytest.mark.parametrize(
    "pattern",
    [r"<br />", r"\?", "[à-ÿ]", r"\d", '"', ",", "\n"],
    ids=["br", "?", "accent", "digit", "quote", "comma", "newline"],
)
def test_it_has_what_breaks_careless_readers(rows: list[dict[str, str]], pattern: str) -> None:
    assert sum(bool(re.search(pattern, row["review"])) for row in rows) >= 20


def test_no_slot_is_left_unfilled(rows: list[dict[str, str]]) -> None:
    assert not [row["id"] for row in rows if re.search(r"[{}@|]", row["review"])]


def test_articles_and_capitals_are_right(rows: list[dict[str, str]]) -> None:
    faulty = re.compile(r"\b[Aa] [aeio]|\b[Aa]n [bcdfgjklmnpqrstvwxyz]|[.?!] [a-z]|  ")
    assert not [row["review"] for row in rows if faulty.search(row["review"])]


def test_a_verdict_without_its_other_member_is_refused(tmp_path: Path) -> None:
    for name in ("words.txt", "plots.txt"):
        (tmp_path / name).write_text("[any]\nx\n", encoding="utf-8")
    (tmp_path / "verdicts.txt").write_text("[plain x]\n+ Good.\n+ Better.\n", encoding="utf-8")
    with pytest.raises(PhraseError, match=r"\[plain x\].*a pair is a \+ line, then a - line"):
        read_phrases(tmp_path)


def test_an_unknown_pool_of_verdicts_is_refused(tmp_path: Path) -> None:
    for name in ("words.txt", "plots.txt"):
        (tmp_path / name).write_text("[any]\nx\n", encoding="utf-8")
    (tmp_path / "verdicts.txt").write_text("[odd x]\n+ Good.\n- Bad.\n", encoding="utf-8")
    with pytest.raises(
        PhraseError, match=r"the pool is 'odd'; allowed: plain, idiom, turned, contrast, negation, irony\."
    ):
        read_phrases(tmp_path)


def test_no_opinion_is_of_both_classes() -> None:
    pairs = [pair for pool in read_phrases(DATA / "phrases").verdicts.values() for pair in pool]
    assert {pair.positive for pair in pairs}.isdisjoint(pair.negative for pair in pairs)


@pytest.mark.parametrize(
    ("ones", "others"),
    [
        ("gsay", "bsay"),
        ("mgood", "mbad"),
        ("npgood", "npbad"),
        ("theygood", "theybad"),
        ("hopelow", "hopehigh"),
        ("dogood", "dobad"),
        ("feltgood", "feltbad"),
        ("virtue", "vice"),
        ("yougood", "youbad"),
        ("yes", "no"),
        ("pain", "mockjoy"),
        ("joyful", "dreary"),
        ("fun", "dry"),
        ("flaw", "merit"),
        ("like", "dislike"),
        ("gooddeed", "baddeed"),
        ("nit", "faint"),
        ("nicething", "nastything"),
        ("killjoys", "dullpeople"),
        ("morefresh", "moretired"),
        ("bringgood", "bringbad"),
        ("wrongpain", "wrongpart"),
    ],
)
def test_no_part_of_a_sentence_is_of_both_classes(ones: str, others: str) -> None:
    words = read_phrases(DATA / "phrases").words
    assert set(words[ones]).isdisjoint(words[others])


def test_every_slot_has_words_and_all_words_have_a_slot() -> None:
    phrases = read_phrases(DATA / "phrases")
    frames = [text for pairs in phrases.verdicts.values() for pair in pairs for text in (pair.positive, pair.negative)]
    texts = [*frames, *(line for lines in phrases.fillers.values() for line in lines)]
    texts += [entry for entries in phrases.words.values() for entry in entries]
    used = {slot.rstrip("2") for text in texts for slot in re.findall(r"\{(\w+)\}", text)}
    assert used - {"he", "his", "him"} == set(phrases.words) - {"lead"}


def test_sentences_that_models_are_tested_with_are_in_no_file_of_the_feed() -> None:
    with SENTENCES.open(encoding="utf-8", newline="") as lines:
        tested = [row["review"] for row in csv.DictReader(lines)]
    asked = [normalised(text) for text in (*tested, *(each.text for each in (*REST_QUESTIONS, *GRPC_QUESTIONS)))]
    assert len(asked) == 28
    files = [FEED, HOLDOUT, *sorted((DATA / "phrases").glob("*.txt"))]
    assert len(files) == 5
    for file in files:
        content = normalised(file.read_text(encoding="utf-8"))
        assert [text for text in asked if text in content] == [], file.name


# The holdout


def test_the_holdout_is_frozen() -> None:
    assert hashlib.sha256(HOLDOUT.read_bytes()).hexdigest() == DIGEST_OF_THE_HOLDOUT


@pytest.fixture(scope="module")
def holdout() -> list[dict[str, str]]:
    with HOLDOUT.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_holdout_has_the_form_that_runs_read(holdout: list[dict[str, str]]) -> None:
    assert HOLDOUT.read_bytes().startswith(b"review,sentiment\n")
    assert b"\r" not in HOLDOUT.read_bytes()
    assert Counter(row["sentiment"] for row in holdout) == {"negative": 200, "positive": 200}
    assert all(row["review"] == row["review"].strip() for row in holdout)


def test_no_text_of_the_holdout_is_in_the_feed_or_twice_in_the_holdout(
    holdout: list[dict[str, str]], rows: list[dict[str, str]]
) -> None:
    def written(found: list[dict[str, str]]) -> set[str]:
        return {normalised(row["review"]) for row in found}

    assert written(holdout) & written(rows) == set()
    assert len(written(holdout)) == len(holdout)


def test_the_holdout_is_like_the_longer_reviews_of_the_feed(
    holdout: list[dict[str, str]], rows: list[dict[str, str]]
) -> None:
    lengths = [[len(row["review"].split()) for row in found] for found in (holdout, rows)]
    words = [[length for length in found if length >= 15] for found in lengths]
    assert statistics.median(words[0]) == pytest.approx(statistics.median(words[1]), rel=0.15)
    questions = [statistics.mean("?" in row["review"] for row in found) for found in (holdout, rows)]
    assert questions[0] == pytest.approx(questions[1], abs=0.05)
