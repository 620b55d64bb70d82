"""The commands that change what is in service or kept: ``roll-back``, ``pin``, ``unpin`` and ``settle``."""

import argparse
import getpass
import os
from typing import Any

from tfx_modules.promotion import rollback
from tfx_modules.promotion.command.answers import Answer, CommandContext, line, sentence
from tfx_modules.promotion.command.server import wait_until_served
from tfx_modules.promotion.events import Draft, Event, EventKind
from tfx_modules.promotion.promoter import settle

SERVERS = "BERT_SERVICE_SERVERS"
"""Environment variable with the addresses of the servers to wait for, with spaces between them."""


def add_commands(commands: Any) -> None:
    """Add them to a parser's subparsers."""
    parser = commands.add_parser("roll-back", help="put an earlier version in service")
    parser.add_argument(
        "--to", type=int, default=None, metavar="VERSION", help="version to put in service (default: the previous one)"
    )
    parser.add_argument(
        "--from",
        dest="leaving",
        type=int,
        default=None,
        metavar="VERSION",
        help="roll back only if this version is still in service (default: whichever is)",
    )
    parser.add_argument(
        "--server",
        action="append",
        metavar="URL",
        help="wait until this server answers with it, like http://127.0.0.1:8501/v1/models/NAME; default: "
        f"those of the setting model_servers ({SERVERS})",
    )
    for name in ("--dag-id", "--run-id"):
        parser.add_argument(name, default="", help="(for operators) the run that asks, which rolls back only once")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for each server (60)")
    _say_who_and_why(parser)
    parser.set_defaults(run=roll_back)
    for name, kind, description in (
        ("pin", EventKind.PINNED, "keep a version from being removed by retention"),
        ("unpin", EventKind.UNPINNED, "let retention remove a version again"),
    ):
        parser = commands.add_parser(name, help=description)
        parser.add_argument("version", type=int)
        _say_who_and_why(parser)
        parser.set_defaults(run=pin, kind=kind)
    parser = commands.add_parser(
        "settle", help="bring the served folder in line with the ledger, after a crash or a restore"
    )
    parser.set_defaults(run=settle_served_folder)


def _say_who_and_why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, help="reason, recorded in the ledger")
    parser.add_argument("--actor", default="", help="who decided it (default: this user)")


def roll_back(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Roll back, and wait until the servers answer with the version."""
    asker = (flags.dag_id, flags.run_id) if flags.dag_id and flags.run_id else None
    request = rollback.RollbackRequest(
        actor=_actor(flags), reason=flags.reason, to=flags.to, leaving=flags.leaving, asker=asker
    )
    event = rollback.roll_back(context.ledger, context.repository, request)
    servers = flags.server or os.environ.get(SERVERS, "").split()
    waited = [wait_until_served(url, int(event.version or 0), flags.timeout) for url in servers]
    served = [f"served by {url} after {seconds:.1f} s" for url, seconds in zip(servers, waited, strict=True)]
    return Answer(event.to_json(), "\n".join([line(event), *served]))


def pin(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Pin or unpin a version."""
    with context.ledger.exclusive() as held:
        service = held.service()
        rollback.require_any(service, context.ledger, context.repository)
        rollback.require_known(service, flags.version)
        event = held.append(Draft(kind=flags.kind, reason=flags.reason, actor=_actor(flags), version=flags.version))
    return _done(event)


def settle_served_folder(context: CommandContext, flags: argparse.Namespace) -> Answer:
    """Bring the served folder in line with the ledger."""
    del flags
    live = settle(context.ledger, context.repository).live
    never = rollback.never_in_service(context.ledger, context.repository)
    return Answer({"live": live}, f"{live} is in service" if live else sentence(never))


def _done(event: Event) -> Answer:
    return Answer(event.to_json(), line(event))


def _actor(flags: argparse.Namespace) -> str:
    return str(flags.actor or getpass.getuser())
