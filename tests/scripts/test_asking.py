"""The demo asks the newest pushed model, and checks the answers to obvious reviews."""

from pathlib import Path

import pytest

from scripts.demo import DATE, read_date
from scripts.errors import RunFailedError, StackError
from scripts.stack.asking import GRPC_QUESTIONS, REST_QUESTIONS, Question, check_answers, newest_version

OBVIOUS = (Question("Superb.", "positive"), Question("It was a film.", None))


def test_version_10_is_newer_than_version_9(tmp_path: Path) -> None:
    for name in ("9", "10", "partial-11"):
        (tmp_path / name).mkdir()

    assert newest_version(tmp_path) == 10


def test_without_a_pushed_model_there_is_no_version(tmp_path: Path) -> None:
    assert newest_version(tmp_path) is None


def test_both_protocols_are_asked_two_reviews_an_obvious_positive_and_negative_among_them() -> None:
    assert [len(REST_QUESTIONS), len(GRPC_QUESTIONS)] == [2, 2]
    assert {question.label for question in (*REST_QUESTIONS, *GRPC_QUESTIONS)} >= {"positive", "negative"}


def test_right_answers_pass() -> None:
    check_answers(OBVIOUS, ["positive  0.99  Superb.", "negative  0.40  It was a film."])


def test_a_wrong_answer_to_an_obvious_review_fails() -> None:
    with pytest.raises(RunFailedError, match=r"an obviously positive review 'negative': 'Superb\."):
        check_answers(OBVIOUS, ["negative  0.01  Superb.", "negative  0.40  It was a film."])


def test_a_missing_answer_fails() -> None:
    with pytest.raises(RunFailedError, match="2 reviews were sent, 1 answers came"):
        check_answers(OBVIOUS, ["positive  0.99  Superb."])


def test_the_demo_has_a_date_of_its_own() -> None:
    assert read_date("").isoformat() == DATE
    assert read_date("2026-11-03").isoformat() == "2026-11-03"


def test_what_is_no_date_is_refused() -> None:
    with pytest.raises(StackError, match="DATE is 'yesterday'; allowed: a date like 2026-11-05"):
        read_date("yesterday")
