"""``python -m tfx_modules.retention``: reads a request on standard input, and removes what has had its time.

People use ``bert-service retention`` (in a checkout ``scripts/bert retention``); the Airflow side's operator runs it
with ``--json``.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence

from tfx_modules.common.program import program
from tfx_modules.exceptions import PipelineError
from tfx_modules.retention.plan import Item, table, totals
from tfx_modules.retention.request import read_request
from tfx_modules.retention.retention import retain


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit code: 0, or 1 where something could not be told or removed; 2 for wrong arguments.
    """
    options = _parser().parse_args(arguments)
    try:
        rules, places = read_request(sys.stdin.read())
        items = retain(rules, places, dry_run=options.dry_run, now=dt.datetime.now(dt.timezone.utc))
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"something cannot be removed: {error}. Correct it, and run this again: it goes on.", file=sys.stderr)
        return 1
    print(report_json(items, dry_run=options.dry_run) if options.json else table(items, dry_run=options.dry_run))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("bert-service retention"), description="Removes what has had its time."
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would go")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def report_json(items: Sequence[Item], *, dry_run: bool) -> str:
    """Write the report for programs, as `contracts/retention_report.schema.json` has it."""
    return json.dumps(
        {
            "dry_run": dry_run,
            "items": [item.to_json() for item in items],
            "totals": totals(items),
            "table": table(items, dry_run=dry_run),
        }
    )
