"""A search tells of its trials, bears some that fail, and goes on where a killed one was."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf

from tfx_modules.exceptions import SearchError
from tfx_modules.model.fitting.search import Plan, Search
from tfx_modules.reports.curves import VALIDATION, read

# KerasTuner saves weights by a form of NumPy's that NumPy 2 calls old, and calls threading's old names.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:currentThread:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:getName:DeprecationWarning"),
]

RATES = (0.001, 0.01, 0.1)
Told = list[tuple[float, float | None]]


class Killed(BaseException):
    """Stands for a signal: no code of KerasTuner's catches it, and the files stay as they are."""


class Line(keras_tuner.HyperModel):  # type: ignore[misc]
    """Learns to double a number; some of its learning rates end badly."""

    def __init__(self, failing: tuple[float, ...] = (), killed_at: float | None = None) -> None:
        super().__init__()
        self._failing, self._killed_at = failing, killed_at
        self.tried: list[float] = []

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        rate = hp.Choice("learning_rate", list(RATES))
        made = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, kernel_initializer="ones")])
        made.compile(optimizer=keras.optimizers.SGD(rate), loss="mse", run_eagerly=True)
        return made

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        rate = hp.get("learning_rate")
        self.tried.append(rate)
        if rate in self._failing:
            raise ValueError(f"{rate} is no good")
        found = super().fit(hp, model, *args, **kwargs)
        if rate == self._killed_at:
            raise Killed
        return found


def clock() -> Iterator[float]:
    yield from np.arange(0.0, 1e4, 10.0)


def search(folder: Path, line: Line, *, trials: int = 3, made_by: str = "a test") -> Search:
    """Search to the end, with curves; the clock goes on by 10 s whenever it is looked at."""
    curves = folder / "curves"
    found = Search(line, Plan(trials, 7, folder / "working", curves, made_by), clock().__next__)
    numbers = tf.data.Dataset.from_tensors((np.ones((4, 1), "float32"), 2 * np.ones((4, 1), "float32"))).repeat()
    board = keras.callbacks.TensorBoard(log_dir=curves, write_graph=False, update_freq=1)
    found.search(
        x=numbers,
        steps_per_epoch=2,
        epochs=1,
        validation_data=numbers.take(1),
        callbacks=[board],
        shuffle=False,
        verbose=0,
    )
    return found


def results(found: Search) -> Told:
    return [(trial.hyperparameters.get("learning_rate"), trial.score) for trial in found.oracle.get_best_trials(3)]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "tfx_modules.model.fitting.search"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, list[float]]:
    line = Line()
    return results(search(tmp_path_factory.mktemp("undisturbed"), line)), line.tried


def test_each_trial_tells_its_values_its_score_and_the_time_that_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    line = Line()
    best, *others = (score for _, score in results(search(tmp_path, line)))

    assert None not in (best, *others)
    told = lines(caplog)
    assert told[::2] == [f"trial {n} ({n + 1} of 3): learning_rate {rate:g}" for n, rate in enumerate(line.tried)]
    assert [one.rpartition(", ")[2] for one in told[1::2]] == [
        f"{left} of the search left" for left in ("20 s", "10 s", "0 s")
    ]
    assert f" after 10 s, the best so far is {best:.4f} of trial {line.tried.index(0.1)}, " in told[-1]


def test_a_trial_that_fails_is_told_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = search(tmp_path, Line(failing=(0.1,)))

    assert [rate for rate, score in results(found) if score is not None] == [0.01, 0.001]
    (told,) = (record.message for record in caplog.records if record.levelno == logging.ERROR)
    assert "failed after 10 s and is left out: ValueError: 0.1 is no good; " in told
    assert "Traceback (most recent call last)" in told


@pytest.mark.parametrize(
    ("trials", "how_many"), [(2, "all 2 trials of the search"), (3, "3 trials of the search in a")]
)
def test_a_search_without_a_trial_that_succeeds_fails(tmp_path: Path, trials: int, how_many: str) -> None:
    with pytest.raises(
        SearchError, match=rf"^{how_many}.* ValueError: .* is no good\. .*under \[tuning\], or run with"
    ):
        search(tmp_path, Line(failing=RATES), trials=trials)


def test_a_search_that_was_killed_goes_on_with_the_trial_that_it_was_killed_in(
    tmp_path: Path, undisturbed: tuple[Told, list[float]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    expected, order = undisturbed
    with pytest.raises(Killed):
        search(tmp_path, Line(killed_at=order[1]))
    (tmp_path / "curves").rename(tmp_path / "removed")  # as the outputs of a killed try are

    line = Line()
    found = search(tmp_path, line)

    assert "going on with the search of a try that was ended: 1 of 3 trials are done" in caplog.messages
    assert line.tried == order[1:]
    assert results(found) == expected
    for trial in ("0", "1", "2"):
        curve = read(tmp_path / "curves" / trial / "execution0", VALIDATION)["epoch_loss"]
        assert len(curve) == 1, "what the killed try has left of the trial is gone"


def test_a_search_begins_anew_where_what_is_left_is_of_another_one(
    tmp_path: Path, undisturbed: tuple[Told, list[float]], caplog: pytest.LogCaptureFixture
) -> None:
    order = undisturbed[1]
    with pytest.raises(Killed):
        search(tmp_path, Line(killed_at=order[1]), made_by="another encoder")

    line = Line()
    search(tmp_path, line)

    assert line.tried == order
    assert f"{tmp_path}/working/search.json is of another search; this one begins anew" in caplog.messages


@pytest.mark.parametrize("name", ["sentiment/oracle.json", "sentiment/tuner0.json", "sentiment/trial_1/trial.json"])
def test_a_search_begins_anew_where_what_is_left_cannot_be_read(
    tmp_path: Path, undisturbed: tuple[Told, list[float]], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    expected, order = undisturbed
    with pytest.raises(Killed):
        search(tmp_path, Line(killed_at=order[1]))
    file = tmp_path / "working" / name
    file.write_bytes(file.read_bytes()[:-9])  # as a process that is killed while it writes leaves it

    line = Line()
    found = search(tmp_path, line)

    assert line.tried == order
    assert results(found) == expected
    assert any("cannot be read" in told and told.endswith("; it begins anew") for told in caplog.messages)
