"""Has an endpoint follow the ledger: reads both, takes a step, and reads both anew, until nothing is left to do."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tfx_modules.common.files import locked
from tfx_modules.exceptions import CopyMissingError, EndpointBusyError, VertexError
from tfx_modules.promotion import manifest
from tfx_modules.promotion.command.answers import CommandContext
from tfx_modules.promotion.exceptions import ManifestError, RefusedError
from tfx_modules.promotion.rollback import never_in_service
from tfx_modules.serving.exceptions import MissingObjectError
from tfx_modules.vertex.endpoint.operations import Begun
from tfx_modules.vertex.endpoint.options import Destination
from tfx_modules.vertex.endpoint.service import EndpointService, Look
from tfx_modules.vertex.endpoint.steps import Deploy, MoveTraffic, ServedVersion, Step, next_step, versions
from tfx_modules.vertex.endpoint.uploads import address_of

LOOK_SECONDS = 5.0
"""Between two looks at endpoint and ledger while Vertex AI works on something."""
PATIENCE_SECONDS = 7200.0
"""The longest that Vertex AI gives a deployment."""

_WAITING = "waiting for another pass on this machine, which works on the same endpoint"


class Stored(Protocol):
    """A version's copy in Cloud Storage."""

    def text(self, name: str) -> str:
        """Return an object's text."""


def follow(
    context: CommandContext,
    destination: Destination,
    service: EndpointService,
    stored: Callable[[str], Stored],
    tell: Callable[[str], None],
) -> None:
    """Make the endpoint serve the version in service, then undeploy earlier ones that are not kept.

    Another pass for the endpoint on this machine waits meanwhile. A pass may be repeated, also after having been killed
    in the middle: what Vertex AI still works on is waited for.

    Args:
        context: the ledger.
        destination: the endpoint.
        service: asks it.
        stored: opens a folder of Cloud Storage.
        tell: is told what is done, a line each.

    Raises:
        RefusedError: no version was ever in service, or the ledger has no digest of the one that is.
        StorageError: the version's copy cannot be read.
        CopyMissingError: it is not there, or not complete.
        VertexError: the copy is not the version, or the API refuses or cannot be asked.
    """
    with locked(lock_of(context.repository.served, destination), lambda: tell(_WAITING)):
        _Pass(context, destination, service, stored, tell).run()


def lock_of(served: Path, destination: Destination) -> Path:
    """Return the file that a pass locks: one for each endpoint, beside the served folder."""
    where = f"{destination.project}.{destination.location}.{destination.endpoint}"
    return served.with_name(f"{served.name}.{where}.vertex.lock")


class _Pass:
    """One pass.

    Args:
        context: as for :func:`follow`, and so are the others.
        destination: the endpoint.
        service: asks it.
        stored: opens a folder.
        tell: is told.
    """

    def __init__(
        self,
        context: CommandContext,
        destination: Destination,
        service: EndpointService,
        stored: Callable[[str], Stored],
        tell: Callable[[str], None],
    ) -> None:
        self._context = context
        self._destination = destination
        self._service = service
        self._stored = stored
        self._tell = tell
        self._begun: Begun | None = None
        self._said = ""  # when that has ended
        self._own: set[str] = set()  # the operations that were begun
        self._done: set[str] = set()  # what was uploaded and deployed
        self._waited: list[str] = []
        self._since = 0.0
        self._refused = ""

    def run(self) -> None:
        """Take steps until nothing is left to do, and nothing runs."""
        while True:
            self._look_at_begun()
            # The ledger is read after the endpoint, and what is changed then is the endpoint as it was read.
            look = self._service.look(self._begun)
            step = self._next(look)
            if step is None and not look.running:
                return
            if waits_for := look.running if step is None else self._take(step, look):
                self._wait(waits_for)

    def _look_at_begun(self) -> None:
        if self._begun is not None and self._service.has_ended(self._begun):
            self._begun = None
            if self._said:
                self._tell(self._said)

    def _next(self, look: Look) -> Step | None:
        context = self._context
        live, earlier = versions(context.ledger.service())
        if live is None:
            raise RefusedError(never_in_service(context.ledger, context.repository))
        if not live.digest:
            raise RefusedError(
                f"the ledger has no digest of version {live.number}, which an early release has promoted; needed: a "
                "version with one. Promote another one."
            )
        alias, kept = self._service.alias(live), self._destination.kept
        return next_step(live, alias, earlier, look.deployments, kept=kept, busy=bool(look.running))

    def _take(self, step: Step, look: Look) -> list[str]:
        """Begin a step; return the operations that have to end first."""
        if isinstance(step, MoveTraffic):
            return self._move(step, look)
        if isinstance(step, Deploy):
            return self._deploy(step.version)
        alias = step.deployment.alias
        self._done.discard(f"deployed {alias}")
        self._begin(self._service.undeploy(step.deployment.id), f"undeployed {alias}")
        return []

    def _begin(self, begun: Begun, said: str) -> None:
        self._begun, self._said = begun, said
        self._own.add(begun.name)

    def _move(self, step: MoveTraffic, look: Look) -> list[str]:
        try:
            self._service.move_traffic(step.id, look.etag)
        except EndpointBusyError as error:
            if not look.running:
                raise
            if self._refused != step.id:
                self._tell(f"{step.version.number} gets traffic when {', '.join(look.running)} has ended: {error}")
            self._refused = step.id
            return look.running
        self._tell(f"{step.version.number} has all traffic")
        return []

    def _deploy(self, version: ServedVersion) -> list[str]:
        service, alias = self._service, self._service.alias(version)
        if f"deployed {alias}" in self._done:
            raise VertexError(
                f"{self._destination.endpoint_name} does not have version {version.number}, which was just deployed "
                "to it; somebody may have undeployed it. Look at the endpoint, and repeat."
            )
        if running := service.uploads():  # before the question, so that one that ends in between is not overlooked
            return running
        if service.is_uploaded(version):
            self._tell(f"deploying {version.number}; this takes minutes")
            self._begin(service.deploy(version), f"deployed {version.number}")
            self._done.add(f"deployed {alias}")
            return []
        if f"uploaded {alias}" in self._done:
            raise VertexError(
                f"{self._destination.model_name} does not have version {version.number}, which was just uploaded; "
                "somebody may have deleted it, or its alias. Look at the Model Registry, and repeat."
            )
        address = address_of(self._destination, version)
        _require_copy(version, address, self._stored)
        self._tell(f"uploading {version.number} from {address}")
        self._begin(service.upload(version), "")
        self._done.add(f"uploaded {alias}")
        return []

    def _wait(self, names: list[str]) -> None:
        now = time.monotonic()
        if names != self._waited:
            self._waited, self._since = names, now
            if others := [name for name in names if name not in self._own]:
                self._tell(f"waiting for {', '.join(others)}, which an earlier pass or somebody else has begun")
        if now - self._since > PATIENCE_SECONDS:
            raise VertexError(
                f"{', '.join(names)} at Vertex AI has not ended after {PATIENCE_SECONDS:g} s, and goes on. Look at "
                "model and endpoint in the console; the next pass waits for it."
            )
        time.sleep(LOOK_SECONDS)


def _require_copy(version: ServedVersion, address: str, stored: Callable[[str], Stored]) -> None:
    advice = "run `copy-models --to` with the address, and repeat."
    try:
        found = manifest.parsed(stored(address).text(manifest.PLACE), f"{address}/{manifest.PLACE}", advice).digest
    except MissingObjectError as error:
        raise CopyMissingError(
            f"version {version.number} is not at {address}, or not complete: there is no {manifest.PLACE}; {advice}"
        ) from error
    except ManifestError as error:
        raise VertexError(f"version {version.number} cannot be uploaded: {error}") from error
    if found != version.digest:
        raise VertexError(
            f"{address} has another model than version {version.number}: the digest of its manifest is {found}, and "
            f"the ledger's {version.digest}; {advice}"
        )
