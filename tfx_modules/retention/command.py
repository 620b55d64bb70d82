"""``python -m tfx_modules.retention``: reads a request on standard input, and removes what the rules do not keep.

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
        The exit code: 0, or 1 where something could not be listed or removed; 2 for wrong arguments.
    """
    options = _parser().parse_args(arguments)
    try:
        rules, places = read_request(sys.stdin.read())
        items = retain(rules, places, dry_run=options.dry_run, now=dt.datetime.now(dt.timezone.utc))
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"something cannot be removed: {error}. Correct this, and run the command again; it removes the rest.",
            file=sys.stderr,
        )
        return 1
    print(report_json(items, dry_run=options.dry_run) if options.json else table(items, dry_run=options.dry_run))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("bert-service retention"),
        description="Remove the versions, artifacts, spans and logs that the retention rules do not keep.",
    )
    parser.add_argument("--dry-run", action="store_true", help="list what would be removed, and remove nothing")
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
