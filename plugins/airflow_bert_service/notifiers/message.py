"""Writes the texts of a message about an event of the ledger, for any channel. Pure functions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from airflow_bert_service.promotion.events import EventKind, PromotionEvent
from airflow_bert_service.promotion.measurements import measure

Row = tuple[str, str]
"""A label and its value."""


@dataclass(frozen=True)
class Message:
    """A message about an event, in three lengths and formats."""

    title: str
    """A subject: one line."""
    text: str
    """Plain text of some lines; begins with the event's own line."""
    html: str
    """The same as HTML, everything in it escaped."""


def message_of(event: PromotionEvent, links: Mapping[str, str]) -> Message:
    """Write the message about an event.

    Args:
        event: The event.
        links: URLs by their label.

    Returns:
        The message, without lines for values that the event does not have.
    """
    facts, measures = list(_facts(event)), list(_measures(event.metrics))
    title = f"{event.title}, data date {event.data_date}" if event.data_date else event.title
    return Message(
        title=f"{event.dag_id}: {title}" if event.dag_id else title,
        text=_text(event.line, [*facts, *measures, *links.items()]),
        html=_html(event.line, [*facts, *measures], links),
    )


def _facts(event: PromotionEvent) -> Iterator[Row]:
    if event.version:
        yield "Version", str(event.version)
    if event.champion:
        yield "In service before", str(event.champion)
    if event.data_date:
        days = f"{event.first_day} to {event.data_date}" if event.first_day else str(event.data_date)
        yield "Data", days
    if event.run_id:
        yield "Run id", event.run_id
    yield "Asked" if event.kind is EventKind.WAITING else "Decided", f"{event.at:%Y-%m-%d %H:%M:%S %Z}, {event.actor}"


def _measures(metrics: Mapping[str, Any]) -> Iterator[Row]:
    sets = metrics.get("sets")
    for measured in sets if isinstance(sets, Sequence) else ():
        if isinstance(measured, Mapping):
            yield f"Measured on {measured.get('name', 'a set without a name')}", _comparison(measured)
    size = _form(metrics.get("bytes"), lambda size: f"{size / 1e6:.1f} MB")
    latency = _form(metrics.get("latency_ms"), lambda latency: f"{latency:.1f} ms a request")
    if size or latency:
        yield "Model", ", ".join(filter(None, (size, latency)))


def _comparison(measured: Mapping[str, Any]) -> str:
    accuracy = _form(measured.get("accuracy"), lambda value: f"{measure(measured)} {value:.3f}")
    champion = _form(measured.get("champion_accuracy"), lambda value: f"champion {value:.3f}")
    chance = _form(measured.get("p"), lambda value: f"p = {value:.2g}")
    number = _form(measured.get("n"), lambda value: f"n = {value:.0f}")
    numbers = ", ".join(filter(None, (accuracy, champion, chance, number))) or "no numbers"
    return f"{numbers}: {measured['verdict']}" if measured.get("verdict") else numbers


def _form(value: object, form: Callable[[float], str]) -> str:
    return form(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _text(line: str, rows: Sequence[Row]) -> str:
    return "\n".join([line, "", *(f"{label}: {value}" for label, value in rows)])


def _html(line: str, rows: Sequence[Row], links: Mapping[str, str]) -> str:
    cells = "".join(f"<tr><td>{escape(label)}</td><td>{escape(value)}</td></tr>\n" for label, value in rows)
    buttons = " · ".join(f'<a href="{escape(url)}">{escape(label)}</a>' for label, url in links.items())
    return f"<p><b>{escape(line)}</b></p>\n<table>\n{cells}</table>\n<p>{buttons}</p>\n"
