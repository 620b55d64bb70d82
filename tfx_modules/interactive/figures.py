"""Draws a run's artifacts with Matplotlib; each function returns a figure, which a notebook shows."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tfx import types

from tfx_modules.model.record import training_record
from tfx_modules.reports import curves, evaluation
from tfx_modules.reports.evaluation import Confusion, SliceResult
from tfx_modules.serving.client.specs import Prediction
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings
from tfx_modules.validation import profile

_BLUE, _ORANGE, _GREY = "#3266ad", "#d1752b", "#9a9a9a"
_COLOURS = (_ORANGE, _BLUE, "#4c9a5b", "#8a62a8", "#b54848", _GREY)
_MOST_TEXT = 60
"""Characters of a review beside its bar."""
_BARS = 32
_DARK = 0.6
"""Share of the greatest count above which a cell's number is white."""


def days(counts: pd.DataFrame) -> Figure:
    """Draw the reviews of each day as bars, a colour a label.

    Args:
        counts: what ``tables.days`` returned.
    """
    figure, axes = _figure(8, 3)
    below = [0] * len(counts)
    for colour, label in zip(_cycle(counts.columns), counts.columns, strict=True):
        values = counts[label].tolist()
        axes.bar(
            [str(day)[5:] for day in counts.index], values, bottom=below, label=str(label), color=colour, width=0.8
        )
        below = [low + value for low, value in zip(below, values, strict=True)]
    axes.set(title="Reviews of each day", ylabel="reviews")
    axes.tick_params(axis="x", rotation=45)
    _legend(axes)
    return figure


def lengths(counted: profile.Days, feature: str) -> Figure:
    """Draw how many reviews have how many words, or characters, or another measure of ``profile.EDGES``.

    Args:
        counted: what ``statistics_gen.read_days`` returned.
        feature: the measure's name.
    """
    counts = profile.add(counted.values()).counts[feature]
    shown = [place for place, count in enumerate(counts) if count]
    places = range(shown[0], shown[-1] + 1) if shown else range(0)
    figure, axes = _figure(8, 3)
    axes.bar([profile.class_name(feature, place) for place in places], [counts[place] for place in places], color=_BLUE)
    axes.set(title=f"Reviews by {feature.replace('_', ' ')}", xlabel=feature.replace("_", " "), ylabel="reviews")
    axes.tick_params(axis="x", rotation=45)
    return figure


def token_counts(counts: Sequence[int], most: int) -> Figure:
    """Draw how many tokens the reviews have.

    Args:
        counts: a number for each review.
        most: the encoder's limit; longer reviews are cut to it.
    """
    figure, axes = _figure(8, 3)
    width = max(1, most // _BARS)
    axes.hist(counts, bins=range(0, most + width + 1, width), color=_BLUE)
    axes.axvline(most, color=_ORANGE, linestyle="--", label=f"limit of {most}")
    axes.set(title="Tokens of a review", xlabel="tokens", ylabel="reviews")
    _legend(axes)
    return figure


def training(run: types.Artifact, task: TaskSettings = BINARY_SENTIMENT) -> Figure:
    """Draw the loss by step, and loss and accuracy, or exact match, by epoch.

    Args:
        run: Trainer's output ``model_run``.
        task: the pipeline's; it says what the accuracy is called.
    """
    folder = Path(run.uri)
    record = training_record.read(folder)
    history = record.fit.history if record else {}
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    by_step, by_loss, by_accuracy = figure.subplots(1, 3)
    steps = curves.read(folder, curves.TRAIN).get("batch_loss", ())
    by_step.plot([step for step, _ in steps], [loss for _, loss in steps], color=_BLUE)
    by_step.set(title="Loss by step", xlabel="step", ylabel="loss, mean of the epoch so far")
    for axes, name, shown in ((by_loss, "loss", "loss"), (by_accuracy, "accuracy", task.measure)):
        for label, key, colour in (("training", name, _BLUE), ("validation", f"val_{name}", _ORANGE)):
            values = history.get(key, ())
            axes.plot(range(1, len(values) + 1), values, marker="o", color=colour, label=label)
        axes.set(title=f"{shown.capitalize()} by epoch", xlabel="epoch", ylabel=shown)
        axes.set_xticks(range(1, len(history.get(name, ())) + 1))
        _legend(axes)
    for axes in (by_step, by_loss, by_accuracy):
        _plain(axes)
    return figure


def accuracy_by_slice(found: Sequence[SliceResult]) -> Figure:
    """Draw the accuracy of each slice, or its exact match, beside the champion's where there is one.

    Args:
        found: what ``tables.slices`` returned.
    """
    measured = {name for item in found for name in item.candidate.metrics}
    measure = next((name for name in evaluation.SHARES_RIGHT if name in measured), evaluation.SHARES_RIGHT[0])
    shown = [item for item in reversed(found) if measure in item.candidate.metrics]
    figure, axes = _figure(8, 0.8 + 0.4 * len(shown))
    for place, item in enumerate(shown):
        accuracy = item.candidate.metrics[measure]
        axes.barh(place, accuracy, color=_BLUE, height=0.6, label="candidate" if place == 0 else None)
        axes.text(accuracy + 0.01, place, f"{accuracy:.3f}", va="center")
        if measure in item.champion.metrics:
            mark = item.champion.metrics[measure]
            axes.plot([mark, mark], [place - 0.4, place + 0.4], color=_ORANGE, label="champion" if place == 0 else None)
    names = [f"{item.name} ({item.candidate.metrics.get('examples', 0):.0f})" for item in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.set(title=f"{measure.capitalize()} by slice (number of reviews)", xlim=(0, 1.1), xlabel=measure)
    _legend(axes)
    return figure


def confusion(found: Confusion) -> Figure:
    """Draw a confusion matrix: what the reviews are, and what the model says."""
    figure, axes = _figure(1.6 + 1.1 * len(found.answers), 1.3 + 0.9 * len(found.labels))
    most = max((count for row in found.counts for count in row), default=0) or 1
    axes.imshow(found.counts, cmap="Blues", vmin=0, vmax=most, aspect="auto")
    for row, counts in enumerate(found.counts):
        for column, count in enumerate(counts):
            colour = "white" if count > _DARK * most else "black"
            axes.text(column, row, f"{count:.0f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(found.answers)), found.answers)
    axes.set_yticks(range(len(found.labels)), found.labels)
    axes.set(title="Confusion matrix", xlabel="the model says", ylabel="the review is")
    axes.grid(visible=False)
    return figure


def scores(found: Sequence[Prediction]) -> Figure:
    """Draw the scores that the model server answered, a bar a text; of a multilabel task a bar for each label of it.

    Labels that a text has are blue then, and others grey.
    """
    if any(item.has_sets for item in found):
        return _scores_of_sets(found)
    figure, axes = _figure(8, 0.8 + 0.4 * len(found))
    for place, item in enumerate(reversed(found)):
        axes.barh(place, item.score, color=_BLUE if item.score >= 0.5 else _ORANGE, height=0.6)
        axes.text(item.score + 0.01, place, f"{item.label} {item.score:.3f}", va="center")
    return _of_texts(figure, axes, found)


def _scores_of_sets(found: Sequence[Prediction]) -> Figure:
    most = max(len(item.scores) for item in found)
    figure, axes = _figure(8, 0.8 + 0.3 * most * len(found))
    height = 0.8 / most
    for place, item in enumerate(reversed(found)):
        for row, (label, score) in enumerate(item.scores.items()):
            where = place + 0.4 - height * (row + 0.5)
            axes.barh(where, score, color=_BLUE if label in item.chosen else _GREY, height=0.9 * height)
            axes.text(score + 0.01, where, f"{label} {score:.3f}", va="center")
    return _of_texts(figure, axes, found)


def _of_texts(figure: Figure, axes: Axes, found: Sequence[Prediction]) -> Figure:
    axes.set_yticks(range(len(found)), [_short(item.text) for item in reversed(found)])
    axes.set(title="Scores of the served model", xlim=(0, 1.25), xlabel="score")
    return figure


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(visible=True, color="#e3e3e3")


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _cycle(names: Sequence[object]) -> list[str]:
    return [_COLOURS[place % len(_COLOURS)] for place, _ in enumerate(names)]


def _short(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
