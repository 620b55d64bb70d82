"""Whoever waits for a training sees in the node's log how far it is."""

import copy
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_modules.model.fitting.progress import Progress, duration


class Clock:
    """Goes on by so many seconds each time somebody looks at it."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def fit(progress: Progress) -> None:
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    batches = tf.data.Dataset.from_tensors((np.ones((4, 2), "float32"), np.ones((4, 1), "float32"))).repeat()
    model.fit(
        batches,
        steps_per_epoch=6,
        epochs=2,
        validation_data=batches.take(4),
        callbacks=[progress],
        shuffle=False,
        verbose=0,
    )


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "tfx_modules.model.fitting.progress"]


def test_lines_tell_step_speed_loss_and_the_time_that_is_left(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fit(Progress(4, interval=10, clock=Clock(5)))

    told = lines(caplog)
    assert told[0] == "the first step took 5 s, with what TensorFlow prepares for it"
    trained = [line.split(", loss ")[0] for line in told if line.startswith("step ")]
    assert trained == [f"step {step} of 12: 0.8 examples/s" for step in (3, 5, 8, 10, 12)]
    assert [line.rpartition(", ")[2] for line in told if line.startswith("step ")] == [
        f"{left} of training left" for left in ("45 s", "35 s", "20 s", "10 s", "0 s")
    ]
    validated = [line.split(",")[0] for line in told if line.startswith("validation")]
    assert validated == ["validation: 2 batches", "validation: 4 batches"] * 2


def test_a_training_of_a_few_seconds_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fit(Progress(4, interval=10, clock=Clock(0.1)))

    assert len(lines(caplog)) == 1


def test_each_trial_of_a_tuner_counts_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    given = Progress(4, interval=10, clock=Clock(5))
    trials = []
    for _ in range(2):
        fit(copy.deepcopy(given))  # as KerasTuner does for each trial
        trials.append([line.split(", loss")[0] for line in lines(caplog)])
        caplog.clear()

    assert trials[0] == trials[1]
    assert len(trials[0]) == 10


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_times_are_told_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
