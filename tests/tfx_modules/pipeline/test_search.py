"""A run searches hyperparameters on the sample feed; its Trainer and those of later runs train with what was found."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.model.test_encoder_checkpoint import CONFIG, tensors, write
from tests.tfx_modules.pipeline.whole_pipeline import TUNING, WholePipeline, page_of, small_encoder
from tests.tfx_modules.validation.data_nodes import sample_day
from tfx_modules.node.outcome import NodeState, Outcome
from tfx_modules.reports.curves import TRAIN, VALIDATION, read
from tfx_modules.settings.settings import EncoderSettings, ExportSettings, Precision
from tfx_modules.settings.task import BINARY_SENTIMENT

# Whole nodes run here, and with them whole libraries, which warn of their own doings.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

DAY = "2026-11-05"
CHOICES = {
    "learning_rate": TUNING.learning_rates,
    "dropout": TUNING.dropouts,
    "warmup_fraction": TUNING.warmup_fractions,
}


def reviews(day: str) -> list[tuple[str, str]]:
    """The sample feed's of a day, with their sentiments."""
    return [(row["review"], row["sentiment"]) for row in sample_day(day)]


def encoder(folder: Path) -> EncoderSettings:
    """One layer of random weights, and the words that the feed has most often."""
    words = Counter(word for text, _ in reviews(DAY) for word in text.lower().split() if word.isalpha())
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(word for word, _ in words.most_common(200))]
    config = {**CONFIG, "num_hidden_layers": 1, "vocab_size": len(vocabulary), "hidden_size": 16}
    return write(folder, tensors(config), config, vocabulary)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> WholePipeline:
    # The values are what counts here, and no model is served: no engine's files, and trainings of two steps.
    export = ExportSettings(precision=Precision.FLOAT32, engines=())
    return WholePipeline(tmp_path_factory.mktemp("whole"), encoder, export)


def run(pipeline: WholePipeline, run_id: str, tune: str) -> dict[str, Outcome]:
    found, held_out = {DAY: reviews(DAY)}, reviews("2026-11-04")[:20]
    return pipeline.run(BINARY_SENTIMENT, found, held_out, run_id, tune=tune, up_to="Trainer", steps=2)


@pytest.fixture(scope="module")
def searched(pipeline: WholePipeline) -> dict[str, Outcome]:
    return run(pipeline, "first", tune="yes")


@pytest.fixture(scope="module")
def next_run(pipeline: WholePipeline, searched: dict[str, Outcome]) -> dict[str, Outcome]:
    del searched
    return run(pipeline, "second", tune="no")


def folder_of(outcome: Outcome, output: str) -> Path:
    (artifact,) = outcome.outputs[output]
    return Path(artifact.uri)


def trials_of(searched: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    file = folder_of(searched["Tuner"], "tuner_results") / "tuner_results.json"
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def trained_with(outcomes: Mapping[str, Outcome]) -> tuple[dict[str, float], bool]:
    """Return the hyperparameters that a run's Trainer had, and whether a search had found them."""
    made = json.loads((folder_of(outcomes["Trainer"], "model_run") / "training.json").read_text(encoding="utf-8"))
    return made["hyperparameters"], made["tuned"]


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


def test_the_trainer_has_the_values_of_the_best_trial(searched: dict[str, Outcome]) -> None:
    best = trials_of(searched)[0]
    assert trained_with(searched) == ({name: best[name] for name in CHOICES}, True)


def test_the_next_run_searches_nothing_and_trains_with_the_same_values(
    searched: dict[str, Outcome], next_run: dict[str, Outcome]
) -> None:
    assert "It hands on what the last search found." in page_of(next_run["Tuner"], "tuner_results")
    assert next_run["Trainer"].state is NodeState.COMPLETE, "it has trained; only its data are in the cache"
    assert trials_of(next_run) == []
    assert trained_with(next_run) == trained_with(searched)


def test_a_run_with_another_encoder_gets_none_of_them(pipeline: WholePipeline, searched: dict[str, Outcome]) -> None:
    found = {
        made: WholePipeline(pipeline.folder, made, pipeline.export).run_alone(BINARY_SENTIMENT, "LatestTuned", run_id)
        for made, run_id in ((encoder, "third"), (small_encoder, "fourth"))
    }
    (previous,) = found[encoder].outputs["previous"]
    (best,) = searched["Tuner"].outputs["best_hyperparameters"]
    assert previous.id == best.id
    assert not found[small_encoder].outputs.get("previous")
