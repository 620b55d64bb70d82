"""Decides the next step towards an endpoint that serves the version in service. Pure.

One step at a time: ledger and endpoint are read anew after each, for a step takes minutes, and a version may be
promoted or rolled back meanwhile. A version gets traffic when it is deployed and still in service, all of it at once.
What was deployed by others is never touched, beside losing its traffic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tfx_modules.promotion.history import Service

_SHOWN = 16
WHOLE = 100
"""Percent."""


@dataclass(frozen=True)
class ServedVersion:
    """A version, by its number and its files."""

    number: int
    digest: str
    """The ledger's."""

    @property
    def alias(self) -> str:
        """Its name in Vertex AI: the same for the same files alone, so that nothing is uploaded twice."""
        return f"v{self.number}-{self.digest[:_SHOWN]}"


@dataclass(frozen=True)
class Deployment:
    """A version that the endpoint can send traffic to."""

    id: str
    alias: str
    """Of a version that this command has deployed; empty: others did."""
    traffic: int
    """Percent of the endpoint's."""


@dataclass(frozen=True)
class Deploy:
    """The version in service is not deployed: upload it where it is not in the registry, and deploy it."""

    version: ServedVersion


@dataclass(frozen=True)
class MoveTraffic:
    """The version in service is deployed, and does not have all traffic."""

    version: ServedVersion
    id: str


@dataclass(frozen=True)
class Undeploy:
    """A version has no traffic, and is not kept."""

    deployment: Deployment


Step = Deploy | MoveTraffic | Undeploy


def next_step(live: ServedVersion, kept: Sequence[ServedVersion], there: Sequence[Deployment]) -> Step | None:
    """Return the next step; None: there is nothing to do.

    Args:
        live: the version in service.
        kept: versions that stay deployed if they are.
        there: the endpoint's deployments.
    """
    of_live = [item for item in there if item.alias == live.alias]
    if not of_live:
        return Deploy(live)
    serving = max(of_live, key=lambda item: item.traffic)
    if serving.traffic != WHOLE:
        return MoveTraffic(live, serving.id)
    stays = {live.alias: serving.id}
    wanted = {version.alias for version in kept}
    for item in there:
        if item.alias in wanted:
            stays.setdefault(item.alias, item.id)
    gone = [item for item in there if item.alias and stays.get(item.alias) != item.id]
    return Undeploy(gone[0]) if gone else None


def versions(service: Service, kept: int) -> tuple[ServedVersion | None, list[ServedVersion]]:
    """Return the version in service, and those that a rollback would go back to, the next one first.

    Args:
        service: the ledger's state.
        kept: how many of the latter.
    """
    earlier = (number for number in reversed(service.past) if number != service.live)
    before = [number for number in dict.fromkeys(earlier) if number not in service.rolled_back][:kept]
    live = None if service.live is None else _version(service, service.live)
    return live, [_version(service, number) for number in before]


def _version(service: Service, number: int) -> ServedVersion:
    return ServedVersion(number, service.digest_of(number))
