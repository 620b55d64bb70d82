"""Compares a candidate with the champion, by the predictions of both on the same reviews.

The rules, and the reasons for them, are in ``docs/explanation/promotion.md``.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_modules.data import holdout
from tfx_modules.data.review_set import ReviewSet
from tfx_modules.evaluation import floors, scoring
from tfx_modules.evaluation.label_comparison import LabelComparison, compare_labels
from tfx_modules.evaluation.mcnemar import Difference, ModelComparison, Scores, compare, distinct_texts
from tfx_modules.exceptions import ScoringError, SettingsError, UnusableModelError
from tfx_modules.promotion.exceptions import ChampionUnusableError
from tfx_modules.promotion.promoter import Champion, GateResult, Judge
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.models.engines.engine import Engine
from tfx_modules.settings.gate import GateSettings, Promote
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings, of_model

_Counts = npt.NDArray[np.int64]
_logger = logging.getLogger(__name__)


def evaluation_sets(
    named: str, examples: Path, gate: GateSettings, task: TaskSettings = BINARY_SENTIMENT
) -> tuple[ReviewSet, ...]:
    """Read the review sets that candidates are evaluated on.

    Args:
        named: the runtime parameter ``holdout``.
        examples: folder of the run's Examples artifact.
        gate: ``max_compared`` limits how many reviews of the eval split are read.
        task: the pipeline's, with the labels.

    Returns:
        The holdout, where the run has one, and the eval split.

    Raises:
        HoldoutError: the holdout is not the file that the run names.
        ScoringError: the eval split cannot be read.
    """
    found = holdout.parse(named)
    split = scoring.read_split(examples, most=gate.max_compared, task=task)
    return (holdout.read(found, task), split) if found else (split,)


def broken_limits(model: Path, gate: GateSettings, seconds: float | None) -> tuple[str, ...]:
    """Return the limits of size and latency that a candidate breaks.

    Args:
        model: the candidate's SavedModel.
        gate: the limits.
        seconds: median time for a review, as InfraValidator measured it; None: it measured none.

    Returns:
        A line with numbers for each limit that it breaks.
    """
    return tuple(_broken_limits(model, gate, seconds))


def make_judge(model: Path, sets: Sequence[ReviewSet], gate: GateSettings) -> Judge:
    """Make the gate of one candidate.

    Args:
        model: the candidate's SavedModel.
        sets: the reviews to judge it on, from ``evaluation_sets``.
        gate: floors, significance level, and whether ``no difference`` promotes.

    Returns:
        A function that compares the candidate with a champion; it may be called for several champions. Its first call
        scores the candidate. It raises ChampionUnusableError when the champion cannot be scored, and ScoringError
        when the candidate cannot.

    Raises:
        ScoringError: there is nothing to judge it on.
    """
    if not sets:
        raise ScoringError("there are no reviews to judge a candidate on; give a holdout or the run's eval split.")
    return _CandidateGate(model, sets, gate)


class _CandidateGate:
    """The gate of one candidate, which can be called with several champions."""

    def __init__(self, model: Path, sets: Sequence[ReviewSet], gate: GateSettings) -> None:
        self._model = model
        self._sets = sets
        self._gate = gate

    def __call__(self, champion: Champion | None) -> GateResult:
        """Compare the candidate with a champion, or with the floors alone where there is none."""
        low = [line for found in self._measures for line in floors.broken_floors(found, self._gate)]
        metrics = [_measured(reviews, found) for reviews, found in zip(self._sets, self._measures, strict=True)]
        if champion is None:
            return self._concluded(low, [self._alone()], {"sets": metrics})
        if not self._task.is_comparable_with(other := _champion_task(champion)):
            return self._incomparable(champion, other, low, metrics)
        theirs = _champion_scores(champion, self._sets, other)
        pairs = list(zip(self._scores, theirs, strict=True))
        made = [compare(ours, other) for ours, other in pairs]
        of_labels = [
            compare_labels(*pair, reviews.task.classes) for reviews, pair in zip(self._sets, pairs, strict=True)
        ]
        return self._with_thresholds(self._result(champion, made, of_labels, low, metrics), champion, other)

    def _with_thresholds(self, result: GateResult, champion: Champion, theirs: TaskSettings) -> GateResult:
        """Say that the candidate gives labels from another score on than the champion does, if so."""
        ours = self._task.threshold
        if ours == theirs.threshold:
            return result
        reason = (
            f"{result.reason}; it gives a label from a score of {ours:g} on, {champion.version} from "
            f"{theirs.threshold:g} on"
        )
        measured = {**result.metrics, "threshold": ours, "champion_threshold": theirs.threshold}
        return replace(result, reason=reason, metrics=measured)

    @cached_property
    def _task(self) -> TaskSettings:
        return of_model(self._model)

    @cached_property
    def _scored(self) -> tuple[Engine, list[Scores]]:
        return _score(self._model, self._sets, "the candidate", self._task)

    @property
    def _scores(self) -> list[Scores]:
        return self._scored[1]

    def _concluded(self, failed: Sequence[str], described: Sequence[str], metrics: dict[str, Any]) -> GateResult:
        """Return the result; it says what computed the candidate's answers where that was another engine."""
        engine = self._scored[0]
        reason = "; ".join(failed or described)
        if engine.choice is EngineChoice.OPENVINO:
            reason += f"; the candidate was scored as it is served, with {engine}"
        measured = {"engine": engine.choice.value, "precision": engine.precision, **metrics}
        return GateResult(not failed, reason, measured)

    @cached_property
    def _measures(self) -> list[floors.Measures]:
        return [floors.measure(reviews, found) for reviews, found in zip(self._sets, self._scores, strict=True)]

    def _result(
        self,
        champion: Champion,
        made: Sequence[ModelComparison],
        of_labels: Sequence[Sequence[LabelComparison]],
        low: list[str],
        metrics: list[dict[str, Any]],
    ) -> GateResult:
        level = self._gate.level
        worse = [one.describe(champion.version, level) for one in made if one.difference(level) is Difference.WORSE]
        compared = [one for found in of_labels for one in found]
        worse += [one.describe(champion.version) for one in compared if one.difference(level) is Difference.WORSE]
        described = [one.describe(champion.version, level) for one in made]
        failed = [*low, *worse]
        if not failed and self._asks_for_better(made):
            failed = [*described, f"gate.promote is {self._gate.promote.value}"]
        sets = [
            {**found, **_numbers(one, level), **_numbers_of_labels(each, level)}
            for found, one, each in zip(metrics, made, of_labels, strict=True)
        ]
        measured = {"champion": champion.version, "level": level, "promote": self._gate.promote.value, "sets": sets}
        return self._concluded(failed, described, measured)

    def _incomparable(
        self, champion: Champion, theirs: TaskSettings, low: list[str], metrics: list[dict[str, Any]]
    ) -> GateResult:
        """A champion that answers other labels is right or wrong by other rules: the floors decide alone."""
        reason = (
            f"not comparable with {champion.version}, which answers {theirs.describe()}: this model answers "
            f"{self._task.describe()}"
        )
        measured = {"labels": list(self._task.classes), "champion_labels": list(theirs.classes), "sets": metrics}
        made = self._concluded(low, [self._alone()], measured)
        return replace(made, reason=f"{made.reason}; {reason}")

    def _asks_for_better(self, made: Sequence[ModelComparison]) -> bool:
        is_better = any(one.difference(self._gate.level) is Difference.BETTER for one in made)
        return self._gate.promote is Promote.BETTER and not is_better

    def _alone(self) -> str:
        accuracies = ", ".join(f"{found.accuracy:.3f} on {found.reviews}" for found in self._scores)
        return f"{self._scores[0].measure} {accuracies}, judged by the floors alone"


def _measured(reviews: ReviewSet, found: floors.Measures) -> dict[str, Any]:
    return {
        "name": reviews.name,
        "sha256": reviews.sha256,
        "n": len(reviews.texts),
        "accuracy": found.scores.accuracy,
        "auc": found.auc,
        "slices": {name: {"n": n, "accuracy": value} for name, (n, value) in found.slices.items()},
        **(_of_classes(found) if reviews.task.outputs > 1 else {}),
    }


def _of_classes(found: floors.Measures) -> dict[str, Any]:
    """Return what a task with several classes is measured by beside: macro F1, each class, and the confusion matrix.

    Of a multilabel task there is no confusion matrix, and ``measure`` says that its accuracy is the exact match.
    """
    scores = found.scores
    if scores.has_sets:
        right, there, answered = _counts_of_sets(scores)
        more: dict[str, Any] = {"measure": scores.measure}
    else:
        matrix = found.confusion()
        right, there, answered = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
        more = {"confusion": matrix.tolist()}
    f1 = 2 * right / np.maximum(there + answered, 1)
    classes = {
        label: {
            "n": int(there[n]),
            "recall": float(right[n] / max(there[n], 1)),
            "precision": float(right[n] / max(answered[n], 1)),
            "f1": float(f1[n]),
        }
        for n, label in enumerate(found.classes)
    }
    return {"macro_f1": float(f1.mean()), "classes": classes, **more}


def _counts_of_sets(scores: Scores) -> tuple[_Counts, _Counts, _Counts]:
    """Return how many reviews have each class and are given it, how many have it, and how many are given it."""
    labels, given = scores.labels.astype(np.int64), scores.answers
    return (labels * given).sum(axis=0), labels.sum(axis=0), given.sum(axis=0)


def _champion_task(champion: Champion) -> TaskSettings:
    try:
        return of_model(champion.folder)
    except SettingsError as error:
        raise ChampionUnusableError(str(error)) from error
    except OSError as error:
        raise ScoringError(f"the task of {champion.version} cannot be read: {error}. Check the disk.") from error


def _champion_scores(champion: Champion, sets: Sequence[ReviewSet], task: TaskSettings) -> list[Scores]:
    try:
        return _score(champion.folder, sets, f"{champion.version}, the champion", task)[1]
    except UnusableModelError as error:
        raise ChampionUnusableError(str(error)) from error


def _score(folder: Path, sets: Sequence[ReviewSet], who: str, task: TaskSettings) -> tuple[Engine, list[Scores]]:
    start = time.monotonic()
    model = scoring.load(folder)
    found = [scoring.score(model, reviews, task) for reviews in sets]
    count = sum(len(reviews.texts) for reviews in sets)
    _logger.info("scored %s on %d reviews in %.1f s, with %s", who, count, time.monotonic() - start, model.engine)
    return model.engine, found


def _numbers(made: ModelComparison, level: float) -> dict[str, Any]:
    return {
        "champion_accuracy": made.champion_accuracy,
        "both": made.both,
        "only_candidate": made.only_candidate,
        "only_champion": made.only_champion,
        "neither": made.neither,
        "p": made.p,
        "verdict": made.difference(level).value,
    }


def _numbers_of_labels(made: Sequence[LabelComparison], level: float) -> dict[str, Any]:
    if not made:
        return {}
    return {
        "labels_compared": {
            one.label: {
                "accuracy": one.made.accuracy,
                "champion_accuracy": one.made.champion_accuracy,
                "only_candidate": one.made.only_candidate,
                "only_champion": one.made.only_champion,
                "p": one.p,
                "verdict": one.difference(level).value,
            }
            for one in made
        }
    }


def _broken_limits(model: Path, gate: GateSettings, seconds: float | None) -> Iterator[str]:
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    if gate.max_bytes and size > gate.max_bytes:
        yield f"the model has {size:,} bytes > {gate.max_bytes:,}, its limit (gate.max_bytes)"
    if not gate.max_latency_ms:
        return
    if seconds is None:
        yield f"InfraValidator measured no time for a review, and its limit is {gate.max_latency_ms:g} ms"
    elif 1000 * seconds > gate.max_latency_ms:
        taken, limit = distinct_texts(1000 * seconds, gate.max_latency_ms, digits=1)
        yield f"the server takes {taken} ms > {limit} ms for a review, its limit (gate.max_latency_ms)"
