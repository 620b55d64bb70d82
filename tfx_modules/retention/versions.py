"""Removes the folders of a model's versions, except those that are kept whatever the rules say."""

import datetime as dt
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.promotion import agreement, history
from tfx_modules.promotion.events import Event
from tfx_modules.promotion.exports import folders
from tfx_modules.promotion.history import Service
from tfx_modules.promotion.ledger import Ledger
from tfx_modules.promotion.moves import moving
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.retention.disk import changed_at, size_of
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.plan import Item, ItemKind

UNFINISHED = dt.timedelta(days=1)
"""How long a push may still be working on what it has staged."""


@dataclass(frozen=True)
class Sources:
    """The runs and models that the kept versions came from; later runs resolve them."""

    runs: frozenset[str]
    """Ids of the runs that promoted them."""
    models: tuple[str, ...]
    """Addresses of the models that they are copies of."""

    def with_others(self, histories: Iterable[Sequence[Event]]) -> "Sources":
        """Add what the live, the previous and the pinned versions of other pipelines came from.

        Other pipelines keep their artifacts in the same folder and store.

        Args:
            histories: the events of each of the others.
        """
        found = [self]
        for events in histories:
            state = history.service(events)
            kept = {*state.pinned, state.live, state.previous}
            found.append(sources(events, sorted(number for number in kept if number is not None)))
        runs = frozenset[str]().union(*(item.runs for item in found))
        return Sources(runs, tuple(model for item in found for model in item.models))


def doomed(service: Service, ages: Mapping[int, dt.timedelta], keep: int) -> dict[int, str]:
    """Choose the versions to remove; pure.

    Args:
        service: the state of the ledger.
        ages: time since the last change of each version's folder.
        keep: how many stay beside those that always do; 0: all.

    Returns:
        The versions to remove, with the reason.
    """
    always = {service.live, service.previous} | service.pinned
    counted = sorted((number for number in ages if number in service.past and number not in always), reverse=True)
    old = counted[keep:] if keep else []
    reason = f"beyond the newest {keep} beside the live, the previous and the pinned versions"
    found = dict.fromkeys(old, reason)
    for number, age in ages.items():
        unknown = number not in service.past and number not in always
        if unknown and service.live is not None and number < service.live and age > UNFINISHED:
            found[number] = "never in service; left by a push that was killed"
    return found


def sources(events: Sequence[Event], numbers: Iterable[int]) -> Sources:
    """Return the runs and models that versions came from."""
    found = [event for event in (history.promotion_of(events, number) for number in numbers) if event]
    runs = frozenset(event.run.run_id for event in found if event.run)
    return Sources(runs, tuple(event.model_uri for event in found if event.model_uri))


class Versions:
    """The versions of one model repository and ledger.

    Args:
        ledger: None: there is none yet, and nothing was ever in service.
        repository: the versions' folders.
        keep: ``keep_versions``.
        now: the time.
    """

    def __init__(self, ledger: Ledger | None, repository: ModelRepository, keep: int, now: dt.datetime) -> None:
        self._ledger = ledger
        self._repository = repository
        self._keep = keep
        self._now = now

    def plan(self) -> tuple[list[Item], Sources]:
        """List the items to remove, and the sources of the versions that are kept.

        Raises:
            RetentionError: the ledger does not know what is served, or its live version has no folder.
        """
        if self._ledger is None:
            return self._plan([])
        with self._ledger.exclusive() as held:  # or a rollback might move folders meanwhile
            items, of_this = self._plan(held.events())
            return items, of_this.with_others(held.events_of_others().values())

    def _plan(self, events: Sequence[Event]) -> tuple[list[Item], Sources]:
        service = history.service(events)
        self._check(service)
        going = self._doomed(service)
        stay = (self._repository.versions() | set(service.pinned) | {service.live, service.previous}) - going.keys()
        items = [self._version(number, reason) for number, reason in sorted(going.items())]
        return [*items, *self._staged()], sources(events, sorted(number for number in stay if number is not None))

    def totals(self) -> dict[ItemKind, int]:
        """Return how many versions there are, and how many staged copies."""
        versions = len(self._repository.versions())
        return {ItemKind.VERSION: versions, ItemKind.STAGING: versions + len(self._unfinished())}

    def newest(self) -> dt.datetime | None:
        """Return when the ledger's newest event happened; None: it has none."""
        return max((event.at for event in self._ledger.events()), default=None) if self._ledger else None

    def carry_out(self, items: Collection[Item]) -> list[Item]:
        """Remove the items that are still expired.

        Returns:
            The removed items.
        """
        done = []
        if self._ledger and any(item.kind is ItemKind.VERSION for item in items):
            with self._ledger.exclusive() as held:
                service = held.service()
                self._check(service)
                going = self._doomed(service)
                for item in items:
                    if item.kind is ItemKind.VERSION and item.ids[0] in going:
                        with moving(held, self._repository) as moves:
                            moves.remove(item.ids[0])
                        done.append(item)
        for item in items:
            if item.kind is ItemKind.STAGING:
                _delete(item.paths[0])
                done.append(item)
        return done

    def _check(self, service: Service) -> None:
        served = self._repository.served_versions()
        if service.live is not None:
            unknown = agreement.unknown_versions(service, self._repository)
            if reason := agreement.contradiction(service, self._repository, unknown):
                raise RetentionError(
                    f"{reason}; allowed: a ledger that knows what is served. Nothing was removed. Correct "
                    "[bert_service] ledger; where it is the right one, run `bert-service models settle`, and move "
                    "versions that others have put there away."
                )
        if service.live is None and served:
            raise RetentionError(
                f"the ledger says that nothing is in service, and {self._repository.served} has versions "
                f"{', '.join(map(str, sorted(served)))}; allowed: a ledger that knows what is served. Correct "
                "[bert_service] ledger, or promote a model first."
            )

    def _doomed(self, service: Service) -> dict[int, str]:
        ages = {number: self._age(self._repository.folder(number)) for number in self._repository.versions()}
        # What a server sees and the ledger does not know is never removed, whatever was checked before.
        unknown = agreement.unknown_versions(service, self._repository)
        return doomed(service, {number: age for number, age in ages.items() if number not in unknown}, self._keep)

    def _version(self, number: int, reason: str) -> Item:
        folder = self._repository.folder(number)
        return self._item(ItemKind.VERSION, str(number), folder, reason, ids=(number,))

    def _staged(self) -> list[Item]:
        old = [path for path in self._unfinished() if self._age(path) > UNFINISHED]
        return [self._item(ItemKind.STAGING, path.name, path, "left by a push that was killed") for path in old]

    def _unfinished(self) -> list[Path]:
        return [
            *self._repository.staged(),
            *self._repository.unfinished_cards(),
            *folders.unfinished(self._repository),
        ]

    def _item(self, kind: ItemKind, name: str, path: Path, reason: str, ids: tuple[int, ...] = ()) -> Item:
        return Item(
            kind=kind, name=name, age=self._age(path), size=size_of(path), reason=reason, paths=(path,), ids=ids
        )

    def _age(self, path: Path) -> dt.timedelta:
        return self._now - changed_at(path)


def _delete(path: Path) -> None:
    """Delete a staged copy or an unfinished card; its push may do so at the same time."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
