"""`python -m airflow_bert_service.cli.retention [--dry-run]`, which is `scripts/retention`: removes what has had its time, now."""

import argparse
import sys
from collections.abc import Sequence

from airflow_bert_service.clients.retention import RetentionClient
from airflow_bert_service.exceptions import BertServiceError
from airflow_bert_service.settings.log_folders import log_folders
from airflow_bert_service.settings.retention import RetentionReport, RetentionRequest
from airflow_bert_service.settings.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Remove it, and print what it was; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/retention", description="Removes what has had its time.")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would go")
    options = parser.parse_args(arguments)
    try:
        print(_retain(dry_run=options.dry_run).table)
    except BertServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _retain(*, dry_run: bool) -> RetentionReport:
    settings = load_settings()
    hook = RetentionClient(tfx_python=settings.tfx_python, module_root=settings.root)
    return hook.run(RetentionRequest.of(settings, log_folders(settings)), dry_run=dry_run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
