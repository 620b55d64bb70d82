"""Finds the folder that local runs keep everything in, so that they change nothing of what is in service."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.settings.settings import Settings

DEFAULT = "local"
"""Name of the folder below ``state``."""
MARKER = ".local-runs"
"""The file by which a folder is known as one of local runs."""


def local_settings(settings: Settings, root: Path | None) -> Settings:
    """Return settings whose state is the folder of local runs, which is made; the feed's stay as they are.

    Metadata, ledger, models, artifacts and reviews are below that folder. Nobody is notified, and no model server is
    waited for.

    Args:
        settings: The Airflow side's.
        root: The folder; None: ``local`` below ``state``.

    Raises:
        SettingsError: The folder is in other use, or cannot be written.
    """
    folder = (root or settings.state / DEFAULT).expanduser().absolute()
    marker = folder / MARKER
    try:
        if not marker.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise SettingsError(
                    f"--root is {folder}, which has files that no local run has made; allowed: a new or empty folder, "
                    "or one of earlier local runs. Nothing that is in service is run into. Name another folder."
                )
            marker.write_text("Folder of `bert-service run-local`; it can be removed with all that is in it.\n")
    except OSError as error:
        raise SettingsError(
            f"--root is {folder}, which cannot be used ({error.strerror or error}); allowed: a folder that this user "
            "can write to. Name another one."
        ) from error
    return replace(
        settings,
        state=folder,
        metadata=f"sqlite:///{folder}/metadata/mlmd.db",
        ledger=f"sqlite:///{folder}/ledger/ledger.db",
        node_socket=None,
        model_servers=(),
        notifications=(),
    )


def new_run_id(now: dt.datetime) -> str:
    """Return an id for a run that begins now."""
    return f"local__{now.strftime('%Y-%m-%dT%H-%M-%S-%f')}"
