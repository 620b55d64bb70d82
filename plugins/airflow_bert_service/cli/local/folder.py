"""Finds the folder that local runs keep everything in, so that they change nothing of what is in service."""

import datetime as dt
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.files import free_lock, try_lock
from airflow_bert_service.settings.settings import Settings
from airflow_bert_service.settings.stores.artifacts import ArtifactSettings

DEFAULT = "local"
"""Name of the folder below ``state``."""
MARKER = ".local-runs"
"""The file by which a folder is known as one of local runs."""


def local_settings(settings: Settings, root: Path | None) -> Settings:
    """Return settings whose state is the folder of local runs, which is made; the feed's stay as they are.

    Metadata, ledger, models, artifacts and reviews are below that folder, and no artifact store is used. Nobody is
    notified, and no model server is waited for.

    Args:
        settings: The Airflow side's.
        root: The folder; None: ``local`` below ``state``.

    Raises:
        SettingsError: The folder is in other use, or cannot be written.
    """
    folder = (root or settings.state / DEFAULT).expanduser().absolute()
    marker = folder / MARKER
    try:
        is_known = marker.is_file()
        if not is_known and folder.is_dir() and any(folder.iterdir()):
            raise SettingsError(
                f"--root is {folder}, which has files that no local run has made; allowed: a new or empty folder, or "
                "one of earlier local runs. Nothing that is in service is run into. Name another folder."
            )
        _check_apart(folder, settings.state)
        if not is_known:
            folder.mkdir(parents=True, exist_ok=True)
            marker.write_text("Folder of `bert-service run-local`; it can be removed with all that is in it.\n")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unusable(folder, error) from error
    return replace(
        settings,
        state=folder,
        metadata=f"sqlite:///{folder}/metadata/mlmd.db",
        ledger=f"sqlite:///{folder}/ledger/ledger.db",
        artifacts=ArtifactSettings(),
        node_socket=None,
        model_servers=(),
        notifications=(),
    )


@contextmanager
def used_alone(folder: Path) -> Iterator[None]:
    """Keep other local runs out of a folder: they would compile other settings over those that this run's nodes read.

    The DAG, too, has one run at a time. The kernel ends it with this process.

    Args:
        folder: The state of :func:`local_settings`.

    Raises:
        SettingsError: Another run is under way in the folder, or this user cannot write to it.
    """
    try:
        lock = try_lock(folder / MARKER)
    except OSError as error:
        raise _unusable(folder, error) from error
    if lock is None:
        raise SettingsError(
            f"--root is {folder}, in which another local run is under way; allowed: one run at a time. Wait until it "
            "ends, or name another folder."
        )
    try:
        yield
    finally:
        free_lock(lock)


def new_run_id(now: dt.datetime) -> str:
    """Return an id for a run that begins now."""
    return f"local__{now.strftime('%Y-%m-%dT%H-%M-%S-%f')}"


def _check_apart(folder: Path, state: Path) -> None:
    """Check that a folder is not the service's, also where that is empty still, or was one of local runs before."""
    real, service = folder.resolve(), state.resolve()
    if service.is_relative_to(real) or real.is_relative_to(service / "models"):
        raise SettingsError(
            f"--root is {folder}, which is in service: the setting state is {state}; allowed: another folder, as "
            f"{state / DEFAULT}, which is the default. Name one, or leave --root out."
        )


def _unusable(folder: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"--root is {folder}, which cannot be used ({error.strerror or error}); allowed: a folder that this user can "
        "write to. Name another one."
    )
