"""Decides the next step towards an endpoint that serves the version in service. Pure.

One step at a time: endpoint and ledger are read anew after each and while it takes minutes, for a version may be
promoted or rolled back meanwhile. While one is being taken, traffic alone is moved. A version gets traffic when it is
deployed and still in service, all of it at once.
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
    def files(self) -> str:
        """Its name without what serves it: the same for the same files alone."""
        return f"v{self.number}-{self.digest[:_SHOWN]}"


@dataclass(frozen=True)
class Deployment:
    """A version that the endpoint can send traffic to."""

    id: str
    alias: str
    """Of a version that this command has deployed: its files, ``-`` and what serves them; empty: others did."""
    traffic: int
    """Percent of the endpoint's."""
    ready: bool = True
    """Whether it can get traffic: it is not being deployed or undeployed."""

    @property
    def files(self) -> str:
        """The name of the version's files; empty as the alias is."""
        return self.alias.rpartition("-")[0]


@dataclass(frozen=True)
class Deploy:
    """The version in service is not deployed as it is to be: upload it where the registry lacks it, and deploy it."""

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


def next_step(
    live: ServedVersion,
    alias: str,
    earlier: Sequence[ServedVersion],
    there: Sequence[Deployment],
    *,
    kept: int,
    busy: bool = False,
) -> Step | None:
    """Return the next step; None: there is nothing to do, or nothing before what runs has ended.

    Args:
        live: the version in service.
        alias: its name together with what is to serve it. Another image makes another one; until that is deployed,
            what is deployed of the same files serves.
        earlier: versions that rollbacks would go back to, the next one first.
        there: the endpoint's deployments.
        kept: so many of the earlier ones stay that are deployed, whatever serves them. What was promoted and replaced
            before it was deployed is not counted.
        busy: whether something is being uploaded, deployed or undeployed.
    """
    of_live = [item for item in there if item.files == live.files and item.ready]
    wanted = [item for item in of_live if item.alias == alias]
    serving = max(wanted or of_live, key=lambda item: item.traffic, default=None)
    if serving is not None and serving.traffic != WHOLE:
        return MoveTraffic(live, serving.id)
    if busy:
        return None
    if serving is None or not wanted:
        return Deploy(live)
    stays = {live.files: serving.id}
    deployed = {item.files: item.id for item in reversed(there)}
    back = [version.files for version in earlier if version.files in deployed and version.files not in stays]
    stays |= {files: deployed[files] for files in back[:kept]}
    gone = [item for item in there if item.alias and stays.get(item.files) != item.id]
    return Undeploy(gone[0]) if gone else None


def versions(service: Service) -> tuple[ServedVersion | None, list[ServedVersion]]:
    """Return the version in service, and those that rollbacks would go back to, the next one first."""
    earlier = (number for number in reversed(service.past) if number != service.live)
    before = [number for number in dict.fromkeys(earlier) if number not in service.rolled_back]
    live = None if service.live is None else _version(service, service.live)
    return live, [_version(service, number) for number in before]


def _version(service: Service, number: int) -> ServedVersion:
    return ServedVersion(number, service.digest_of(number))
