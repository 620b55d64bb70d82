"""Removes days of scores that were written long ago.

``tfx_modules.scoring.partition`` writes them, and has their layout.
"""

import datetime as dt
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from tfx_modules.common.files import locked
from tfx_modules.retention.disk import size_of, written_at
from tfx_modules.retention.plan import Item, ItemKind

_DAY = re.compile(r"date=\d{4}-\d\d-\d\d")
_LOCK = Path(".staging", "lock")


class Scores:
    """The days of a pipeline's scores.

    Args:
        folder: that of all scores.
        keep_days: ``keep_score_days``.
        now: the time.
    """

    def __init__(self, folder: Path, keep_days: int, now: dt.datetime) -> None:
        self._folder = folder
        self._keep_days = keep_days
        self._now = now

    def plan(self) -> list[Item]:
        """List the days to remove: by when their scores were written, for the scores of an old day may be new."""
        reason = f"not scored for {self._keep_days} days"
        return [
            Item(
                kind=ItemKind.SCORES,
                name=day.name,
                age=self._now - _newest(day),
                size=size_of(day),
                reason=reason,
                paths=(day,),
            )
            for day in self._days()
            if self._is_old(day)
        ]

    def totals(self) -> dict[ItemKind, int]:
        """Return how many days there are."""
        return {ItemKind.SCORES: len(self._days())}

    def carry_out(self, items: Collection[Item]) -> list[Item]:
        """Remove the days that nobody has scored meanwhile.

        Returns:
            The removed items.
        """
        if not items:
            return []
        with locked(self._folder / _LOCK):  # which those who write a day take as well
            done = [item for item in items if self._is_old(item.paths[0])]
            for item in done:
                self._remove(item.paths[0])
        return done

    def _days(self) -> list[Path]:
        # What a symbolic link leads to may be another environment's.
        found = self._folder.glob("date=*")
        return sorted(day for day in found if _DAY.fullmatch(day.name) and day.is_dir() and not day.is_symlink())

    def _is_old(self, day: Path) -> bool:
        return bool(self._keep_days) and self._now - _newest(day) > dt.timedelta(days=self._keep_days)

    def _remove(self, day: Path) -> None:
        for file in _files(day):
            file.unlink(missing_ok=True)  # a day has one, so that it is there or gone
        with suppress(FileNotFoundError):  # a user may remove days, too
            if not any(day.iterdir()):
                day.rmdir()


def _files(day: Path) -> list[Path]:
    """Return a day's files; none where the day was removed meanwhile."""
    try:
        return [path for path in day.iterdir() if path.is_file() or path.is_symlink()]
    except FileNotFoundError:
        return []


def _newest(day: Path) -> dt.datetime:
    return max(map(written_at, [*_files(day), day]))
