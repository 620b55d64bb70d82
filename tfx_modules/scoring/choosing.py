"""Chooses the version that scores a day, by the ledger of promotions."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.promotion import history, manifest, rollback
from tfx_modules.promotion.events import Event
from tfx_modules.promotion.exceptions import RefusedError
from tfx_modules.promotion.history import Service
from tfx_modules.promotion.ledger import Ledger, open_ledger
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.scoring.request import LIVE, LIVE_ON_DATE, ScoringRequest

_ONE_DAY = dt.timedelta(days=1)
_TICK = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class ChosenVersion:
    """A version that was in service once, with its files."""

    version: int
    digest: str
    """The ledger's; empty: it has none."""
    folder: Path
    """Served or withdrawn; its files are those that were promoted."""


def choose(request: ScoringRequest) -> ChosenVersion:
    """Find the version that a request asks for.

    Raises:
        RefusedError: no version was in service then, or the one that is named never was.
        LedgerError: the ledger cannot be used.
        ModelRepositoryError: the version's folder was removed.
        ManifestError: its files are not those that were promoted.
    """
    ledger, repository = open_ledger(request.ledger, request.name), ModelRepository(request.models)
    events = ledger.events()
    service = history.service(events)
    rollback.require_any(service, ledger, repository)
    version = _version(request, service, events, ledger)
    digest, folder = service.digest_of(version), repository.folder(version)
    manifest.check(folder, digest)
    return ChosenVersion(version, digest, folder)


def _version(request: ScoringRequest, service: Service, events: Sequence[Event], ledger: Ledger) -> int:
    if request.model == LIVE_ON_DATE:
        end = dt.datetime.combine(request.day, dt.time.min, dt.UTC) + _ONE_DAY - _TICK
        service = history.service(events, end)
    elif request.model != LIVE:
        rollback.require_known(service, int(request.model))
        return int(request.model)
    if service.live is None:
        raise RefusedError(_too_early(ledger, request.day, history.serving_periods(events)[0].event.at))
    return service.live


def _too_early(ledger: Ledger, day: dt.date, first: dt.datetime) -> str:
    return (
        f"no version of {ledger.pipeline} was in service at the end of {day} (UTC), by {ledger.name}: the first one "
        f"came into service at {first:%Y-%m-%d %H:%M:%S} UTC. Score the day with the version that is in service now "
        f"(model: {LIVE}), or name a version."
    )
