"""Writes and checks a model's manifest: the digests of its files, so that a changed byte is found before serving.

The manifest is ``assets.extra/manifest.json``, in the folder that SavedModels keep for what is not theirs, so that a
stock TensorFlow Serving is not disturbed by it. Its digest is in the ledger; for the model server, which has no ledger,
a copy is beside the versions: ``NAME/.digests/2026110501``. Imports nothing but the standard library: the model server
uses it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.common.files import digest_of, read_short, write_atomically
from tfx_modules.promotion.exceptions import ManifestError

FORMAT = 1
PLACE = "assets.extra/manifest.json"
DIGESTS = ".digests"
"""The folder beside the versions that has the digest of each, as the ledger has it. Servers pass over it."""
_ADVICE = "Put the model's own files back, or roll back to another version."
_OTHER = "roll back to another version."
_MOST_BYTES = 4096
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """The files of a model, with sizes and digests."""

    files: Mapping[str, tuple[int, str]]
    """Size in bytes and SHA-256 by path below the model's folder."""

    @property
    def digest(self) -> str:
        """SHA-256 over all files: models with the same digest are the same, byte for byte."""
        lines = [f"{digest} {size} {name}\n" for name, (size, digest) in sorted(self.files.items())]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(size for size, _ in self.files.values())

    def to_json(self) -> str:
        """Return the file's text."""
        files = {name: {"size": size, "sha256": digest} for name, (size, digest) in sorted(self.files.items())}
        return json.dumps({"format": FORMAT, "digest": self.digest, "files": files}, indent=1) + "\n"


def describe(folder: Path) -> Manifest:
    """Take the digests of a folder's files, the manifest itself left out."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return Manifest({name: digest_of(folder / name) for name in names if name != PLACE})


def write(folder: Path) -> Manifest:
    """Write a folder's manifest into it.

    Returns:
        The manifest.
    """
    manifest = describe(folder)
    path = folder / PLACE
    path.parent.mkdir(exist_ok=True)
    path.write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def listed(folder: Path) -> Manifest | None:
    """Return a folder's manifest without comparing the files with it; None: it has none.

    Raises:
        ManifestError: the manifest is damaged.
    """
    path = folder / PLACE
    return _read(path) if path.is_file() else None


def check(folder: Path, digest: str = "") -> Manifest | None:
    """Compare a folder with its manifest, and the manifest with the digest that it should have.

    Args:
        folder: a model's.
        digest: the digest of the model that was promoted, from the ledger; empty: it is not known.

    Returns:
        The manifest; None where there is none, and nothing to compare with.

    Raises:
        ManifestError: the manifest is missing though the digest is known, or has another digest, or is damaged; or a
            file is missing, changed or not in it.
    """
    path = folder / PLACE
    if not path.is_file():
        if digest:
            raise ManifestError(f"{folder} has no manifest {PLACE}, with which it was promoted. {_ADVICE}")
        return None
    listed, found = _read(path), describe(folder)
    names = sorted(name for name in {*listed.files, *found.files} if listed.files.get(name) != found.files.get(name))
    if names:
        changed = ", ".join(f"{name} ({_difference(listed, found, name)})" for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise ManifestError(f"{folder} is not the model that its manifest lists: {changed}{more}. {_ADVICE}")
    if digest and listed.digest != digest:
        raise ManifestError(
            f"{folder} is not the model that was promoted by this number: its digest is {listed.digest}, and the "
            f"ledger's {digest}. {_ADVICE}"
        )
    return listed


def promoted_digest(folder: Path) -> str:
    """Return the digest that a version was promoted with, from the copy beside it; empty: there is none.

    Args:
        folder: a version's, in the folder that servers watch.

    Raises:
        ManifestError: the copy is damaged.
        OSError: it cannot be read.
    """
    if not (folder.name.isascii() and folder.name.isdecimal()):
        return ""
    path = digest_file(folder.parent, int(folder.name))
    try:
        text = read_short(path, _MOST_BYTES).strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError as error:
        text = repr(error.object)
    if not _DIGEST.fullmatch(text):
        raise ManifestError(
            f"{path} holds {text[:80]!r}; allowed: the digest of the version, 64 hex digits. Run `bert-service models "
            "settle`, which writes it anew from the ledger."
        )
    return text


def note_digest(served: Path, version: int, digest: str) -> None:
    """Put the digest of a promoted version beside the versions, where it is not there yet.

    Args:
        served: the folder that servers watch.
        version: the version.
        digest: the ledger's.
    """
    path = digest_file(served, version)
    if not path.is_file() or path.read_bytes().strip() != digest.encode():
        write_atomically(path, f"{digest}\n", durable=True)


def forget_digest(served: Path, version: int) -> None:
    """Remove the digest of a version that was removed."""
    digest_file(served, version).unlink(missing_ok=True)


def digest_file(served: Path, version: int) -> Path:
    """Return where the digest of a version is, in the folder that servers watch."""
    return served / DIGESTS / str(version)


def _difference(listed: Manifest, found: Manifest, name: str) -> str:
    if name not in found.files:
        return "missing"
    return "changed" if name in listed.files else "not listed"


def parsed(text: str, where: str, advice: str) -> Manifest:
    """Return a manifest of its text.

    Args:
        text: the file's.
        where: what errors call it.
        advice: what they say is to be done.

    Raises:
        ManifestError: it is damaged.
    """
    try:
        document = json.loads(text)
        made = Manifest({name: (int(item["size"]), str(item["sha256"])) for name, item in document["files"].items()})
        good = (document["format"], document["digest"]) == (FORMAT, made.digest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(where, error, advice) from error
    if not good:
        raise ManifestError(
            f"the manifest {where} has been changed: its digest is not that of what it lists, or its format is not "
            f"{FORMAT}; {advice}"
        )
    return made


def _read(path: Path) -> Manifest:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _unreadable(str(path), error, _OTHER) from error
    return parsed(text, str(path), _OTHER)


def _unreadable(where: str, error: Exception, advice: str) -> ManifestError:
    return ManifestError(f"the manifest {where} cannot be read ({error!r}); {advice}")
