"""Removes spans: days of reviews, and versions of days.

``contracts/span_layout.schema.json`` has their layout.
"""

import datetime as dt
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from tfx_modules.common.files import locked
from tfx_modules.retention.disk import changed_at, size_of, written_at
from tfx_modules.retention.plan import Item, ItemKind
from tfx_modules.retention.versions import UNFINISHED

_VERSION = re.compile(r"v([1-9][0-9]*)")
_STAGING = ".staging"
_REFUSED = "refused"
_REMOVED = "old-"
"""The store's next writer removes what has a dash in its name from the staging folder."""

Version = tuple[dt.date, int]


def doomed_days(days: Iterable[dt.date], keep_days: int, today: dt.date) -> frozenset[dt.date]:
    """Choose the days to remove by their date; pure.

    Args:
        days: those that are there.
        keep_days: how many days back a date may be; 0: any.
        today: the UTC day.
    """
    return frozenset(day for day in days if keep_days and (today - day).days > keep_days)


def doomed_versions(
    versions: Mapping[dt.date, Collection[int]], keep: int, read: Collection[Version]
) -> frozenset[Version]:
    """Choose the versions of days to remove; pure.

    Args:
        versions: the numbers that are there, by day.
        keep: how many of the newest of each day stay; 0: all. The newest always does: numbers go on from it.
        read: days and versions that runs have read which stay.
    """
    old = {(day, number) for day, numbers in versions.items() if keep for number in sorted(numbers)[:-keep]}
    return frozenset(old - set(read))


class Spans:
    """The spans of one store.

    Args:
        folder: the store's.
        keep_days: ``keep_span_days``.
        keep_versions: ``keep_span_versions``.
        now: the time.
    """

    def __init__(self, folder: Path, keep_days: int, keep_versions: int, now: dt.datetime) -> None:
        self._folder = folder
        self._keep_days = keep_days
        self._keep_versions = keep_versions
        self._now = now

    def plan(self, read: Collection[Version]) -> list[Item]:
        """List the spans to remove; never what was written in the last day, which a run may be about to read.

        Args:
            read: days and versions that runs have read which stay.
        """
        versions = self._versions()
        days = doomed_days(versions, self._keep_days, self._today)
        stay = {day: numbers for day, numbers in versions.items() if day not in days}
        return [*self._of_days(days), *self._of_versions(stay, read), *self._refused()]

    def totals(self) -> dict[ItemKind, int]:
        """Return how many versions of days there are, and lists of refused rows."""
        refused = len(list((self._folder / _REFUSED).glob("*.jsonl")))
        return {ItemKind.SPAN: sum(map(_count, self._versions().values())), ItemKind.REFUSED: refused}

    def newest(self) -> dt.datetime | None:
        """Return when a version of a day was written last; None: there is none."""
        folders = (
            self._folder / str(day) / f"v{number}" for day, all_of in self._versions().items() for number in all_of
        )
        return max(map(written_at, folders), default=None)

    def carry_out(self, items: Collection[Item]) -> list[Item]:
        """Remove the items that are still expired.

        Returns:
            The removed items.
        """
        if not items:
            return []
        with locked(self._folder / _STAGING / "lock"):  # which the store's writers take as well
            done = [item for item in items if self._is_old(item.paths[0])]
            for item in done:
                self._remove(item.paths[0])
        return done

    @property
    def _today(self) -> dt.date:
        return self._now.astimezone(dt.UTC).date()

    def _versions(self) -> dict[dt.date, list[int]]:
        found = {}
        for path in self._folder.glob("*-*-*"):
            # What a symbolic link leads to may be another environment's.
            if (day := _day(path.name)) and path.is_dir() and not path.is_symlink():
                folders = (version for version in path.iterdir() if not version.is_symlink())
                names = (_VERSION.fullmatch(version.name) for version in folders)
                found[day] = sorted(int(name[1]) for name in names if name)
        return found

    def _of_days(self, days: Collection[dt.date]) -> Iterator[Item]:
        versions = self._versions()
        for day in sorted(days):
            reason = f"older than {self._keep_days} days"
            count = _count(versions.get(day, ()))
            yield from self._item(ItemKind.SPAN, str(day), day, reason, self._folder / str(day), count)

    def _of_versions(self, versions: Mapping[dt.date, Collection[int]], read: Collection[Version]) -> Iterator[Item]:
        for day, number in sorted(doomed_versions(versions, self._keep_versions, read)):
            reason = f"not among the newest {self._keep_versions} of its day; no run that stays has read it"
            path = self._folder / str(day) / f"v{number}"
            yield from self._item(ItemKind.SPAN, f"{day} v{number}", day, reason, path)

    def _refused(self) -> Iterator[Item]:
        for path in sorted((self._folder / _REFUSED).glob("*.jsonl")):
            if (day := _day(path.stem)) and doomed_days([day], self._keep_days, self._today):
                yield from self._item(ItemKind.REFUSED, path.stem, day, f"older than {self._keep_days} days", path)

    def _item(self, kind: ItemKind, name: str, day: dt.date, reason: str, path: Path, count: int = 1) -> Iterator[Item]:
        if self._is_old(path):
            age = self._now - dt.datetime.combine(day, dt.time.min, dt.UTC)
            yield Item(kind=kind, name=name, age=age, size=size_of(path), reason=reason, paths=(path,), count=count)

    def _is_old(self, path: Path) -> bool:
        return path.exists() and self._now - changed_at(path) > UNFINISHED

    def _remove(self, path: Path) -> None:
        if path.is_file():
            path.unlink()
            return
        away = self._folder / _STAGING / f"{_REMOVED}{path.parent.name}-{path.name}"
        shutil.rmtree(away, ignore_errors=True)  # of a retention that was killed
        path.rename(away)
        shutil.rmtree(away)


def _count(versions: Collection[int]) -> int:
    """Return what a day counts as: its versions; without any, as one."""
    return max(1, len(versions))


def _day(name: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(name)
    except ValueError:
        return None
    return day if str(day) == name else None
