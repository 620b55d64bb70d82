"""A lower precision is taken where it is faster on this machine and as right on the holdout, and not otherwise."""

import logging
import time
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from tfx_modules.model import precision
from tfx_modules.model.measuring.rows import Ids, Measured
from tfx_modules.settings.settings import ExportSettings, Precision

AUTO = ExportSettings()
TEXTS = 1000
Holdout = Callable[[], Measured]


@pytest.fixture(scope="module")
def holdout() -> Holdout:
    """Rows of many lengths, each of its number."""
    numbers = np.arange(TEXTS, dtype=np.int32)
    ids = tuple(np.full(1 + n % 7, n, np.int32) for n in numbers)
    return lambda: Measured("some-v1", ids, (numbers % 2 == 0).astype(np.int64))


class Models:
    """Models that are slow and wrong by so much; they say what the rows' numbers ask for."""

    def __init__(self, *, seconds: dict[Precision, float], wrong: dict[Precision, int]) -> None:
        self._seconds, self._wrong = seconds, wrong
        self.made: list[Precision] = []

    def make(self, kind: Precision) -> precision.Compute:
        self.made.append(kind)

        def compute(ids: Ids) -> tf.Tensor:
            began = time.process_time()
            while time.process_time() - began < self._seconds[kind]:
                pass
            numbers = ids[:, 0]
            right = numbers % 2 == 0
            return tf.constant(np.where(np.where(numbers < self._wrong[kind], ~right, right), 2.0, -2.0), tf.float32)

        return compute


def models(quick_seconds: float = 0.001, quick_wrong: int = 0, exact_wrong: int = 0) -> Models:
    return Models(
        seconds={Precision.FLOAT32: 0.01, Precision.BFLOAT16: quick_seconds},
        wrong={Precision.FLOAT32: exact_wrong, Precision.BFLOAT16: quick_wrong},
    )


def test_what_is_faster_and_as_right_is_taken(holdout: Holdout, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        made = precision.choose(models().make, AUTO, holdout)
    assert made.precision is Precision.BFLOAT16
    assert made.accuracies == {Precision.FLOAT32: 1.0, Precision.BFLOAT16: 1.0}
    assert made.reason in caplog.text
    assert (
        "times the processor time of bfloat16 here, accuracy of bfloat16 on some-v1 1.0000, float32 1.0000"
        in caplog.text
    )


@pytest.mark.parametrize(("wrong", "taken"), [(3, Precision.BFLOAT16), (4, Precision.FLOAT32)])
def test_three_tenths_of_a_point_may_be_lost_and_no_more(holdout: Holdout, wrong: int, taken: Precision) -> None:
    assert precision.choose(models(quick_wrong=wrong).make, AUTO, holdout).precision is taken


def test_what_is_more_right_than_float32_loses_nothing(holdout: Holdout) -> None:
    assert precision.choose(models(exact_wrong=50).make, AUTO, holdout).precision is Precision.BFLOAT16


def test_the_loss_that_is_borne_is_a_setting(holdout: Holdout) -> None:
    settings = ExportSettings(max_accuracy_loss=0.02)
    assert precision.choose(models(quick_wrong=20).make, settings, holdout).precision is Precision.BFLOAT16


def test_what_is_not_faster_is_not_taken(holdout: Holdout, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert precision.choose(models(quick_seconds=0.02).make, AUTO, holdout).precision is Precision.FLOAT32
    assert "float32: float32 takes 0." in caplog.text
    assert "1.2 would be worth it" in caplog.text


def test_without_a_holdout_nothing_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    untouched = models()
    with caplog.at_level(logging.INFO):
        assert precision.choose(untouched.make, AUTO, None).precision is Precision.FLOAT32
    assert not untouched.made
    assert "no holdout" in caplog.text


@pytest.mark.parametrize("kind", [Precision.FLOAT32, Precision.BFLOAT16])
def test_a_precision_that_is_asked_for_is_taken_untried(holdout: Holdout, kind: Precision) -> None:
    untouched = models(quick_seconds=0.02, quick_wrong=500)
    assert precision.choose(untouched.make, ExportSettings(precision=kind), holdout).precision is kind
    assert not untouched.made
