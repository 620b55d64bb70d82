"""Reads and writes files with a secret in them. Runs on any Python from 3.8 and needs nothing installed.

A machine that loses power, or a full disk, leaves files empty or cut off. A secret is never taken from such a file: a
service would start with a key that everybody can guess.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from scripts.errors import StackError

OWNER_READS = 0o600


def read_secret_file(path: Path) -> str:
    """Return a text that ends with a line break, as this project writes them.

    Raises:
        StackError: It cannot be read, is empty, is cut off, or has bytes that no text has.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        text = "\0\n"
    except OSError as error:
        raise StackError(f"{path} cannot be read: {error.strerror}. It holds a secret; make it readable.") from error
    if not text.strip():
        raise refused(path, "it is empty")
    if not text.endswith("\n"):
        raise refused(path, "its last line does not end, so that it may be cut off")
    if not text.replace("\n", "").isprintable():
        raise refused(path, "it has bytes that no secret has")
    return text


def refused(path: Path, why: str) -> StackError:
    """Return the error for a file that cannot be used."""
    return StackError(
        f"{path} holds a secret and cannot be used: {why}. Restore it from a backup; or remove it, and a new secret is "
        "made (what was encrypted or signed with the old one, or has it as a password, then needs the new one)."
    )


def write_secret_file(path: Path, text: str, *, replace: bool, mode: int = OWNER_READS) -> None:
    """Write a file that only its owner can read, unless ``mode`` says otherwise.

    It appears as a whole, and stays so when the power goes.

    Args:
        path: The file.
        text: Ends with a line break where ``read_secret_file`` is to read it.
        replace: Whether to replace an existing one; otherwise it stays.
        mode: The file's permissions, whatever the umask.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        partial.unlink()  # of a process that was killed, and had this one's id
    try:
        with open(str(partial), "x", opener=lambda name, flags: os.open(name, flags, OWNER_READS)) as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            partial.replace(path)
        else:
            # Not by rename: of two commands that start together, both must end with the first one's value.
            with suppress(FileExistsError):
                os.link(str(partial), str(path))
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    folder = os.open(str(path.parent), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
