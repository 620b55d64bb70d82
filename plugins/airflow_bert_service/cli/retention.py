"""``retention``: removes old model versions, artifacts with their metadata, reviews, scores and logs."""

import argparse
from collections.abc import Sequence

from airflow_bert_service.cli.places import ChosenPipeline
from airflow_bert_service.clients.retention import RetentionClient, RetentionFlags, RetentionRequest
from airflow_bert_service.installation import command
from airflow_bert_service.runs.log_folders import log_folders
from airflow_bert_service.settings.reading.limits import PositiveUpTo

ADOPT = "adopt"
SETTLE = "settle"


def main(arguments: Sequence[str]) -> int:
    """Remove what the settings ``keep_*`` do not keep, and print a table of it; return the exit code.

    Raises:
        BertServiceError: The retention command failed.
    """
    parser = argparse.ArgumentParser(
        prog=command("retention"),
        description="Remove old versions of the model, artifacts with their metadata, reviews, scores and logs. The "
        "settings keep_* say how long each is kept.",
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=[ADOPT, SETTLE],
        help="remove nothing; adopt: give the ledger's environment id to metadata store and folders, after a move; "
        "settle: move aside what the databases do not know, after a restore, while nothing runs",
    )
    parser.add_argument("--pipeline", metavar="NAME", help="the pipeline (default: that of the DAGs folder)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
    parser.add_argument(
        "--max-removed-share",
        type=_share,
        metavar="SHARE",
        help="largest share of each kind that may be removed this time, in place of keep_max_removed_share; 1.0: all",
    )
    parser.add_argument(
        "--trust-clock",
        action="store_true",
        help="go on although the machine's clock does not fit the newest events, executions and reviews",
    )
    flags = parser.parse_args(arguments)
    pipeline = ChosenPipeline.find(flags.pipeline, restoring=flags.action == SETTLE)
    settings, name = pipeline.settings, pipeline.name
    client = RetentionClient(tfx_python=settings.tfx_python, module_root=settings.root)
    request = RetentionRequest.of(settings, name, log_folders(settings, name))
    if flags.action == ADOPT:
        print(client.adopt(request, dry_run=flags.dry_run), end="")
        return 0
    if flags.action == SETTLE:
        print(client.settle(request), end="")
        return 0
    allowed = RetentionFlags(
        dry_run=flags.dry_run, max_removed_share=flags.max_removed_share, trust_clock=flags.trust_clock
    )
    print(client.run(request, allowed).table)
    return 0


def _share(text: str) -> float:
    value = float(text)
    if not PositiveUpTo(1).holds(value):
        raise argparse.ArgumentTypeError(f"{text} is no share; allowed: a number above 0 and up to 1")
    return value
