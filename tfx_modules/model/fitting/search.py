"""Searches hyperparameters trial by trial, tells how far it is, and goes on with a search that was killed."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from tfx_modules.common.files import write_atomically
from tfx_modules.exceptions import SearchError
from tfx_modules.model.fitting.progress import duration

_PROJECT = "sentiment"
_MADE_BY = "search.json"
_CURVES = "curves"
_SCORE = "val_loss"
_MOST_FAILURES = 3
_ADVICE = "The log has the traceback of each. Correct the settings under [tuning], or run without tune."

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How long a search is, and where its state is kept.

    Attributes:
        trials: how many combinations it tries at most; fewer where there are fewer.
        seed: of its draws.
        folder: its state is in it, for the next try of a search that was killed.
        curves: each trial's are in a folder of it while it runs and afterwards.
        made_by: what the search is made by, as text; a search with another text begins anew.
    """

    trials: int
    seed: int
    folder: Path
    curves: Path
    made_by: str


class Search(keras_tuner.RandomSearch):  # type: ignore[misc]  # keras_tuner has no types
    """KerasTuner's random search by validation loss.

    A trial that fails is told of, and the others go on; three in a row end the search, and so does having none that
    succeeded.
    """

    def __init__(
        self, hypermodel: keras_tuner.HyperModel, plan: Plan, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin, or go on with what an earlier try has left in the plan's folder."""
        self._plan, self._clock = plan, clock
        self._begun, self._spent, self._counted = clock(), 0.0, 0
        if not _is_of(plan):
            self._begin_anew(hypermodel)
            return
        try:
            self._open(hypermodel, overwrite=False)
        # KerasTuner raises whatever its files make its code raise.
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            _logger.warning("what is left of a search in %s cannot be read (%r); it begins anew", plan.folder, error)
            self._begin_anew(hypermodel)
            return
        done = len(self.oracle.end_order)
        _logger.info("going on with the search of a try that was ended: %d of %d trials are done", done, plan.trials)
        _copy(plan.folder / _CURVES, plan.curves)

    def _begin_anew(self, hypermodel: keras_tuner.HyperModel) -> None:
        self._open(hypermodel, overwrite=True)
        shutil.rmtree(self._plan.folder / _CURVES, ignore_errors=True)
        write_atomically(self._plan.folder / _MADE_BY, self._plan.made_by)

    def _open(self, hypermodel: keras_tuner.HyperModel, *, overwrite: bool) -> None:
        super().__init__(
            hypermodel,
            objective=keras_tuner.Objective(_SCORE, "min"),
            max_trials=self._plan.trials,
            max_consecutive_failed_trials=_MOST_FAILURES,
            seed=self._plan.seed,
            directory=self._plan.folder,
            project_name=_PROJECT,
            overwrite=overwrite,
        )

    def on_trial_begin(self, trial: Trial) -> None:
        """Tell its hyperparameters."""
        super().on_trial_begin(trial)
        shutil.rmtree(self._plan.curves / trial.trial_id, ignore_errors=True)  # of a try that was killed in it
        self._begun = self._clock()
        _logger.info("%s: %s", self._named(trial), _values(trial))

    def on_trial_end(self, trial: Trial) -> None:
        """Keep what it has found, and tell its score and how long the others will take."""
        _copy(self._plan.curves / trial.trial_id, self._plan.folder / _CURVES / trial.trial_id)
        for weights in Path(self.get_trial_dir(trial.trial_id)).glob("checkpoint*"):
            weights.unlink()  # nobody asks for a trial's model, and each is as large as the encoder
        try:
            super().on_trial_end(trial)
        except RuntimeError as error:  # KerasTuner's, after as many failures in a row as it is told to bear
            raise SearchError(
                f"{_MOST_FAILURES} trials of the search in a row have failed, the last one by {_failure(trial)}. "
                f"{_ADVICE}"
            ) from error
        seconds = self._clock() - self._begun
        self._spent, self._counted = self._spent + seconds, self._counted + 1
        left = self.remaining_trials * self._spent / self._counted
        ended = self.oracle.get_trial(trial.trial_id)
        if ended.status != TrialStatus.COMPLETED:
            what = f"failed after {duration(seconds)} and is left out: {_failure(ended)}"
            _logger.error(
                "%s %s; %s of the search left\n%s", self._named(trial), what, duration(left), ended.message or ""
            )
            return
        (best,) = self.oracle.get_best_trials()
        _logger.info(
            "%s: %s %.4f after %s, the best so far is %.4f of trial %s, %s of the search left",
            self._named(trial),
            _SCORE,
            ended.score,
            duration(seconds),
            best.score,
            best.trial_id,
            duration(left),
        )

    def on_search_end(self) -> None:
        """Check that there is a best trial.

        Raises:
            SearchError: all have failed. KerasTuner would take the values of one of them for the best.
        """
        super().on_search_end()
        trials = list(self.oracle.trials.values())
        if not any(trial.status == TrialStatus.COMPLETED for trial in trials):
            raise SearchError(
                f"all {len(trials)} trials of the search have failed, the last one by {_failure(trials[-1])}. {_ADVICE}"
            )

    def _named(self, trial: Trial) -> str:
        return f"trial {trial.trial_id} ({int(trial.trial_id) + 1} of {self._plan.trials})"


def _is_of(plan: Plan) -> bool:
    """Return whether the plan's folder has a search that is made by the same."""
    file = plan.folder / _MADE_BY
    if not file.exists():
        return False
    if file.read_text(encoding="utf-8") == plan.made_by:
        return True
    _logger.warning("%s is of another search; this one begins anew", file)
    return False


def _copy(source: Path, place: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True)


def _values(trial: Trial) -> str:
    values: dict[str, Any] = trial.hyperparameters.values
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def _failure(trial: Trial) -> str:
    """Return the last line of what a trial has raised; none is raised where the loss is no number."""
    return (trial.message or f"its {_SCORE} is no number").strip().splitlines()[-1]
