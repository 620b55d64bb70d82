"""Puts an earlier version back into service: no training, no copying, one event and a few renames."""

import dataclasses

from tfx_modules.promotion import manifest
from tfx_modules.promotion.events import Draft, Event, Kind
from tfx_modules.promotion.exceptions import RefusedError
from tfx_modules.promotion.history import Service
from tfx_modules.promotion.ledger import Ledger
from tfx_modules.promotion.promoter import settle
from tfx_modules.promotion.shelf import Shelf


@dataclasses.dataclass(frozen=True, kw_only=True)
class RollbackRequest:
    """What somebody asks for."""

    actor: str
    reason: str
    """Why; one line."""
    to: int | None = None
    """The version to put in service; None: the one that was there before."""


def roll_back(ledger: Ledger, shelf: Shelf, request: RollbackRequest) -> Event:
    """Put another version in service, and bar the one that is left.

    Args:
        ledger: gets the event.
        shelf: has the version's folder.
        request: which version, who, why.

    Returns:
        The event; the version is in the served folder.

    Raises:
        RefusedError: there is no such version, or it is in service.
        ShelfError: the version's folder is gone.
        ManifestError: its files have changed.
    """
    with ledger.exclusive() as held:
        service = held.service()
        version = _target(service, request.to)
        manifest.check(shelf.folder(version))
        event = held.append(
            Draft(
                kind=Kind.ROLLED_BACK,
                reason=f"from {service.live} to {version}: {request.reason}",
                actor=request.actor,
                version=version,
                champion=service.live,
            )
        )
    settle(ledger, shelf)
    return event


def _target(service: Service, asked: int | None) -> int:
    known = ", ".join(map(str, sorted(set(service.past)))) or "none"
    version = service.previous if asked is None else asked
    if version is None:
        raise RefusedError(
            f"there is no version before {service.live} that was not rolled back itself; were in service: {known}. "
            "Name one of them."
        )
    if version not in service.past:
        raise RefusedError(f"version {version} was never in service; were: {known}. Name one of them.")
    if version == service.live:
        raise RefusedError(f"version {version} is in service already; were: {known}. Name another one.")
    return version
