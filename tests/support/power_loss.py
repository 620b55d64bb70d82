"""Makes what a disk holds after a loss of power, from the calls that faults.c has recorded.

A disk keeps of a file what was written before its last fsync, and of a folder the entries that it had at its own last
fsync; this is what POSIX promises, and less than what common file systems keep. A rename from one folder to another is
one step, and is on the disk once either folder has been flushed. A disk may hold more than that, since systems flush
files and folders by themselves at any time: then some files have some of their later writes, too, and some folders all
of their later changes.
"""

import copy
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

HEAD = struct.Struct("=cIIqI")


@dataclass(frozen=True)
class Call:
    """A call that has changed something, or has flushed it."""

    kind: str
    """``c`` create, ``w`` write, ``t`` truncate, ``r`` rename, ``m`` mkdir, ``u`` remove, ``s`` sync."""
    path: str
    path_after: str
    """A rename's second path."""
    offset: int
    """Where a write begins; the size that a truncation leaves."""
    data: bytes


def read_calls(log: Path) -> list[Call]:
    """Read the calls that were recorded."""
    content, place, calls = log.read_bytes(), 0, []
    while place < len(content):
        kind, path, path_after, offset, size = HEAD.unpack_from(content, place)
        place += HEAD.size
        texts = []
        for length in (path, path_after, size):
            texts.append(content[place : place + length])
            place += length
        calls.append(Call(kind.decode(), texts[0].decode(), texts[1].decode(), offset, texts[2]))
    return calls


@dataclass(eq=False)
class File:
    """A file: what is on the disk, and the writes that may not be."""

    kept: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Offset and data of a write; None: the file is cut off there."""

    def sync(self) -> None:
        self.kept = self.after(len(self.pending))
        self.pending.clear()

    def after(self, writes: int) -> bytes:
        """Return the content after the first pending writes."""
        content = bytearray(self.kept)
        for offset, data in self.pending[:writes]:
            if data is None:
                content[:] = content[:offset].ljust(offset, b"\0")
            else:
                content[:] = content.ljust(offset, b"\0")
                content[offset : offset + len(data)] = data
        return bytes(content)


@dataclass(eq=False)
class Entry:
    """A pending change of an entry of a folder."""

    name: str
    node: "File | Folder | None"
    """None: it was removed."""
    other: "tuple[Folder, Entry] | None" = None
    """The other half of a rename between folders."""


@dataclass(eq=False)
class Folder:
    """A folder: its entries on the disk, and the changes that may not be."""

    kept: "dict[str, File | Folder]" = field(default_factory=dict)
    pending: list[Entry] = field(default_factory=list)

    def now(self) -> "dict[str, File | Folder]":
        """Return the entries that programs see."""
        return _applied(self.kept, self.pending)

    def sync(self) -> None:
        for entry in self.pending:
            if entry.other and entry.other[1] in entry.other[0].pending:
                # With it, what came before it for that name.
                folder, half = entry.other
                through = folder.pending.index(half)
                same = [item for item in folder.pending[: through + 1] if item.name == half.name]
                folder.kept = _applied(folder.kept, same)
                folder.pending = [item for item in folder.pending if item not in same]
        self.kept = self.now()
        self.pending.clear()


def _applied(kept: "dict[str, File | Folder]", changes: list[Entry]) -> "dict[str, File | Folder]":
    entries = dict(kept)
    for entry in changes:
        if entry.node is None:
            entries.pop(entry.name, None)
        else:
            entries[entry.name] = entry.node
    return entries


_MADE: Mapping[str, Callable[[], File | Folder | None]] = {"c": File, "m": Folder, "u": lambda: None}


class Disk:
    """A disk on which calls are carried out again."""

    def __init__(self, folder: Path, image: Path) -> None:
        """Begin with what is there, all of it on the disk.

        Args:
            folder: where the calls' paths begin.
            image: a copy of the folder as it was before the calls.
        """
        self._folder = folder
        self._root = _load(image)

    def apply(self, call: Call) -> None:
        """Carry out a call."""
        if call.path.endswith(" (deleted)"):
            return
        if call.kind == "s":
            self._node(call.path).sync()
        elif call.kind in "wt":
            found = self._node(call.path)
            assert isinstance(found, File)
            found.pending.append((call.offset, call.data if call.kind == "w" else None))
        elif call.kind == "r":
            self._rename(call)
        else:
            folder, name = self._place(call.path)
            folder.pending.append(Entry(name, _MADE[call.kind]()))

    def _rename(self, call: Call) -> None:
        (source, name), (target, name_after) = self._place(call.path), self._place(call.path_after)
        removed, added = Entry(name, None), Entry(name_after, source.now()[name])
        removed.other, added.other = (target, added), (source, removed)
        source.pending.append(removed)
        target.pending.append(added)

    def _node(self, path: str) -> File | Folder:
        node: File | Folder = self._root
        for name in Path(path).relative_to(self._folder).parts:
            assert isinstance(node, Folder)
            node = node.now()[name]
        return node

    def _place(self, path: str) -> tuple[Folder, str]:
        folder = self._node(str(Path(path).parent))
        assert isinstance(folder, Folder)
        return folder, Path(path).name

    def lose_power(self, target: Path, chance: Random | None = None) -> None:
        """Write what the disk holds now.

        Args:
            target: a folder that does not exist.
            chance: chooses what the system has flushed by itself; None: nothing.
        """
        root = copy.deepcopy(self._root)
        if chance:
            _flush_some(root, chance)
        _write(root, target)


def _load(image: Path) -> Folder:
    return Folder({path.name: _load(path) if path.is_dir() else File(path.read_bytes()) for path in image.iterdir()})


def _flush_some(node: File | Folder, chance: Random) -> None:
    if isinstance(node, File):
        node.kept = node.after(chance.randint(0, len(node.pending)))
        return
    if chance.random() < 1 / 2:
        node.sync()
    for child in node.kept.values():
        _flush_some(child, chance)


def _write(node: File | Folder, target: Path) -> None:
    if isinstance(node, File):
        target.write_bytes(node.kept)
        return
    target.mkdir()
    for name, child in node.kept.items():
        _write(child, target / name)


def losses(log: Path, folder: Path, *, image: Path, examples: int) -> Iterator[tuple[str, bool]]:
    """Put what is left of a folder in its place, for losses of power at various moments.

    Args:
        log: the calls that were recorded.
        folder: the folder that they have changed.
        image: a copy of it as it was before.
        examples: how many moments to choose by chance, at which the system had flushed something by itself. All moments
            at which it had not, and which differ, come first.

    Yields:
        The call that was the last one, for people, and whether it is the very last one.
    """
    calls = read_calls(log)
    wanted: list[tuple[int, int | None]] = [(number, None) for number, call in enumerate(calls) if call.kind == "s"]
    wanted.append((len(calls) - 1, None))
    by_chance = Random(1)  # noqa: S311
    wanted += [(by_chance.randrange(len(calls)), by_chance.randrange(1 << 30)) for _ in range(examples)]
    for last, seed in wanted:
        chance = None if seed is None else Random(seed)  # noqa: S311
        _put_back(calls[: last + 1], folder, image, chance)
        yield f"{last} {calls[last].kind} {calls[last].path} seed {seed}", last == len(calls) - 1


def lose_power(log: Path, folder: Path, *, image: Path) -> None:
    """Put what is left of a folder in its place, for a loss of power now; nothing was flushed but what was asked for.

    Args: as for :func:`losses`.
    """
    _put_back(read_calls(log), folder, image, None)


def _put_back(calls: list[Call], folder: Path, image: Path, chance: Random | None) -> None:
    disk = Disk(folder, image)
    for call in calls:
        disk.apply(call)
    shutil.rmtree(folder)
    disk.lose_power(folder, chance)
