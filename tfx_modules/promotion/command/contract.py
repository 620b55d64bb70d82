"""The commands that the Airflow side's operators use: ``verdict``, ``record``, ``delivered`` and ``deliver``."""

import argparse
import datetime as dt
import json
import sys
from typing import Any

from tfx_modules.promotion import history
from tfx_modules.promotion.command.answers import Answer, CommandContext, line
from tfx_modules.promotion.events import Draft, Event, EventKind, Run
from tfx_modules.promotion.exceptions import RefusedError

_RECORDED = (EventKind.FAILED, EventKind.BLOCKED)
_FIELDS = ("kind", "dag_id", "run_id", "data_date", "first_day", "reason", "actor")


def add_commands(commands: Any) -> None:
    """Add them to a parser's subparsers."""
    parser = commands.add_parser("verdict", help="(for operators) show a run's verdict")
    parser.add_argument("--dag-id", required=True)
    parser.add_argument("--run-id", required=True)
    parser.set_defaults(run=show_verdict)
    parser = commands.add_parser(
        "record", help="(for operators) record a run without a push, from JSON on standard input"
    )
    parser.set_defaults(run=record)
    parser = commands.add_parser("delivered", help="(for operators) list the channels that an event was delivered to")
    parser.add_argument("position", type=int)
    parser.set_defaults(run=show_delivered)
    parser = commands.add_parser("deliver", help="(for operators) record that an event was delivered to a channel")
    parser.add_argument("position", type=int)
    parser.add_argument("channel")
    parser.set_defaults(run=deliver)


def show_verdict(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Find a run's verdict."""
    found = history.verdict_of(context.ledger.events(), flags.dag_id, flags.run_id)
    return Answer(found and found.to_json(), line(found) if found else "no verdict yet", bool(found))


def record(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Record why a run had no push, unless that is recorded already, or the run has a verdict."""
    del flags
    draft = _draft(_read())
    with context.ledger.exclusive() as held:
        event = _known(held.events(), draft) or held.append(draft)
    return Answer(event.to_json(), line(event))


def show_delivered(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """List the channels that an event was delivered to."""
    with context.ledger.exclusive() as held:
        channels = sorted(held.delivered(flags.position))
    return Answer(channels, "\n".join(channels))


def deliver(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Record a delivery."""
    with context.ledger.exclusive() as held:
        if not any(event.position == flags.position for event in held.events()):
            raise RefusedError(f"there is no event {flags.position} in the ledger; name one that is.")
        held.mark_delivered(flags.position, flags.channel)
    return Answer(flags.channel, f"{flags.position} was delivered to {flags.channel}")


def _known(events: list[Event], draft: Draft) -> Event | None:
    run = draft.run
    of_run = history.events_of_run(events, run.dag_id, run.run_id) if run else []
    final = next((event for event in of_run if event.final), None)
    newest = of_run[-1] if of_run else None
    same = newest if newest and (newest.kind, newest.reason) == (draft.kind, draft.reason) else None
    return final or same


def _read() -> dict[str, str]:
    try:
        fields = json.load(sys.stdin)
        good = sorted(fields) == sorted(_FIELDS) and all(isinstance(value, str) for value in fields.values())
    except (ValueError, TypeError):
        good = False
    if not good:
        raise RefusedError(f"standard input is not what is to be recorded; allowed: JSON texts {', '.join(_FIELDS)}.")
    return dict(fields)


def _draft(fields: dict[str, str]) -> Draft:
    try:
        kind = EventKind(fields["kind"])
        days = {name: dt.date.fromisoformat(fields[name]) for name in ("data_date", "first_day")}
    except ValueError as error:
        raise RefusedError(f"what is to be recorded has a wrong value: {error}. Send kinds and ISO dates.") from error
    if kind not in _RECORDED:
        allowed = ", ".join(item.value for item in _RECORDED)
        raise RefusedError(f"kind is {kind.value!r}; allowed: {allowed}. Others are written by the push itself.")
    run = Run(dag_id=fields["dag_id"], run_id=fields["run_id"], **days)
    return Draft(kind=kind, reason=fields["reason"], actor=fields["actor"], run=run)
