"""Checks that a ledger and a model repository are of one environment, before either is changed by the other."""

from collections.abc import Sequence

from tfx_modules.promotion import manifest
from tfx_modules.promotion.environment import ADOPT, place_of, require_same, write_marker
from tfx_modules.promotion.exceptions import EnvironmentMismatchError
from tfx_modules.promotion.history import Service
from tfx_modules.promotion.ledger import Writing
from tfx_modules.promotion.repository import ModelRepository


def check(held: Writing, repository: ModelRepository) -> None:
    """Compare the ids of ledger and served folder; of a folder without an id, what it holds with the events.

    Args:
        held: the ledger, locked.
        repository: the versions' folders.

    Raises:
        EnvironmentMismatchError: they are not of one environment.
    """
    served = place_of(repository.served)
    require_same([held.environment, served])
    if served.id is None and (reason := _misfit(held.service(), repository)):
        raise EnvironmentMismatchError(
            f"{served.name} has no environment id, and does not fit {held.environment.name}: {reason}. Nothing was "
            f"changed. {ADOPT}"
        )


def mark(held: Writing, repository: ModelRepository) -> None:
    """Give the served folder the ledger's id, where it has none; after :func:`check`."""
    if place_of(repository.served).id is None:
        write_marker(repository.served, str(held.environment.id))


def unknown_versions(service: Service, repository: ModelRepository) -> list[int]:
    """Return the served versions that the ledger does not know.

    Versions that were published and whose event was never written are not among them: a killed push leaves them, and
    nobody serves them.
    """
    return sorted(repository.served_versions() - set(service.past))


def contradiction(service: Service, repository: ModelRepository, unknown: Sequence[int]) -> str:
    """Return in what the served folder contradicts the ledger's events; empty: in nothing.

    Args:
        service: the state of the ledger.
        repository: the versions' folders.
        unknown: served versions that the ledger ought to know, and does not.
    """
    if unknown:
        return (
            f"{repository.served} has versions {', '.join(map(str, unknown))}, which the ledger does not know; it "
            f"knows {service.known}"
        )
    if service.live is not None and service.live not in repository.versions():
        return (
            f"version {service.live} is in service by the ledger, and has no folder in {repository.served} or "
            f"{repository.withdrawn}"
        )
    return ""


def _misfit(service: Service, repository: ModelRepository) -> str:
    """Return in what a folder without an id contradicts the ledger; models that others put there are no matter."""
    pushed = [
        number
        for number in unknown_versions(service, repository)
        if (repository.folder(number) / manifest.PLACE).is_file()
    ]
    return contradiction(service, repository, pushed) or _changed(service, repository)


def _changed(service: Service, repository: ModelRepository) -> str:
    """Return how the live version differs from the one that the ledger means, by the digest of its files' list."""
    digest = service.digest_of(service.live) if service.live is not None else ""
    if service.live is None or not digest:
        return ""
    listed = manifest.listed(repository.folder(service.live))
    if listed is None:
        return f"version {service.live} has no manifest, which it was promoted with"
    if listed.digest == digest:
        return ""
    return f"version {service.live} is another model than the one that the ledger knows by this number"
