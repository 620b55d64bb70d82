"""The commands that only read the ledger: ``history``, ``live`` and ``why``."""

import argparse
import datetime as dt
from collections.abc import Sequence
from typing import Any

from tfx_modules.promotion import history, rollback
from tfx_modules.promotion.command.answers import Answer, CommandContext, line, moment, sentence, table
from tfx_modules.promotion.events import Event
from tfx_modules.promotion.exceptions import RefusedError

_WORDS = {"today": 0, "yesterday": 1}
_ONE_DAY = dt.timedelta(days=1)


def add_commands(commands: Any) -> None:
    """Add them to a parser's subparsers."""
    parser = commands.add_parser("history", help="list the ledger's events, the newest last")
    parser.add_argument("--limit", type=int, default=20, help="number of events, from the newest (20; 0: all)")
    parser.set_defaults(run=show_history)
    parser = commands.add_parser("live", help="show the version in service, now or at a time")
    parser.add_argument("--at", default="", help="a day (2026-11-04, yesterday) or a moment (2026-11-04T12:00), UTC")
    parser.set_defaults(run=show_live)
    parser = commands.add_parser("why", help="show what was decided about a run, data date or version, and why")
    parser.add_argument("what", help="a data date (2026-11-04, yesterday), an Airflow run id, or a version")
    parser.set_defaults(run=show_why)


def show_history(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """List the newest events."""
    events = context.ledger.events()[-flags.limit :]
    ledger = context.ledger
    none = sentence(f"{ledger.name} has no event of {ledger.pipeline} yet: no run of it has come to a verdict.")
    return Answer([event.to_json() for event in events], table(events) if events else none)


def show_live(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Show the versions that are or were in service."""
    events = context.ledger.events()
    begin, end = _span(flags.at)
    periods = history.serving_periods(events)
    found = [period for period in periods if period.touches(begin, end)]
    text = "\n".join(_tell(period, events) for period in found)
    return Answer(
        [_to_json(period, events) for period in found], text or _none(context, periods, flags.at), bool(found)
    )


def _none(context: CommandContext, periods: Sequence[history.ServingPeriod], at: str) -> str:
    """Say that no version was in service, at a time before the first one was."""
    if not periods:
        return sentence(rollback.never_in_service(context.ledger, context.repository))
    first, when = periods[0].event, at and f" at {at}"
    return (
        f"No version of {context.ledger.pipeline} was in service{when}: the first one, {first.version}, came into "
        f"service at {moment(first.at)} UTC, by {context.ledger.name}."
    )


def show_why(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Show the events of a run, a data date or a version."""
    wanted = str(_day(flags.what) or flags.what)
    events = history.events_of(context.ledger.events(), wanted)
    text = "\n".join(f"{moment(event.at)}  {_run(event)}{line(event)}{_pipeline(event)}" for event in events)
    missing = f"The ledger has no event of {wanted}: no run of it has ended yet, or none was started."
    return Answer([event.to_json() for event in events], text or missing, bool(events))


def _run(event: Event) -> str:
    return f"{event.run.run_id}  " if event.run else ""


def _pipeline(event: Event) -> str:
    return f" (pipeline version {event.pipeline_version})" if event.pipeline_version else ""


def _span(text: str) -> tuple[dt.datetime, dt.datetime]:
    """Return the time that ``--at`` means, as its first moment and the one after its last."""
    if not text:
        now = dt.datetime.now(dt.UTC)
        return now, now + dt.timedelta(microseconds=1)
    if day := _day(text):
        begin = dt.datetime.combine(day, dt.time.min, dt.UTC)
        return begin, begin + _ONE_DAY
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(
            f"--at is {text!r}; allowed: a day like 2026-11-04, yesterday, today, or a moment like 2026-11-04T12:00 "
            "(UTC). Write one of these."
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return at, at + dt.timedelta(microseconds=1)


def _day(text: str) -> dt.date | None:
    if text in _WORDS:
        return dt.datetime.now(dt.UTC).date() - _ONE_DAY * _WORDS[text]
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _to_json(period: history.ServingPeriod, events: list[Event]) -> dict[str, Any]:
    event = period.event.to_json()
    promotion = history.promotion_of(events, period.event.version or 0)
    until = period.until.isoformat() if period.until else None
    return {
        "version": event["version"],
        "from": event["at"],
        "until": until,
        "pipeline_version": promotion.pipeline_version if promotion else "",
        "event": event,
    }


def _tell(period: history.ServingPeriod, events: list[Event]) -> str:
    event = period.event
    until = f"until {moment(period.until)}" if period.until else "until now"
    # A rollback tells nothing of data and pipeline; the version's promotion does.
    promotion = history.promotion_of(events, event.version or 0)
    data = f", data {promotion.run.first_day} to {promotion.run.data_date}" if promotion and promotion.run else ""
    pipeline = f", pipeline version {version}" if promotion and (version := promotion.pipeline_version) else ""
    return f"{event.version}  {moment(event.at)} {until} UTC{data}{pipeline}\n  {line(event)}"
