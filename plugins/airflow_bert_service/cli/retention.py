"""``retention``: removes old model versions, artifacts with their metadata, reviews and logs."""

import argparse
from collections.abc import Sequence

from airflow_bert_service.cli.places import dags_folder
from airflow_bert_service.clients.retention import RetentionClient, RetentionRequest
from airflow_bert_service.installation import command
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.settings.log_folders import log_folders
from airflow_bert_service.settings.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Remove what the settings ``keep_*`` do not keep, and print a table of it; return the exit code.

    Raises:
        BertServiceError: The retention command failed.
    """
    parser = argparse.ArgumentParser(
        prog=command("retention"),
        description="Remove old versions of the model, artifacts with their metadata, reviews and logs. The settings "
        "keep_* say how long each is kept.",
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be removed, and remove nothing")
    options = parser.parse_args(arguments)
    settings = load_settings()
    client = RetentionClient(tfx_python=settings.tfx_python, module_root=settings.root)
    name = pipeline_name(dags_folder(settings))
    report = client.run(RetentionRequest.of(settings, name, log_folders(settings, name)), dry_run=options.dry_run)
    print(report.table)
    return 0
