"""Rolls back to an earlier version: one event in the ledger and a few renames, no training and no copy of a model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfx_modules.exceptions import SettingsError
from tfx_modules.promotion import agreement, history, manifest
from tfx_modules.promotion.events import Draft, Event, EventKind, Run
from tfx_modules.promotion.exceptions import ModelRepositoryError, RefusedError
from tfx_modules.promotion.history import Service
from tfx_modules.promotion.ledger import Ledger
from tfx_modules.promotion.moves import moving
from tfx_modules.promotion.promoter import settle
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.settings.task import TaskSettings, of_model


@dataclass(frozen=True, kw_only=True)
class RollbackRequest:
    """A request to roll back."""

    actor: str
    reason: str
    """Why; one line."""
    to: int | None = None
    """The version to put in service; None: the previous one."""
    leaving: int | None = None
    """The version that has to be in service, or else nothing is done; None: any."""
    asker: tuple[str, str] | None = None
    """DAG id and run id of the asking run; it rolls back once, however often its task is tried."""


def roll_back(ledger: Ledger, repository: ModelRepository, request: RollbackRequest) -> Event:
    """Put another version in service, and mark the current one as rolled back.

    Args:
        ledger: gets the event.
        repository: has the version's folder.
        request: which version, who, why.

    Returns:
        The event; the version is in the served folder.

    Raises:
        RefusedError: there is no such version, or it is in service, or none ever was, or another version is in service
            than the request leaves.
        ModelRepositoryError: the version's folder is gone, or the disk refuses.
        ManifestError: its files are not those that were promoted.
        EnvironmentMismatchError: ledger and folder are not of one environment.
    """
    with ledger.exclusive() as held, repository.reporting_disk_errors():
        agreement.check(held, repository)
        events = held.events()
        event = _earlier(events, request)
        if event is None:
            require_any(history.service(events), ledger, repository)
            with moving(held, repository):  # nobody else moves a folder any more
                event = held.append(_draft(events, repository, request))
    settle(ledger, repository)
    return event


def _earlier(events: Sequence[Event], request: RollbackRequest) -> Event | None:
    return history.verdict_of(events, *request.asker) if request.asker else None


def _draft(events: Sequence[Event], repository: ModelRepository, request: RollbackRequest) -> Draft:
    service = history.service(events)
    if request.leaving not in (None, service.live):
        raise RefusedError(
            f"{service.live} is in service and not {request.leaving}, which the rollback was to leave; nothing was "
            "changed. Look at what is in service now, then repeat."
        )
    version = _target(service, request.to)
    manifest.check(repository.folder(version), service.digest_of(version))
    return Draft(
        kind=EventKind.ROLLED_BACK,
        reason=f"from {service.live} to {version}: {request.reason}{_change_of_labels(repository, service, version)}",
        actor=request.actor,
        run=_run(events, version, request),
        version=version,
        champion=service.live,
        final=request.asker is not None,
    )


def _change_of_labels(repository: ModelRepository, service: Service, version: int) -> str:
    """Return what the event's reason says where the version answers other labels than the one in service."""
    target = of_model(repository.folder(version))
    try:
        live = of_model(repository.folder(service.live)) if service.live is not None else target
    except (ModelRepositoryError, SettingsError, OSError):
        return ""  # a version may be rolled back because its files are damaged or gone
    if target.is_comparable_with(live):
        return _change_of_threshold(target, live)
    return f"; clients get other labels: {target.describe()} instead of {live.describe()}"


def _change_of_threshold(target: TaskSettings, live: TaskSettings) -> str:
    if target.threshold == live.threshold:
        return ""
    return f"; clients get labels from a score of {target.threshold:g} on, and not from {live.threshold:g} on"


def _run(events: Sequence[Event], version: int, request: RollbackRequest) -> Run | None:
    """Return the asking run, with the data that the version was trained on."""
    promotion = history.promotion_of(events, version)
    if request.asker is None or promotion is None or promotion.run is None:
        return None
    dag_id, run_id = request.asker
    return replace(promotion.run, dag_id=dag_id, run_id=run_id)


def _target(service: Service, asked: int | None) -> int:
    version = service.previous if asked is None else asked
    if version is None:
        raise RefusedError(
            f"there is no version to go back to from {service.live or 'none'} that was not left by a rollback itself; "
            f"were in service: {service.known}. Name one of them."
        )
    require_known(service, version)
    if version == service.live:
        raise RefusedError(f"version {version} is in service already; were: {service.known}. Name another one.")
    return version


def require_any(service: Service, ledger: Ledger, repository: ModelRepository) -> None:
    """Check that a version was in service once.

    Raises:
        RefusedError: none ever was.
    """
    if not service.past:
        raise RefusedError(never_in_service(ledger, repository))


def never_in_service(ledger: Ledger, repository: ModelRepository) -> str:
    """Say that no version was ever in service, where one would be, and what to do."""
    return (
        f"no version of {ledger.pipeline} was ever in service, by {ledger.name}; versions in service are in "
        f"{repository.served}. Trigger the DAG {ledger.pipeline}: the first model that passes its gates goes into "
        "service. Where one should be in service already, correct [bert_service] state and ledger."
    )


def require_known(service: Service, version: int) -> None:
    """Check that a version was in service once.

    Raises:
        RefusedError: it never was.
    """
    if version not in service.past:
        raise RefusedError(f"version {version} was never in service; were: {service.known}. Name one of them.")
