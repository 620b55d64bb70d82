"""A promotion command that follows the contract without a database: the ledger is a JSON file, `sqlite:///PATH`."""

import argparse
import datetime as dt
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

Ledger = dict[str, Any]
Event = dict[str, Any]


def read() -> tuple[Path, Ledger]:
    path = Path(os.environ["BERT_SERVICE_LEDGER"].removeprefix("sqlite:///"))
    if not path.parent.is_dir():
        raise SystemExit(f"the ledger {os.environ['BERT_SERVICE_LEDGER']} cannot be opened")
    return path, json.loads(path.read_text()) if path.exists() else {"events": [], "deliveries": {}}


def of_run(ledger: Ledger, dag_id: str, run_id: str) -> list[Event]:
    return [event for event in ledger["events"] if (event["dag_id"], event["run_id"]) == (dag_id, run_id)]


def append(path: Path, ledger: Ledger, **fields: Any) -> Event:
    nothing = dict.fromkeys(("version", "champion", "dag_id", "run_id", "data_date", "first_day"))
    at = dt.datetime.now(dt.timezone.utc).isoformat()
    event: Event = {"position": len(ledger["events"]) + 1, "at": at, **nothing, "metrics": {}, "final": False, **fields}
    ledger["events"].append(event)
    path.write_text(json.dumps(ledger))
    return event


def verdict(arguments: argparse.Namespace) -> Any:
    _, ledger = read()
    return next((event for event in of_run(ledger, arguments.dag_id, arguments.run_id) if event["final"]), None)


def record(_arguments: argparse.Namespace) -> Any:
    asked = json.load(sys.stdin)
    path, ledger = read()
    known = of_run(ledger, asked["dag_id"], asked["run_id"])
    final = next((event for event in known if event["final"]), None)
    same = known[-1:] if known and (known[-1]["kind"], known[-1]["reason"]) == (asked["kind"], asked["reason"]) else []
    return final or (same[0] if same else append(path, ledger, **asked))


def delivered(arguments: argparse.Namespace) -> Any:
    _, ledger = read()
    return ledger["deliveries"].get(arguments.position, [])


def deliver(arguments: argparse.Namespace) -> Any:
    path, ledger = read()
    names = {*ledger["deliveries"].get(arguments.position, []), arguments.channel}
    ledger["deliveries"][arguments.position] = sorted(names)
    path.write_text(json.dumps(ledger))
    return arguments.channel


def settle(_arguments: argparse.Namespace) -> Any:
    path, _ = read()
    path.with_name("settled").touch()
    return {"live": None}


def history(arguments: argparse.Namespace) -> Any:
    _, ledger = read()
    return ledger["events"][-arguments.limit :]


def roll_back(arguments: argparse.Namespace) -> Any:
    path, ledger = read()
    if arguments.reason == "hang":
        time.sleep(600)
    served = [event["version"] for event in ledger["events"] if event["version"]]
    if not served:
        raise SystemExit("there is no version to roll back to; promote one first")
    run = {"dag_id": arguments.dag_id, "run_id": arguments.run_id}
    if known := of_run(ledger, **run):
        return known[0]
    to = arguments.to or served[0]
    said = {"reason": arguments.reason, "actor": arguments.actor, "final": True, **run}
    return append(path, ledger, kind="rolled_back", version=to, champion=served[-1], **said)


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    for run in (verdict, record, delivered, deliver, settle, history, roll_back):
        command = commands.add_parser(run.__name__.replace("_", "-"))
        command.add_argument("--json", action="store_true", required=True)
        command.set_defaults(run=run)
        for name in {
            "verdict": ("--dag-id", "--run-id"),
            "roll_back": ("--reason", "--actor", "--dag-id", "--run-id"),
        }.get(run.__name__, ()):
            command.add_argument(name, required=True)
        if run is history:
            command.add_argument("--limit", type=int, required=True)
        if run is roll_back:
            command.add_argument("--to", type=int)
        if run in (delivered, deliver):
            command.add_argument("position")
        if run is deliver:
            command.add_argument("channel")
    arguments = parser.parse_args()
    print(json.dumps(arguments.run(arguments)))


if __name__ == "__main__":
    main()
