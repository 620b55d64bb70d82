"""Has an endpoint follow the ledger: reads both, takes a step, and reads both anew, until nothing is left to do."""

from collections.abc import Callable, Iterator
from typing import Protocol

from tfx_modules.common.files import locked
from tfx_modules.exceptions import VertexError
from tfx_modules.promotion import manifest
from tfx_modules.promotion.command.answers import CommandContext
from tfx_modules.promotion.exceptions import ManifestError, RefusedError
from tfx_modules.promotion.rollback import never_in_service
from tfx_modules.serving.exceptions import MissingObjectError
from tfx_modules.vertex.endpoint.options import Destination
from tfx_modules.vertex.endpoint.service import EndpointService
from tfx_modules.vertex.endpoint.steps import Deploy, MoveTraffic, ServedVersion, Step, next_step, versions


class Stored(Protocol):
    """A version's copy in Cloud Storage."""

    def text(self, name: str) -> str:
        """Return an object's text."""


def follow(
    context: CommandContext, destination: Destination, service: EndpointService, stored: Callable[[str], Stored]
) -> Iterator[str]:
    """Make the endpoint serve the version in service, then undeploy earlier ones that are not kept.

    Another pass on this machine waits meanwhile. It may be repeated, also after having been killed in the middle.

    Args:
        context: the ledger.
        destination: the endpoint.
        service: asks it.
        stored: opens a folder of Cloud Storage.

    Yields:
        What was done, a line each.

    Raises:
        RefusedError: no version was ever in service, or the ledger has no digest of the one that is.
        StorageError: the version's copy cannot be read.
        VertexError: the copy is not the version, or the API refuses or cannot be asked.
    """
    served = context.repository.served
    deployed: set[str] = set()
    with locked(served.with_name(f"{served.name}.vertex.lock")):
        while (step := _next(context, destination, service)) is not None:
            if isinstance(step, Deploy):
                alias = service.alias(step.version)
                if alias in deployed:
                    raise VertexError(
                        f"{destination.endpoint_name} does not have version {step.version.number}, which was just "
                        "deployed to it; somebody may have undeployed it. Look at the endpoint, and repeat."
                    )
                deployed.add(alias)
                yield from _deploy(step.version, destination, service, stored)
            elif isinstance(step, MoveTraffic):
                service.move_traffic(step.id)
                yield f"{step.version.number} has all traffic"
            else:
                service.undeploy(step.deployment.id)
                yield f"undeployed {step.deployment.alias}"


def _next(context: CommandContext, destination: Destination, service: EndpointService) -> Step | None:
    live, kept = versions(context.ledger.service(), destination.kept)
    if live is None:
        raise RefusedError(never_in_service(context.ledger, context.repository))
    if not live.digest:
        raise RefusedError(
            f"the ledger has no digest of version {live.number}, which an early release has promoted; needed: a "
            "version with one. Promote another one."
        )
    return next_step(live, service.alias(live), kept, service.deployments())


def _deploy(
    version: ServedVersion, destination: Destination, service: EndpointService, stored: Callable[[str], Stored]
) -> Iterator[str]:
    if not service.is_uploaded(version):
        address = f"{destination.artifacts}/{version.number}"
        _require_copy(version, address, stored)
        yield f"uploading {version.number} from {address}"
        service.upload(version)
    yield f"deploying {version.number}; this takes minutes"
    service.deploy(version)
    yield f"deployed {version.number}"


def _require_copy(version: ServedVersion, address: str, stored: Callable[[str], Stored]) -> None:
    advice = "run `copy-models --to` with the address, and repeat."
    try:
        found = manifest.parsed(stored(address).text(manifest.PLACE), f"{address}/{manifest.PLACE}", advice).digest
    except MissingObjectError as error:
        raise VertexError(
            f"version {version.number} is not at {address}, or not complete: there is no {manifest.PLACE}; {advice}"
        ) from error
    except ManifestError as error:
        raise VertexError(f"version {version.number} cannot be uploaded: {error}") from error
    if found != version.digest:
        raise VertexError(
            f"{address} has another model than version {version.number}: the digest of its manifest is {found}, and "
            f"the ledger's {version.digest}; {advice}"
        )
