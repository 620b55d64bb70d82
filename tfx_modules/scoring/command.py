"""``python -m tfx_modules.scoring``: reads a request and texts on standard input, and writes a day's scores.

People use ``bert-service score`` (in a checkout ``scripts/bert score``), which reads the feed and sends them, as the
DAG's task does. The report is one line of JSON on standard output; the log is on standard error.
"""

import json
import logging
import sys

from tfx_modules.engines.openvino_library import allow_amx
from tfx_modules.exceptions import PipelineError
from tfx_modules.promotion.exceptions import RefusedError
from tfx_modules.scoring.day import DayReport, score_day
from tfx_modules.scoring.request import read_request, read_texts

REFUSED = 3
"""The exit code where there is no such version: trying again cannot help."""


def main() -> int:
    """Run the command.

    Returns:
        The exit code: 0; 1 where nothing was written; 3 where that is because there is no such version.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s: %(message)s")
    allow_amx()  # as the model server does
    lines = (line.decode() for line in sys.stdin.buffer)
    try:
        report = score_day(read_request(next(lines, "")), read_texts(lines))
    except RefusedError as error:
        print(error, file=sys.stderr)
        return REFUSED
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"the day's scores cannot be written: {error}. The day is as it was. Correct this, and run again.",
            file=sys.stderr,
        )
        return 1
    print(report_json(report))
    return 0


def report_json(report: DayReport) -> str:
    """Write the report for programs, as `contracts/scoring_report.schema.json` has it."""
    return json.dumps(
        {
            "file": str(report.file),
            "rows": report.rows,
            "labels": dict(sorted(report.labels.items())),
            "errors": dict(sorted(report.errors.items())),
            **report.provenance._asdict(),
            "seconds": round(report.seconds, 3),
        }
    )
