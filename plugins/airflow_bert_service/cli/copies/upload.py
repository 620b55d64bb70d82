"""Makes an object store follow the served folder."""

from pathlib import Path

from airflow_bert_service.cli.copies.manifest import PLACE, Manifest
from airflow_bert_service.cli.copies.store import ModelStore
from airflow_bert_service.exceptions import ModelCopyError


def upload(served: Path, store: ModelStore) -> list[str]:
    """Copy what is served and not in the store, then remove from the store what is no longer served.

    A server that takes the largest complete version has one that it can serve all the time. It may be repeated, also
    after having been killed in the middle.

    Args:
        served: The folder that model servers watch.
        store: Where copies go; nothing else may write there.

    Returns:
        What was done, a line each.

    Raises:
        ModelCopyError: No version is served, or one is damaged; nothing was removed.
    """
    versions = versions_in(served)
    if not versions:
        raise ModelCopyError(f"no version is in {served}; needed: one that was promoted. Run the pipeline first.")
    done = [f"copied {version}" for version in sorted(versions) if _copied(served / str(version), version, store)]
    for version in sorted(store.versions() - versions):
        store.remove(version)
        done.append(f"removed {version}")
    return done


def versions_in(folder: Path) -> set[int]:
    """Return the numbers of a folder's versions; the folder may be missing."""
    if not folder.is_dir():
        return set()
    return {int(path.name) for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal()}


def manifest_of(folder: Path) -> Manifest:
    """Return the manifest of a version's folder.

    Raises:
        ModelCopyError: It has none, or a damaged one.
    """
    file = folder / PLACE
    try:
        return Manifest.read(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelCopyError(
            f"{file} cannot be read: {error}; needed: the manifest that the Pusher writes into each version. Run the "
            "command again if the version was just withdrawn."
        ) from error


def _copied(folder: Path, version: int, store: ModelStore) -> bool:
    manifest, there = manifest_of(folder), store.manifest(version)
    if there is not None and there.files == manifest.files:
        return False
    if there is not None:
        raise ModelCopyError(
            f"version {version} at {store.address} is another model than the one in {folder}. Use another address, or "
            "remove the version there if nobody needs it."
        )
    try:
        manifest.check(folder)
        for name in manifest.in_order():
            store.put(folder / name, version, name)
    except FileNotFoundError as error:
        raise ModelCopyError(
            f"{error.filename} vanished while {version} was copied: the version was withdrawn, or is damaged. Run the "
            "command again."
        ) from error
    return True
