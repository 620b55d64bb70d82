"""Brings restored folders in line with restored databases.

A backup copies the databases first and the folders after them, so the folders may have what came later: artifacts of
executions that ML Metadata does not know and whose ids it gives out anew, and versions of the model, with their cards,
that the ledger does not know and whose numbers it gives out anew. They are moved aside. Then the version in service is
the one that servers see.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.common.aside import move_aside
from tfx_modules.promotion.exports import folders
from tfx_modules.promotion.ledger import find_ledger
from tfx_modules.promotion.promoter import settle
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.retention.artifacts import Artifacts
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.request import Places


@dataclass(frozen=True)
class Settled:
    """What settling has done."""

    moved: tuple[tuple[Path, Path], ...]
    """What nothing knew, with where it is now."""
    live: int | None
    """The version in service; None: none is."""

    @property
    def text(self) -> str:
        """What people read."""
        lines = [f"moved aside: {path} -> {moved}" for path, moved in self.moved]
        live = f"{self.live} is in service" if self.live else "nothing is in service"
        return "\n".join([*lines, f"{len(lines)} moved aside that no database knows; {live}"])


def settle_restored(places: Places, artifacts: Artifacts) -> Settled:
    """Move aside what the databases do not know, and have the version in service served. Nothing else may run.

    It may be repeated.

    Raises:
        RetentionError: none of the artifacts that ML Metadata knows is there: store and folder do not belong together.
        PipelineError: a database cannot be used, the places are of different environments, or the version in service
            has no folder.
    """
    survey = artifacts.survey()
    if survey.artifacts and survey.astray == survey.artifacts:
        raise RetentionError(
            f"none of the {survey.artifacts} artifacts of {artifacts.name} is in {places.pipeline}; allowed: store and "
            "folder of one backup. Restore both from the same one. Nothing was changed."
        )
    moved = [(path, move_aside(path, places.pipeline)) for path in artifacts.unknown()]
    ledger, repository = find_ledger(places.ledger, places.name), ModelRepository(places.models)
    known = {event.version for event in ledger.events()} if ledger else set()
    moved += [(path, move_aside(path, path.parent)) for path in _of_versions(repository, known)]
    return Settled(tuple(moved), settle(ledger, repository).live if ledger else None)


def _of_versions(repository: ModelRepository, known: set[int | None]) -> Iterator[Path]:
    for version in sorted(repository.versions() - known):
        yield from (
            folder / str(version)
            for folder in (repository.served, repository.withdrawn)
            if (folder / str(version)).is_dir()
        )
    # A version that gets the number anew would keep the card of the one that was lost, and what was copied of it.
    yield from map(repository.card_of, sorted(repository.versions_with_card() - known))
    yield from (path for path, version in folders.copied(repository).items() if version not in known)
