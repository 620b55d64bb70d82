"""Makes a folder follow an object store, for a model server that watches the folder."""

import shutil
import uuid
from pathlib import Path

from airflow_bert_service.cli.copies.manifest import Manifest
from airflow_bert_service.cli.copies.store import ModelStore
from airflow_bert_service.cli.copies.upload import manifest_of, versions_in
from airflow_bert_service.exceptions import ModelCopyError
from airflow_bert_service.files import locked, make_folder

_HIDDEN = ".copying-"
_LOCK = ".copying.lock"


def download(store: ModelStore, folder: Path) -> list[str]:
    """Copy the store's complete versions into a folder, then remove from it what the store no longer has.

    A version appears under its number when all of its files are there and are those of its manifest.

    Args:
        store: Where the copies come from.
        folder: The folder that a model server watches; nothing else may write there.

    Returns:
        What was done, a line each.

    Raises:
        ModelCopyError: The store has no complete version, a version is damaged, or the folder is a Pusher's. What the
            folder had is still there.
    """
    if folder.with_name(f"{folder.name}.withdrawn").exists():
        raise ModelCopyError(
            f"--into is {folder}, into which a Pusher promotes, by its folder {folder.name}.withdrawn; allowed: a "
            "folder that has copies alone. Name another one."
        )
    found = {version: manifest for version in store.versions() if (manifest := store.manifest(version))}
    if not found:
        raise ModelCopyError(
            f"{store.address} has no complete version; needed: one at least. Copy one to it, or correct --from."
        )
    make_folder(folder)
    with locked(folder / _LOCK):
        for left in folder.glob(f"{_HIDDEN}*"):
            shutil.rmtree(left)
        done = [f"copied {version}" for version in sorted(found) if _copied(store, version, found[version], folder)]
        for version in sorted(versions_in(folder) - set(found)):
            _remove(folder / str(version))
            done.append(f"removed {version}")
    return done


def _copied(store: ModelStore, version: int, manifest: Manifest, folder: Path) -> bool:
    place = folder / str(version)
    if place.exists():
        if manifest_of(place).files != manifest.files:
            raise ModelCopyError(
                f"version {version} in {folder} is another model than the one at {store.address}. Use another folder, "
                "or remove the version from this one."
            )
        return False
    made = folder / f"{_HIDDEN}{uuid.uuid4().hex}"
    try:
        for name in manifest.in_order():
            store.get(version, name, made / name)
        manifest.check(made)
        made.rename(place)
    except FileNotFoundError as error:
        raise ModelCopyError(
            f"version {version} at {store.address} lacks a file of its manifest: {error}. Run the command again; if "
            "that does not help, copy the version to the store anew."
        ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return True


def _remove(version: Path) -> None:
    gone = version.with_name(f"{_HIDDEN}{uuid.uuid4().hex}")
    version.rename(gone)  # a server sees it vanish in one step
    shutil.rmtree(gone)
