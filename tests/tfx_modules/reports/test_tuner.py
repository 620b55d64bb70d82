"""The page of a search, from what TFX writes of KerasTuner's trials."""

import json
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import pytest
from tfx.components.tuner.executor import write_best_hyperparameters
from tfx.types.standard_artifacts import HyperParameters, TunerResults

from tests.tfx_modules.reports.made_up import Made, folder, record
from tfx_modules.reports import tuner

# KerasTuner and TFX warn of their own doings.
pytestmark = pytest.mark.filterwarnings("default")

CONFIG = json.dumps({"tuning": {"trials": 3, "steps_per_trial": 40}, "training": {"seed": 5, "batch_size": 32}})
LOSSES = {"00": 0.5, "01": 0.25, "02": 0.75}


def build(hp: keras_tuner.HyperParameters) -> keras.Model:
    hp.Choice("learning_rate", [1e-5, 3e-5, 5e-5])
    return keras.Sequential([keras.layers.Dense(1)])


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Results of three trials, whose models are not trained: the oracle is told their losses."""
    place = tmp_path_factory.mktemp("search")
    search = keras_tuner.RandomSearch(
        build, objective=keras_tuner.Objective("val_loss", "min"), max_trials=3, seed=5, directory=str(place)
    )
    for _ in LOSSES:
        trial = search.oracle.create_trial("tuner0")
        search.oracle.update_trial(trial.trial_id, {"val_loss": LOSSES[f"{int(trial.trial_id):02}"]})
        trial.status = "COMPLETED"
        search.oracle.end_trial(trial)
    outputs: dict[str, Any] = {"best_hyperparameters": HyperParameters(), "tuner_results": TunerResults()}
    for key, artifact in outputs.items():
        artifact.uri = str(folder(place, key))
    write_best_hyperparameters(search, {key: [artifact] for key, artifact in outputs.items()})
    return {key: Made(artifact.uri, {"tuned": 1}) for key, artifact in outputs.items()}


def page(outputs: dict[str, Made]) -> str:
    return tuner.render(record(outputs, parameters={"custom_config": CONFIG}))


def test_the_trials_are_in_the_order_of_their_scores_and_the_best_one_has_won(searched: dict[str, Made]) -> None:
    made = page(searched)
    assert "Trial 1 of 3 has the lowest loss on the eval split." in made or "Trial 01 of 3" in made
    places = [made.index(f"<div>{loss:.4f}</div>") for loss in sorted(LOSSES.values())]
    assert places == sorted(places)
    assert made.count(", won</strong>") == 1
    (best,) = Path(searched["best_hyperparameters"].uri).iterdir()
    rate = json.loads(best.read_text())["values"]["learning_rate"]
    assert f"<dt>learning_rate</dt><dd>{rate:g}</dd>" in made
    assert "Loss of each trial" in made
    assert "<div><code>tuning.steps_per_trial</code></div>" in made


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"learning_rate": 3e-5}, "This run did not search. It hands on what the last search found."),
        ({}, "none did before it. The Trainer takes the hyperparameters of the settings."),
    ],
)
def test_a_run_that_did_not_search_says_so(tmp_path: Path, values: dict[str, float], told: str) -> None:
    best, results = folder(tmp_path, "best"), folder(tmp_path, "results")
    (best / "best_hyperparameters.txt").write_text(json.dumps({"space": [], "values": values}))
    (results / "tuner_results.json").write_text("[]")
    made = page({"best_hyperparameters": Made(str(best)), "tuner_results": Made(str(results))})
    assert told in made
    assert "Trials" not in made
    assert ("<dd>3e-05</dd>" in made) == bool(values)
