"""The commands of the operator that asks a person: ``answer`` and ``answered``."""

import argparse
import datetime as dt
import json
import sys
from typing import Any

from tfx_modules.promotion.approval.answering import ApprovalAnswer, answer, found_answer
from tfx_modules.promotion.command.answers import Answer, CommandContext, line
from tfx_modules.promotion.events import Approval, Event, Run
from tfx_modules.promotion.exceptions import RefusedError

_TEXTS = (
    "dag_id",
    "run_id",
    "data_date",
    "first_day",
    "actor",
    "at",
    "comment",
    "model_uri",
    "model_digest",
    "reason",
    "pipeline_version",
)
_FIELDS = (*_TEXTS, "approved", "champion", "metrics")
_RUN = ("dag_id", "run_id")


def add_commands(commands: Any) -> None:
    """Add them to a parser's subparsers."""
    parser = commands.add_parser("answered", help="(for operators) show whether a run's model was approved or rejected")
    parser.add_argument("--dag-id", required=True)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--model-digest", required=True, help="the digest of the run's model, as it is now")
    parser.set_defaults(run=show_answer)
    parser = commands.add_parser(
        "answer", help="(for operators) record a person's answer to a request for approval, from JSON on standard input"
    )
    parser.set_defaults(run=record_answer)


def show_answer(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Find what is recorded: a run's verdict, or the consent to promote this model of it."""
    with context.ledger.exclusive() as held:
        found = found_answer(held, flags.dag_id, flags.run_id, flags.model_digest)
    return _told(found) if found else Answer(None, "not answered yet", found=False)


def record_answer(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Record an answer, unless the model has one in this run."""
    del flags
    return _told(answer(context.ledger, _read()))


def _told(found: Approval | Event) -> Answer:
    text = found.line if isinstance(found, Approval) else line(found)
    return Answer({"approved": isinstance(found, Approval), "line": text}, text)


def _read() -> ApprovalAnswer:
    try:
        fields = json.load(sys.stdin)
        good = sorted(fields) == sorted(_FIELDS) and all(isinstance(fields[name], str) for name in _TEXTS)
        good = good and isinstance(fields["approved"], bool) and isinstance(fields["metrics"], dict)
        good = good and isinstance(fields["champion"], int | None)
        days: dict[str, Any] = (
            {name: dt.date.fromisoformat(fields.pop(name)) for name in ("data_date", "first_day")} if good else {}
        )
        at = dt.datetime.fromisoformat(fields.pop("at")) if good else None
    except (ValueError, TypeError, KeyError):
        good, at = False, None
    if not good or at is None or at.tzinfo is None:
        raise RefusedError(
            f"standard input is not an answer; allowed: JSON texts {', '.join(_TEXTS)}, with ISO dates and a moment "
            "with its zone, approved (true or false), champion (a version or null) and metrics (an object)."
        )
    run = Run(**{name: fields.pop(name) for name in _RUN}, **days)
    return ApprovalAnswer(run=run, at=at, **fields)
