"""Renders the report of Trainer: curves, speed, hyperparameters, and the precision of each engine."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from tfx.types import standard_component_specs

from tfx_modules.model.fitting.progress import duration
from tfx_modules.model.record import training_record
from tfx_modules.model.record.training_record import EngineChoice, Fit, TrainingRecord
from tfx_modules.report_page import document, drawing
from tfx_modules.report_page.document import NUMBER, Verdict, paragraph, section
from tfx_modules.reports import curves, tables
from tfx_modules.reports.curves import Points
from tfx_modules.reports.node_record import NodeRecord
from tfx_modules.settings.task import TaskSettings, from_config

OUTPUT = standard_component_specs.MODEL_RUN_KEY
_LOSS, _ACCURACY = "epoch_loss", "epoch_accuracy"
_STEP_LOSS = "batch_loss"
_MOST_STEPS = 500
_NO_RECORD = (
    "An earlier release trained this model and wrote neither the hyperparameters nor what was measured for the choice "
    "of a precision. A run without the cache writes them."
)


def render(record: NodeRecord) -> str:
    """Render the page of a training."""
    run = record.folder(OUTPUT)
    made = training_record.read(run)
    trained, validated = curves.read(run, curves.TRAIN), curves.read(run, curves.VALIDATION)
    if made is not None and made.fit.history:
        trained = {**trained, **_epochs_of(made.fit, "")}
        validated = {**validated, **_epochs_of(made.fit, "val_")}
    measure = _task(record).measure
    sections = _sections(record, made, trained, validated, measure)
    return document.page("Training of the model", _banner(validated, measure), sections, pipeline=record.pipeline)


def _epochs_of(fit: Fit, prefix: str) -> dict[str, Points]:
    names = {_LOSS: f"{prefix}loss", _ACCURACY: f"{prefix}accuracy"}
    return {tag: list(enumerate(fit.history[name])) for tag, name in names.items() if name in fit.history}


def _banner(validated: Mapping[str, Points], measure: str) -> str:
    points = validated.get(_ACCURACY)
    if not points:
        return document.banner(Verdict.PLAIN, "Trained", "The training left no curves.")
    epoch, accuracy = max(points, key=lambda point: (point[1], -point[0]))
    kept = f"The weights of epoch {epoch + 1:.0f} of {len(points)} are kept"
    text = f"{kept}: {measure} {accuracy:.3f} on the eval split."
    return document.banner(Verdict.PLAIN, "Trained", text)


def _sections(
    record: NodeRecord,
    made: TrainingRecord | None,
    trained: Mapping[str, Points],
    validated: Mapping[str, Points],
    measure: str,
) -> Iterator[str]:
    if made is None:
        yield section("Training", paragraph(_NO_RECORD))
    else:
        yield section("Training", document.facts(_fit(made.fit)))
        origin = "A search found them." if made.tuned else "They are those of the settings; no search found others."
        rows = [(name, tables.value_text(value)) for name, value in made.hyperparameters.items()]
        yield section("Hyperparameters", paragraph(origin), document.facts(rows))
    if figures := list(_figures(trained, validated, measure)):
        yield section("Curves", document.pictures(figures))
    if made is not None:
        yield section("Precision of each engine", _engines(made.engines), *_accuracies(made.engines, measure))
    yield section("Settings", tables.settings(_settings(record)))


def _fit(fit: Fit) -> Iterator[tuple[str, str]]:
    yield "Ran on", fit.device
    yield "Examples", f"{fit.train_examples:,} to train on, {fit.eval_examples:,} in the eval split"
    yield "Steps", f"{fit.steps:,} of {fit.batch_size} examples, in {fit.epochs} epoch{'s' if fit.epochs != 1 else ''}"
    yield "Time", f"{duration(fit.seconds)}, validations included"
    if fit.examples_per_second is not None:
        yield "Speed", f"{fit.examples_per_second:,.1f} examples/s, without the first step and the validations"


def _figures(trained: Mapping[str, Points], validated: Mapping[str, Points], measure: str) -> Iterator[str]:
    for tag, name, is_share in ((_ACCURACY, measure, True), (_LOSS, "loss", False)):
        parts = {"training": trained.get(tag, ()), "validation": validated.get(tag, ())}
        lines = [drawing.Line(part, [(epoch + 1, value) for epoch, value in points]) for part, points in parts.items()]
        if lines := [line for line in lines if line.points]:
            svg = drawing.lines(lines, "epoch", name, is_share=is_share)
            yield document.figure(f"{name.capitalize()} of each epoch", svg, _epochs(lines))
    if steps := trained.get(_STEP_LOSS):
        # Keras counts the steps from 1 on, and writes the mean over the epoch so far.
        shown = _thinned(steps)
        svg = drawing.lines([drawing.Line("training", shown)], "step", "loss, mean of the epoch so far")
        numbers = _table(("step", "loss"), [[f"{step:,.0f}", value] for step, value in shown])
        left = f", {len(shown):,} of {len(steps):,} steps" if len(shown) < len(steps) else ""
        yield document.figure(f"Loss by step{left}", svg, numbers)


def _thinned(points: Points) -> Points:
    """Return up to 500 of the points, as far from each other as can be, the last one among them."""
    every = -(-len(points) // _MOST_STEPS)
    return points[::-1][::every][::-1]


def _epochs(lines: list[drawing.Line]) -> str:
    columns = {line.name: dict(line.points) for line in lines}
    epochs = sorted({epoch for found in columns.values() for epoch in found})
    rows = [[f"{epoch:.0f}", *(found.get(epoch) for found in columns.values())] for epoch in epochs]
    return _table(("epoch", *columns), rows)


def _table(names: tuple[str, ...], rows: list[list[str | float | None]]) -> str:
    cells = [[cell if isinstance(cell, str) else document.number(cell, 4) for cell in row] for row in rows]
    return document.table([(name, NUMBER) for name in names], cells)


def _engines(engines: tuple[EngineChoice, ...]) -> str:
    columns = (("engine", ""), ("precision", ""), ("why", ""))
    rows = [
        (escape(one.engine), f"<strong>{escape(', '.join(one.precisions))}</strong>", escape(one.reason))
        for one in engines
    ]
    return document.table(columns, rows)


def _accuracies(engines: tuple[EngineChoice, ...], measure: str) -> Iterator[str]:
    columns = (("engine", ""), ("precision", ""), (measure, NUMBER), ("measured on", ""))
    rows = [
        (
            escape(one.engine),
            escape(precision) + (", exported" if precision in one.precisions else ""),
            document.number(accuracy, 4),
            escape(one.measured_on),
        )
        for one in engines
        for precision, accuracy in one.accuracies.items()
    ]
    if rows:
        yield f"<h3>{measure.capitalize()} of each precision</h3>"
        yield document.table(columns, rows)


def _task(record: NodeRecord) -> TaskSettings:
    return from_config(_config(record))


def _config(record: NodeRecord) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(record.parameters[standard_component_specs.CUSTOM_CONFIG_KEY])
    return config


def _settings(record: NodeRecord) -> dict[str, object]:
    config = _config(record)
    return {
        f"{group}.{name}": value
        for group, found in config.items()
        if isinstance(found, dict)
        for name, value in found.items()
    }
