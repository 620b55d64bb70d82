"""Renders the report of Pusher: the verdict, its reasons, and the numbers that decided."""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from tfx.types import standard_component_specs

from tfx_modules.promotion.approval.rules import METRIC
from tfx_modules.promotion.current import current_ledger
from tfx_modules.promotion.events import VERDICTS, Event, EventKind
from tfx_modules.report_page import document, drawing
from tfx_modules.report_page.document import NUMBER, Verdict, paragraph, section
from tfx_modules.reports import tables
from tfx_modules.reports.node_record import NodeRecord

OUTPUT = standard_component_specs.PUSHED_MODEL_KEY
_BANNERS = {
    EventKind.PROMOTED: (Verdict.PASS, "Promoted"),
    EventKind.BLOCKED: (Verdict.BLOCK, "Blocked"),
    EventKind.SUPERSEDED: (Verdict.WARN, "Superseded"),
    EventKind.UNCHANGED: (Verdict.PLAIN, "Unchanged"),
}
_GATE = "gate"
_PROMOTION = "promotion"
_HOLDER = "\0"  # stands for a person's words, which have none
_COUNTS = {
    "both": "both right",
    "only_candidate": "only this model right",
    "only_champion": "only the model in service right",
    "neither": "neither right",
}
_TEST = (
    "The test (McNemar's) looks at the reviews that exactly one of both models has right. p is how likely such a "
    "difference, or a greater one, is between equal models; below the level it is taken for a real one."
)


def render(record: NodeRecord) -> str:
    """Render the page of a verdict, from the ledger's event of the run."""
    event = _event(json.loads(record.parameters[_PROMOTION]))
    kind, headline = _BANNERS[event.kind]
    banner = document.banner(kind, headline, event.reason)
    return document.page(
        f"Verdict on the model of {_data_date(event)}", banner, _sections(record, event), pipeline=record.pipeline
    )


def _event(about: Mapping[str, str]) -> Event:
    """Return the verdict on a run, of which the ledger has one."""
    wanted = about["dag_id"], about["run_id"]
    events = [event for event in current_ledger().events() if event.run and event.final and event.kind in VERDICTS]
    (found,) = [event for event in events if event.run and (event.run.dag_id, event.run.run_id) == wanted]
    return found


def _data_date(event: Event) -> str:
    return str(event.run.data_date) if event.run else ""


def _sections(record: NodeRecord, event: Event) -> Iterator[str]:
    yield section("Verdict", document.facts(_facts(event)))
    yield section("Reasons", document.listing(_reasons(event)))
    sets = event.metrics.get("sets", ())
    if not sets:
        yield section("Numbers", paragraph("The model was not scored: an earlier gate or its date decided."))
    if compared := [one for one in sets if "champion_accuracy" in one]:
        yield section(f"Against {event.metrics['champion']}", *_compared(compared, event.metrics))
    for one in sets:
        yield section(f"On {one['name']}", *_set(one))
    yield section("Settings of the gate", tables.settings(_gate(record)))


def _facts(event: Event) -> Iterator[tuple[str, str]]:
    if event.run:
        yield "Data date", str(event.run.data_date)
        yield "Window", f"{event.run.first_day} to {event.run.data_date}"
        yield "Run", f"{event.run.run_id} of {event.run.dag_id}"
    yield "Version", str(event.version) if event.version is not None else "none: it is not in service"
    yield "Model in service before", str(event.champion) if event.champion is not None else "none"
    decided_by = "by" if _answer(event).get("decision") == "rejected" else "in a run of"
    yield "Decided", f"{event.at:%Y-%m-%d %H:%M:%S} UTC, {decided_by} {event.actor}"
    if "engine" in event.metrics:
        yield "Scored with", f"{event.metrics['engine']}, {event.metrics['precision']}"
    if event.model_digest:
        yield "Digest of the model", event.model_digest
    if event.pipeline_version:
        yield "Pipeline version", event.pipeline_version


def _answer(event: Event) -> Mapping[str, str]:
    """Return a person's answer to the request for approval; empty: nobody was asked."""
    found: Mapping[str, str] = event.metrics.get(METRIC, {})
    return found


def _reasons(event: Event) -> list[str]:
    """Return the parts of the reason; a person's words are not taken apart."""
    words = _answer(event).get("comment") or _HOLDER
    return [part.replace(_HOLDER, words) for part in event.reason.replace(words, _HOLDER).split("; ")]


def _compared(sets: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]) -> Iterator[str]:
    series = [tables.CANDIDATE, tables.CHAMPION]
    drawn = [drawing.Row(one["name"], [one["accuracy"], one["champion_accuracy"]]) for one in sets]
    columns = [("reviews", ""), ("number", NUMBER), *((name, NUMBER) for name in series)]
    columns += [*((name, NUMBER) for name in _COUNTS.values()), ("p", NUMBER), ("result", "")]
    rows = [
        (
            escape(one["name"]),
            f"{one['n']:,}",
            document.number(one["accuracy"]),
            document.number(one["champion_accuracy"]),
            *(f"{one[name]:,}" for name in _COUNTS),
            f"{one['p']:.2g}",
            escape(one["verdict"]),
        )
        for one in sets
    ]
    yield document.table(columns, rows)
    yield paragraph(f"{_TEST} The level is {metrics['level']:g}.")
    measure = _measure(sets[0])
    svg = drawing.values(series, drawn, measure, is_share=True)
    caption = tables.first_of(f"{measure.capitalize()} of both models", len(drawn))
    yield document.pictures([document.figure(caption, svg)])
    yield from filter(None, map(_labels_compared, sets))


def _measure(one: Mapping[str, Any]) -> str:
    """Return what the share of reviews that are right is called; only of a multilabel task the numbers say it."""
    return str(one.get("measure", "accuracy"))


def _labels_compared(one: Mapping[str, Any]) -> str:
    """Return the table of each label of both models, of a multilabel task."""
    columns = (
        ("label", ""),
        (tables.CANDIDATE, NUMBER),
        (tables.CHAMPION, NUMBER),
        ("only this model right", NUMBER),
        ("only the model in service right", NUMBER),
        ("p (Holm)", NUMBER),
        ("result", ""),
    )
    rows = [
        (
            escape(label),
            document.number(found["accuracy"]),
            document.number(found["champion_accuracy"]),
            f"{found['only_candidate']:,}",
            f"{found['only_champion']:,}",
            f"{found['p']:.2g}",
            escape(found["verdict"]),
        )
        for label, found in one.get("labels_compared", {}).items()
    ]
    heading = f"<h3>Accuracy on each label, on {escape(one['name'])}</h3>"
    return heading + document.table(columns, rows) if rows else ""


def _set(one: Mapping[str, Any]) -> Iterator[str]:
    rows = [("reviews", float(one["n"]), None), (_measure(one), one["accuracy"], None), ("AUC", one["auc"], None)]
    rows += [("macro F1", one["macro_f1"], None)] if "macro_f1" in one else []
    yield tables.side_by_side("metric", rows, has_champion=False)
    if classes := one.get("classes"):
        names = ("recall", "precision", "f1")
        columns = (("label", ""), ("reviews", NUMBER), *((name, NUMBER) for name in names))
        cells = [
            (escape(label), f"{found['n']:,}", *(document.number(found[name]) for name in names))
            for label, found in classes.items()
        ]
        yield "<h3>Labels</h3>" + document.table(columns, cells)
        if "confusion" in one:
            yield "<h3>Confusion</h3>" + document.matrix(list(classes), one["confusion"])
    slices = [
        (escape(name.replace("=", " = ", 1)), f"{found['n']:,}", document.number(found["accuracy"]))
        for name, found in one["slices"].items()
    ]
    yield "<h3>Slices</h3>" + document.table((("slice", ""), ("reviews", NUMBER), (_measure(one), NUMBER)), slices)


def _gate(record: NodeRecord) -> dict[str, object]:
    return {f"gate.{name}": value for name, value in json.loads(record.parameters[_GATE]).items()}
