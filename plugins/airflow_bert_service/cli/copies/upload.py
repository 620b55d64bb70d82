"""Makes an object store follow the served folder."""

from collections.abc import Iterator
from pathlib import Path

from airflow_bert_service.cli.copies.manifest import PLACE, Manifest
from airflow_bert_service.cli.copies.store import ModelStore
from airflow_bert_service.exceptions import ModelCopyError
from airflow_bert_service.files import locked

_ADVICE = "Put the version's own files back, or roll back to another version; nothing was copied from it."


def upload(pipeline: str, served: Path, store: ModelStore) -> Iterator[str]:
    """Copy what is served and not in the store, then remove from the store what is no longer served.

    A server that takes the largest complete version has one that it can serve all the time. It may be repeated, also
    after having been killed in the middle. Another upload of the served folder waits meanwhile.

    Args:
        pipeline: The pipeline's name.
        served: The folder that model servers watch.
        store: Where copies go; nothing else may write there.

    Yields:
        What was done, a line each.

    Raises:
        ModelCopyError: No version is served, or one is damaged, or the address has something else; nothing was
            removed.
    """
    _served_in(served)  # before a lock is made beside a folder that is not there
    with locked(served.with_name(f"{served.name}.copying.lock")):
        store.claim(pipeline)
        for version in sorted(_served_in(served)):
            if _copied(served / str(version), version, store):
                yield f"copied {version}"
        # Read anew: copies take long, and a version may have been promoted or withdrawn meanwhile.
        for version in sorted(store.versions() - _served_in(served)):
            store.remove(version)
            yield f"removed {version}"


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


def _served_in(served: Path) -> set[int]:
    if versions := versions_in(served):
        return versions
    raise ModelCopyError(
        f"no version is in {served}; needed: one that was promoted. Run the pipeline first, or mount the folder; "
        "nothing was removed."
    )


def _copied(folder: Path, version: int, store: ModelStore) -> bool:
    """Copy a version, or those of its files that the store lacks; return whether there was something to copy."""
    manifest, there = manifest_of(folder), _stored(store, version)
    if there is not None and there.files != manifest.files:
        raise ModelCopyError(
            f"version {version} at {store.address} is another model than the one in {folder}. Use another address, or "
            "remove the version there if nobody needs it."
        )
    sizes = store.sizes(version) if there is not None else {}
    lacking = {name for name, size in manifest.sizes().items() if sizes.get(name) != size}
    if not lacking:
        return False
    try:
        manifest.check(folder, str(folder), _ADVICE)
        store.remove_manifest(version)
        for name in manifest.in_order():
            if name in lacking or name == PLACE:
                store.put(folder / name, version, name)
    except (FileNotFoundError, ModelCopyError) as error:
        if folder.is_dir():
            raise
        raise ModelCopyError(
            f"version {version} was withdrawn from {folder.parent} while it was copied. Run the command again."
        ) from error
    return True


def _stored(store: ModelStore, version: int) -> Manifest | None:
    """Return the manifest of a version in the store; None: it is not complete, and is to be copied anew."""
    try:
        return store.manifest(version)
    except ModelCopyError:
        return None
