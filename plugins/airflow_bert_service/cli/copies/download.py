"""Makes a folder follow an object store, for a model server that watches the folder."""

import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from airflow_bert_service.cli.copies.manifest import PLACE, Manifest
from airflow_bert_service.cli.copies.store import ModelStore
from airflow_bert_service.cli.copies.upload import manifest_of, versions_in
from airflow_bert_service.exceptions import ModelCopyError
from airflow_bert_service.files import locked, make_folder, sync

_HIDDEN = ".copying-"
_LOCK = ".copying.lock"
_ADVICE = "Run `copy-models --to` again; if that does not help, remove the file there before."


def download(store: ModelStore, folder: Path) -> Iterator[str]:
    """Copy the store's complete versions into a folder, then remove from it what the store no longer has.

    A version appears under its number when all of its files are there and are those of its manifest. The newest is
    copied first; one that cannot be copied holds up no other.

    Args:
        store: Where the copies come from.
        folder: The folder that a model server watches; nothing else may write there.

    Yields:
        What was done, a line each.

    Raises:
        ModelCopyError: The store has no complete version, a version is damaged, or the folder has something else than
            copies. If no version could be used, what the folder had is still there.
    """
    _refuse_other_use(folder)
    there, wrong = store.versions(), list[str]()
    found = _complete(store, there, wrong)
    if not found:
        none = f"{store.address} has no complete version; needed: one at least. Copy one to it, or correct --from."
        raise ModelCopyError("\n".join([*wrong, none]))
    make_folder(folder)
    with locked(folder / _LOCK):
        for left in folder.glob(f"{_HIDDEN}*"):
            shutil.rmtree(left)
        is_usable = False
        for version, manifest in found.items():
            try:
                is_new = _copied(store, version, manifest, folder)
            except ModelCopyError as error:
                wrong.append(str(error))
                continue
            is_usable = True
            if is_new:
                yield f"copied {version}"
        # A version that is there and not complete stays: its copy in the store may just be mended.
        for version in sorted(versions_in(folder) - there) if is_usable else ():
            _remove(folder / str(version))
            yield f"removed {version}"
    if wrong:
        raise ModelCopyError("\n".join(wrong))


def _refuse_other_use(folder: Path) -> None:
    if folder.with_name(f"{folder.name}.withdrawn").exists():
        raise ModelCopyError(
            f"--into is {folder}, into which a Pusher promotes, by its folder {folder.name}.withdrawn; allowed: a "
            "folder that has copies alone. Name another one."
        )
    if not (folder / _LOCK).exists() and (there := versions_in(folder)):
        raise ModelCopyError(
            f"--into is {folder}, which has entries with numbers, like {max(there)}, that this command did not write "
            "and might remove; allowed: a folder without them. Name another one."
        )


def _complete(store: ModelStore, there: Iterable[int], wrong: list[str]) -> dict[int, Manifest]:
    """Return the manifests of the complete versions, the newest first; add to ``wrong`` what cannot be read."""
    found = {}
    for version in sorted(there, reverse=True):
        try:
            manifest = store.manifest(version)
        except ModelCopyError as error:
            wrong.append(str(error))
            continue
        if manifest is not None:
            found[version] = manifest
    return found


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
        for name in manifest.files:
            store.get(version, name, made / name)
        manifest.check(made, f"version {version} at {store.address}", _ADVICE)
        (made / PLACE).parent.mkdir(parents=True, exist_ok=True)
        (made / PLACE).write_bytes(manifest.text.encode())
        for path in (*made.rglob("*"), made):
            sync(path)
        made.rename(place)
        sync(folder)
    except FileNotFoundError as error:
        raise ModelCopyError(
            f"version {version} at {store.address} lacks a file of its manifest: {error}. Run the command again, since "
            "the version may just have been withdrawn; if that does not help, run `copy-models --to` again."
        ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return True


def _remove(version: Path) -> None:
    gone = version.with_name(f"{_HIDDEN}{uuid.uuid4().hex}")
    version.rename(gone)  # a server sees it vanish in one step
    shutil.rmtree(gone)
