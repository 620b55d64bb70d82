"""Texts are scored in the order in which they came; one that the model refuses keeps no other from being scored."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tensorflow as tf

from tfx_modules.exceptions import BatchScoringError
from tfx_modules.model import ends
from tfx_modules.scoring import scorer
from tfx_modules.scoring.rows import Score, ScoredRow, Text
from tfx_modules.scoring.scorer import BATCH, Scorer
from tfx_modules.serving.models.model import ServedModel, load_model
from tfx_modules.serving.specs import DEFAULT_SIGNATURE

Function = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def judge(text: tf.Tensor) -> dict[str, tf.Tensor]:
    """Finds texts with "good" positive; refuses those with "poison"."""
    good = tf.strings.regex_full_match(text, "(?s).*good.*")
    poison = tf.strings.regex_full_match(text, "(?s).*poison.*")
    tf.debugging.Assert(tf.logical_not(tf.reduce_any(poison)), ["a text is poisonous"])
    return {"score": tf.where(good, 0.9, 0.1), "label": tf.where(good, "positive", "négative")}


def judge_three(text: tf.Tensor) -> dict[str, tf.Tensor]:
    rows = tf.size(text)
    return {
        "label": tf.fill([rows], "fault"),
        "score": tf.fill([rows], 0.5),
        "labels": tf.tile([["billing", "fault", "other"]], [rows, 1]),
        "scores": tf.tile([[0.25, 0.5, 0.25]], [rows, 1]),
    }


def judge_sets(text: tf.Tensor) -> dict[str, tf.Tensor]:
    scores = tf.where(tf.strings.length(text)[:, tf.newaxis] > 0, [[0.25, 0.5, 0.75]], [[0.25, 0.125, 0.25]])
    labels = tf.tile([["billing", "fault", "other"]], [tf.size(text), 1])
    return {"labels": labels, "scores": scores, "chosen": scores >= 0.5}


def judge_badly(text: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"score": tf.fill([tf.size(text)], float("nan")), "label": tf.fill([tf.size(text)], "positive")}


def without_label(text: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"score": tf.zeros([tf.size(text)])}


def exported(folder: Path, function: Function, signature: str = DEFAULT_SIGNATURE) -> ServedModel:
    module = tf.Module()
    module.judge = tf.function(function, input_signature=[tf.TensorSpec([None], tf.string, "text")])
    tf.saved_model.save(module, str(folder), signatures={signature: module.judge})
    return load_model(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    return exported(tmp_path_factory.mktemp("scored"), judge)


@contextmanager
def scoring(model: ServedModel) -> Iterator[Callable[[list[str]], list[ScoredRow]]]:
    with Scorer(model, threads=2) as made:
        yield lambda texts: made.score([Text(number, None, text) for number, text in enumerate(texts, start=1)])


def test_names_are_those_of_the_models_ends() -> None:
    assert (DEFAULT_SIGNATURE, scorer.SCORE, scorer.LABEL) == (ends.TEXTS, ends.SCORE, ends.LABEL)
    assert (scorer.SCORES, scorer.LABELS, scorer.CHOSEN) == (ends.SCORES, ends.LABELS, ends.CHOSEN)


def test_scores_come_in_the_order_of_the_texts_whatever_their_lengths(model: ServedModel) -> None:
    texts = [("good " if number % 3 == 0 else "bad ") * (1 + number * 7 % 50) for number in range(3 * BATCH + 5)]
    with scoring(model) as score:
        rows = score(texts)

    assert [row.text.row for row in rows] == list(range(1, len(texts) + 1))
    assert [row.score for row in rows] == [
        Score("positive", 0.9) if "good" in text else Score("négative", 0.1) for text in texts
    ]


def test_a_row_with_an_error_keeps_it_and_is_not_given_to_the_model(model: ServedModel) -> None:
    texts = [Text(1, "a", "good"), Text(2, "b", "poison", "too_long"), Text(3, None, "", "no_text")]
    with Scorer(model, threads=1) as made:
        rows = made.score(texts)

    assert [row.text for row in rows] == texts
    assert [row.score for row in rows] == [Score("positive", 0.9), Score(error="too_long"), Score(error="no_text")]


def test_a_text_that_the_model_refuses_has_an_error_and_all_others_their_scores(model: ServedModel) -> None:
    texts = ["good"] * (BATCH + 10)
    texts[7] = texts[BATCH] = "poison"
    with scoring(model) as score:
        rows = score(texts)

    refused = Score(error="refused_by_model")
    assert [row.score == refused for row in rows] == [text == "poison" for text in texts]
    assert {row.score for row in rows} == {refused, Score("positive", 0.9)}


def test_with_more_than_two_labels_each_has_its_probability(tmp_path: Path) -> None:
    with scoring(exported(tmp_path, judge_three)) as score:
        (row,) = score(["It broke."])
    assert row.score == Score("fault", 0.5, {"billing": 0.25, "fault": 0.5, "other": 0.25})


def test_a_text_may_have_several_labels_or_none(tmp_path: Path) -> None:
    model = exported(tmp_path, judge_sets)
    with scoring(model) as score:
        rows = score(["It broke.", ""])
    assert [row.score for row in rows] == [
        Score(scores={"billing": 0.25, "fault": 0.5, "other": 0.75}, chosen=("fault", "other")),
        Score(scores={"billing": 0.25, "fault": 0.125, "other": 0.25}, chosen=()),
    ]
    with Scorer(model, threads=1) as made:
        assert made.has_sets


def test_a_model_that_gives_no_numbers_fails_the_day(tmp_path: Path) -> None:
    with (
        scoring(exported(tmp_path, judge_badly)) as score,
        pytest.raises(BatchScoringError, match="allowed: a label and a finite number for each"),
    ):
        score(["one", "two"])


@pytest.mark.parametrize(
    ("function", "signature", "found"),
    [
        (without_label, DEFAULT_SIGNATURE, "serving_default, from text to score"),
        (judge, "judge", "no signature serving_default"),
    ],
)
def test_a_model_of_another_form_is_refused_with_what_is_needed(
    tmp_path: Path, function: Function, signature: str, found: str
) -> None:
    other = exported(tmp_path, function, signature)
    with pytest.raises(BatchScoringError, match=f"the model has {found}; needed: serving_default, from one string to"):
        Scorer(other, threads=1)
