"""``restore``: restores what ``backup`` has saved."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from airflow_bert_service.backup.contents import SavedFolders, databases_of
from airflow_bert_service.backup.databases import database
from airflow_bert_service.backup.restoring import restore
from airflow_bert_service.cli.places import ChosenPipeline, dags_folder
from airflow_bert_service.clients.retention import RetentionClient, RetentionRequest
from airflow_bert_service.installation import command
from airflow_bert_service.pipeline.folders import usable_pipelines
from airflow_bert_service.settings.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Restore a backup; return the exit code.

    Raises:
        BertServiceError: The backup is damaged, or what it goes into is not empty; or the restore has failed.
    """
    parser = argparse.ArgumentParser(
        prog=command("restore"),
        description="Restore a backup into empty databases and an empty state folder, while nothing runs. What the "
        "files have and the databases do not know is moved aside. Until it has ended, nothing starts.",
    )
    parser.add_argument("folder", type=Path, help="the backup")
    options = parser.parse_args(arguments)
    settings = load_settings(restoring=True)
    saved = SavedFolders.of(settings)
    client = RetentionClient(tfx_python=settings.tfx_python, module_root=settings.root)
    pipelines = [ChosenPipeline.find(name, restoring=True) for name in usable_pipelines(dags_folder(settings))]
    requests = [RetentionRequest.of(pipeline.settings, pipeline.name, []) for pipeline in pipelines]
    found = {name: database(name, address) for name, address in databases_of(settings).items()}

    def settle() -> str:
        return "".join(map(client.settle, requests))

    print(restore(options.folder.expanduser().absolute(), found, saved, settle), end="")
    return 0
