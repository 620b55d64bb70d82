"""``python -m tfx_modules.retention``: reads a request on standard input, and removes what the rules do not keep.

People use ``bert-service retention`` (in a checkout ``scripts/bert retention``); the Airflow side's operator runs it
with ``--json``.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from tfx_modules.common.program import program
from tfx_modules.exceptions import PipelineError
from tfx_modules.retention.environment import Adopted
from tfx_modules.retention.plan import table, totals
from tfx_modules.retention.request import is_share, read_request
from tfx_modules.retention.retention import Retained, Retention, retain

ADOPT = "adopt"
SETTLE = "settle"


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit code: 0, or 1 where something could not be listed or removed; 2 for a wrong command line.
    """
    flags = _parser().parse_args(arguments)
    try:
        print(_run(flags))
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"a file or folder cannot be removed: {error}. Correct this, and run the command again, which removes the "
            "rest.",
            file=sys.stderr,
        )
        return 1
    return 0


def _run(flags: argparse.Namespace) -> str:
    rules, places = read_request(sys.stdin.read())
    now = dt.datetime.now(dt.UTC)
    if flags.action == ADOPT:
        return adopted_table(Retention(rules, places, now).adopt(dry_run=flags.dry_run), dry_run=flags.dry_run)
    if flags.action == SETTLE:
        return Retention(rules, places, now).settle().text
    if flags.max_removed_share is not None:
        rules = replace(rules, keep_max_removed_share=flags.max_removed_share)
    retained = retain(rules, places, dry_run=flags.dry_run, now=now, trust_clock=flags.trust_clock)
    if flags.json:
        return report_json(retained, dry_run=flags.dry_run)
    return table(retained.items, dry_run=flags.dry_run, objections=retained.objections)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("bert-service retention"),
        description="Remove the versions, artifacts, spans, scores and logs that the retention rules do not keep.",
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=[ADOPT, SETTLE],
        help="remove nothing; adopt: give the ledger's environment id to metadata store and folders, whatever they "
        "have; settle: after a restore, move aside what the databases do not know",
    )
    parser.add_argument("--dry-run", action="store_true", help="list what would be done, and change nothing")
    parser.add_argument(
        "--max-removed-share",
        type=_share,
        metavar="SHARE",
        help="largest share of each kind that may be removed at once, in place of keep_max_removed_share; 1.0: all",
    )
    parser.add_argument(
        "--trust-clock",
        action="store_true",
        help="go on although the machine's clock does not fit the newest events, executions and reviews",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _share(text: str) -> float:
    value = float(text)
    if not is_share(value):
        raise argparse.ArgumentTypeError(f"{text} is no share; allowed: a number above 0 and up to 1")
    return value


def report_json(retained: Retained, *, dry_run: bool) -> str:
    """Write the report for programs, as `contracts/retention_report.schema.json` has it."""
    return json.dumps(
        {
            "dry_run": dry_run,
            "items": [item.to_json() for item in retained.items],
            "totals": totals(retained.items),
            "objections": list(retained.objections),
            "table": table(retained.items, dry_run=dry_run, objections=retained.objections),
        }
    )


def adopted_table(rows: Sequence[Adopted], *, dry_run: bool) -> str:
    """Format the places whose ids were set by hand, with their ids before and after."""
    cells = [("BEFORE", "AFTER", "PLACE"), *((row.before, row.after, row.name) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
    lines = [f"{before:<{widths[0]}}  {after:<{widths[1]}}  {name}" for before, after, name in cells]
    return "\n".join([*lines, "", "Nothing was changed." if dry_run else "These places are of one environment now."])
