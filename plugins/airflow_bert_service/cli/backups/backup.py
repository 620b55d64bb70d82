"""``backup``: saves the databases and the files of the state folder."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from airflow_bert_service.backup.contents import SavedFolders, databases_of
from airflow_bert_service.backup.databases import database
from airflow_bert_service.backup.saving import save
from airflow_bert_service.installation import command
from airflow_bert_service.settings.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Make a backup; return the exit code.

    Raises:
        BertServiceError: Something cannot be saved.
    """
    parser = argparse.ArgumentParser(
        prog=command("backup"),
        description="Save Airflow's database, the ledger, ML Metadata, and models, artifacts, reviews and bundles, "
        "while everything runs. Secrets are not saved: keep them elsewhere.",
    )
    parser.add_argument("folder", type=Path, help="a new folder, which is made")
    options = parser.parse_args(arguments)
    settings = load_settings()
    saved = SavedFolders.of(settings)
    folder = options.folder.expanduser().absolute()
    save(folder, {name: database(name, address) for name, address in databases_of(settings).items()}, saved)
    print(f"{folder}: saved. Keep a copy of the secrets too, which are not in it.")
    return 0
