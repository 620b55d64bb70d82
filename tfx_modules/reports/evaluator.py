"""Renders the report of Evaluator: metrics by slice, confusion and calibration, beside those of the champion."""

import itertools
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from tfx.types import standard_component_specs
from tfx.utils import path_utils

from tfx_modules.evaluation import tfma_summary
from tfx_modules.report_page import document, drawing
from tfx_modules.report_page.document import NUMBER, Verdict, paragraph, section
from tfx_modules.reports import evaluation, tables, wrong_examples
from tfx_modules.reports.evaluation import Bucket, SliceResult
from tfx_modules.reports.node_record import NodeRecord
from tfx_modules.settings.task import TaskSettings, of_model

OUTPUT = standard_component_specs.EVALUATION_KEY
_BLESSED = "blessed"
_MOST_CURVES = 8
_SHOWN = (*evaluation.SHARES_RIGHT, "AUC", "precision", "recall", "F1")
"""The metrics in the table of slices, where there are any."""
_NOT_IN_LABELS = ("AUC", "precision", "recall", "F1")
"""They say nothing of examples that all have the same label."""
_CALIBRATION = (
    "Of the examples that the model gives a label with a probability in some range, this share has the label. Where "
    "the share is below the probability, the model is too sure of itself."
)


def render(record: NodeRecord) -> str:
    """Render the page of an evaluation."""
    folder = record.output(OUTPUT).uri
    model = record.input(standard_component_specs.MODEL_KEY)
    task = of_model(Path(path_utils.serving_model_path(model.uri))) if model else of_model(Path(folder))
    labels = evaluation.labels_of(folder, task)
    slices = evaluation.read(folder, labels)
    sections = itertools.chain(_sections(record, slices, labels, task), _wrong(record, task))
    return document.page("Evaluation of the model", _banner(record, folder), sections, pipeline=record.pipeline)


def _banner(record: NodeRecord, folder: str) -> str:
    blessing = record.outputs.get(standard_component_specs.BLESSING_KEY)
    if not blessing or _BLESSED not in blessing[0].properties:
        return document.banner(Verdict.PLAIN, "Not judged", "The evaluation has no thresholds.")
    _, _, text = tfma_summary.describe(folder).partition(": ")
    if blessing[0].properties[_BLESSED]:
        return document.banner(Verdict.PASS, "Blessed", text)
    return document.banner(Verdict.BLOCK, "Not blessed", text)


def _sections(
    record: NodeRecord, slices: Sequence[SliceResult], labels: evaluation.Labels, task: TaskSettings
) -> Iterator[str]:
    if not slices:
        yield section("Metrics", paragraph("TFMA has measured nothing."))
        return
    overall = slices[0]
    has_champion = any(one.champion.metrics for one in slices)
    yield section("Data", _facts(record, overall, task, has_champion=has_champion))
    names = dict.fromkeys([*overall.candidate.metrics, *overall.champion.metrics])
    rows = [(name, overall.candidate.metrics.get(name), overall.champion.metrics.get(name)) for name in names]
    note = paragraph(f"Precision, recall and F1 are those of {labels.positive}.") if "precision" in names else ""
    yield section("Metrics", note, tables.side_by_side("metric", rows, has_champion=has_champion))
    if overall.candidate.classes:
        yield section("Metrics of each label", _of_classes(overall, task, has_champion=has_champion))
    if len(slices) > 1:
        yield section("Metrics by slice", _by_slice(slices, has_champion=has_champion))
    if overall.candidate.confusion:
        yield section("Confusion", *_confusion(overall))
    if overall.candidate.calibration:
        yield section("Calibration", paragraph(_CALIBRATION), _calibration(overall))


def _wrong(record: NodeRecord, task: TaskSettings) -> Iterator[str]:
    """Yield the examples that the model gets wrong, where the setting says so and there are a model and examples."""
    model = record.input(standard_component_specs.MODEL_KEY)
    examples = record.input(standard_component_specs.EXAMPLES_KEY)
    if record.shown_errors and model and examples:
        folder = Path(path_utils.serving_model_path(model.uri))
        yield wrong_examples.render(folder, Path(examples.uri), task, record.shown_errors)


def _facts(record: NodeRecord, overall: SliceResult, task: TaskSettings, *, has_champion: bool) -> str:
    count = overall.candidate.metrics.get("examples")
    rows = [("Evaluated on", "the eval split" + (f", {count:,.0f} labelled examples" if count is not None else ""))]
    if has_champion:
        champion = record.input(standard_component_specs.BASELINE_MODEL_KEY)
        told = f", artifact {champion.uri}" if champion else ""
        rows.append(("Compared with", f"the model in service when this was evaluated{told}"))
    else:
        same = "these labels and this threshold" if task.has_sets else "these labels"
        rows.append(("Compared with", f"nothing: no model of {same} was in service"))
    rows.append(("Promotion", "is decided by the Pusher, which compares both models on the same reviews once more"))
    return document.facts(rows)


def _of_classes(overall: SliceResult, task: TaskSettings, *, has_champion: bool) -> str:
    ours, theirs = overall.candidate.classes, overall.champion.classes
    names = list(dict.fromkeys(name for found in ours.values() for name in found))
    columns = [("label", ""), *((name, NUMBER) for name in names)]
    columns += [(f"{name}, {tables.CHAMPION}", NUMBER) for name in names] if has_champion else []
    rows = []
    for label, found in ours.items():
        row = [escape(label), *(tables.metric(name, found.get(name)) for name in names)]
        if has_champion:
            row += [tables.metric(name, theirs.get(label, {}).get(name)) for name in names]
        rows.append(row)
    note = f"Each label against all others, where its probability is above {task.threshold:g}."
    return paragraph(note) + document.table(columns, rows)


def _by_slice(slices: Sequence[SliceResult], *, has_champion: bool) -> str:
    names = [name for name in _SHOWN if any(name in one.candidate.metrics for one in slices)]
    columns = [("slice", ""), ("examples", NUMBER), *((name, NUMBER) for name in names)]
    rows = [
        (
            escape(one.name),
            tables.metric("examples", one.candidate.metrics.get("examples")),
            *(_both(one, name, has_champion=has_champion) for name in names),
        )
        for one in slices
    ]
    parts = [document.table(columns, rows)]
    if has_champion:
        parts.insert(0, paragraph(f"In parentheses: the {tables.CHAMPION}."))
    if measure := next((name for name in evaluation.SHARES_RIGHT if name in names), None):
        series = [tables.CANDIDATE, *([tables.CHAMPION] if has_champion else [])]
        drawn = [drawing.Row(one.name, _accuracies(one, measure, len(series))) for one in slices]
        parts.append(document.pictures([tables.accuracy_of_slices(drawn, series, measure)]))
    return "".join(parts)


def _accuracies(one: SliceResult, measure: str, count: int) -> list[float | None]:
    return [result.metrics.get(measure) for result in (one.candidate, one.champion)][:count]


def _both(one: SliceResult, name: str, *, has_champion: bool) -> str:
    if one.by_label and name in _NOT_IN_LABELS:
        return document.NONE
    ours = tables.metric(name, one.candidate.metrics.get(name))
    theirs = f" ({tables.metric(name, one.champion.metrics.get(name))})" if has_champion else ""
    return ours + theirs


def _confusion(overall: SliceResult) -> Iterator[str]:
    for who, result in ((tables.CANDIDATE, overall.candidate), (tables.CHAMPION, overall.champion)):
        if result.confusion:
            found = result.confusion
            yield f"<h3>{escape(who.capitalize())}</h3>"
            yield document.matrix(found.labels, found.counts, found.answers)


def _calibration(overall: SliceResult) -> str:
    ours, theirs = overall.candidate.calibration, overall.champion.calibration
    figures = []
    for label, buckets in list(ours.items())[:_MOST_CURVES]:
        lines = [drawing.Line(tables.CANDIDATE, _points(buckets))]
        if label in theirs:
            lines.append(drawing.Line(tables.CHAMPION, _points(theirs[label])))
        svg = drawing.calibration(lines, "probability of the label", "share that has the label")
        figures.append(document.figure(f"Calibration of {label}", svg, _bucket_table(label, buckets)))
    left = len(ours) - len(figures)
    more = paragraph(f"{left} further labels are not drawn.") if left > 0 else ""
    return document.pictures(figures) + more


def _points(buckets: Sequence[Bucket]) -> list[tuple[float, float]]:
    return [(bucket.probability, bucket.share) for bucket in buckets]


def _bucket_table(label: str, buckets: Sequence[Bucket]) -> str:
    columns = (("range", ""), ("examples", NUMBER), ("mean probability", NUMBER), (f"share that is {label}", NUMBER))
    rows = [
        (
            f"{bucket.low:.1f} to {bucket.high:.1f}",
            f"{bucket.count:,.0f}",
            document.number(bucket.probability),
            document.number(bucket.share),
        )
        for bucket in buckets
    ]
    return document.table(columns, rows)
