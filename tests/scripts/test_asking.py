"""The demo asks the newest pushed model, and checks the answers to obvious reviews."""

from pathlib import Path

import pytest

from scripts.demo import DATE, read_date
from scripts.errors import RunFailedError, StackError
from scripts.stack.asking import (
    GRPC_QUESTIONS,
    REST_QUESTIONS,
    Kind,
    Question,
    check_answers,
    is_right,
    newest_version,
)

QUESTIONS = (Question("Superb.", "positive", Kind.OBVIOUS), Question("Hardly a bore.", "positive", Kind.NEGATION))


def test_version_10_is_newer_than_version_9(tmp_path: Path) -> None:
    for name in ("9", "10", "partial-11"):
        (tmp_path / name).mkdir()

    assert newest_version(tmp_path) == 10


def test_without_a_pushed_model_there_is_no_version(tmp_path: Path) -> None:
    assert newest_version(tmp_path) is None


def test_both_protocols_are_asked_a_review_of_each_kind_and_both_are_asked_both_labels() -> None:
    for questions in (REST_QUESTIONS, GRPC_QUESTIONS):
        assert [question.kind for question in questions] == list(Kind)
        assert {question.label for question in questions} == {"positive", "negative"}
    for rest, grpc in zip(REST_QUESTIONS, GRPC_QUESTIONS, strict=True):
        assert {rest.label, grpc.label} == {"positive", "negative"}, rest.kind


def test_right_answers_pass() -> None:
    answers = ["positive  0.99  Superb.", "positive  0.60  Hardly a bore."]
    check_answers(QUESTIONS, answers)
    assert all(map(is_right, QUESTIONS, answers))


def test_a_wrong_answer_to_a_review_that_is_not_obvious_is_wrong_and_does_not_fail() -> None:
    answers = ["positive  0.99  Superb.", "negative  0.40  Hardly a bore."]
    check_answers(QUESTIONS, answers)
    assert list(map(is_right, QUESTIONS, answers)) == [True, False]


def test_a_wrong_answer_to_an_obvious_review_fails() -> None:
    with pytest.raises(RunFailedError, match=r"an obviously positive review 'negative': 'Superb\."):
        check_answers(QUESTIONS, ["negative  0.01  Superb.", "positive  0.60  Hardly a bore."])


def test_a_missing_answer_fails() -> None:
    with pytest.raises(RunFailedError, match="2 reviews were sent, 1 answers came"):
        check_answers(QUESTIONS, ["positive  0.99  Superb."])


def test_the_demo_has_a_date_of_its_own() -> None:
    assert read_date("").isoformat() == DATE
    assert read_date("2026-11-03").isoformat() == "2026-11-03"


def test_what_is_no_date_is_refused() -> None:
    with pytest.raises(StackError, match="DATE is 'yesterday'; allowed: a date like 2026-11-05"):
        read_date("yesterday")
