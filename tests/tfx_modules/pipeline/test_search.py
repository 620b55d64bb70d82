"""A run searches hyperparameters: each trial is another combination, is judged, and has its curves."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.pipeline.whole_pipeline import TUNING, WholePipeline, told_by_a_word
from tfx_modules.node.outcome import Outcome
from tfx_modules.reports.curves import TRAIN, VALIDATION, read
from tfx_modules.settings.task import BINARY_SENTIMENT

# Whole nodes run here, and with them whole libraries, which warn of their own doings.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

WORDS = {"negative": "bad", "positive": "good"}
HELD_OUT = tuple(told_by_a_word(WORDS, 60, start=400))
CHOICES = {
    "learning_rate": TUNING.learning_rates,
    "dropout": TUNING.dropouts,
    "warmup_fraction": TUNING.warmup_fractions,
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> WholePipeline:
    return WholePipeline(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def searched(pipeline: WholePipeline) -> dict[str, Outcome]:
    days = {"2026-11-05": tuple(told_by_a_word(WORDS, 240))}
    return pipeline.run(BINARY_SENTIMENT, days, HELD_OUT, "first", tune="yes", up_to="Tuner")


def folder_of(outcome: Outcome, output: str) -> Path:
    (artifact,) = outcome.outputs[output]
    return Path(artifact.uri)


def trials_of(searched: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    file = folder_of(searched["Tuner"], "tuner_results") / "tuner_results.json"
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_a_search_tries_as_many_combinations_as_are_set(searched: dict[str, Outcome]) -> None:
    trials = trials_of(searched)
    tried = [tuple(trial[name] for name in CHOICES) for trial in trials]
    assert len(set(tried)) == len(trials) == TUNING.trials
    assert all(trial[name] in allowed for trial in trials for name, allowed in CHOICES.items())
    scores = [trial["score"] for trial in trials]
    assert scores == sorted(scores)
    assert len(set(scores)) > 1, "trials that differ are judged differently"


def test_tensorboard_has_the_curves_of_each_trial(searched: dict[str, Outcome]) -> None:
    curves = folder_of(searched["Tuner"], "tuner_results") / "trials"
    assert {folder.name for folder in curves.iterdir()} == {trial["trial_id"] for trial in trials_of(searched)}
    for trial in trials_of(searched):
        (execution,) = (curves / trial["trial_id"]).iterdir()
        ((_, loss),) = read(execution, VALIDATION)["epoch_loss"]
        assert loss == pytest.approx(trial["score"], rel=1e-5)
        assert len(read(execution, TRAIN)["batch_loss"]) == TUNING.steps_per_trial
