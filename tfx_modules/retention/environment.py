"""Checks that ledger, ML Metadata and folders are of one environment, before retention believes any of them.

All carry the environment's id (``tfx_modules.promotion.environment``). A place without one, as those of an installation
that is older than the ids, gets it when what it holds fits the others; ``adopt`` gives it by hand.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.promotion import agreement, history
from tfx_modules.promotion.environment import ADOPT, Place, place_of, require_same, write_marker
from tfx_modules.promotion.events import Event
from tfx_modules.promotion.exceptions import EnvironmentMismatchError
from tfx_modules.promotion.ledger import Ledger
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.retention.artifacts import Artifacts
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.store.graph import Survey

MOST_ASTRAY = 0.5
"""Share of artifacts that may be elsewhere, and of folders that may be unknown, in a store that gets its id."""


@dataclass(frozen=True)
class Adopted:
    """A place whose id was set by hand."""

    name: str
    before: str
    after: str


class Environment:
    """The places of one environment.

    Args:
        ledger: None: there is none yet.
        repository: the folders of models.
        artifacts: the ML Metadata store, and the pipeline's folder.
        spans: the folder of reviews.
    """

    def __init__(self, ledger: Ledger | None, repository: ModelRepository, artifacts: Artifacts, spans: Path) -> None:
        self._ledger = ledger
        self._repository = repository
        self._artifacts = artifacts
        self._folders = (repository.served, artifacts.root, spans)

    def check(self) -> Survey:
        """Compare the ids, and what the places hold.

        Returns:
            What ML Metadata and the pipeline's folder hold.

        Raises:
            EnvironmentMismatchError: they are not of one environment, or do not fit each other.
        """
        survey = self._artifacts.survey()
        others = [*map(place_of, self._folders), Place(self._artifacts.name, survey.environment)]
        if (stored := self._artifacts.files.usable_store()) is not None:
            others.append(stored)
        if self._ledger is None:
            self._require_no_ids(others)
            return survey
        with self._ledger.exclusive() as held:
            require_same([held.environment, *others])
            agreement.check(held, self._repository)
            events = held.events()
        self._check_store(events, survey, others)
        return survey

    def mark(self, survey: Survey) -> None:
        """Give the ledger's id to the places that have none; after :meth:`check`."""
        if self._ledger is None:
            return
        with self._ledger.exclusive() as held:
            environment = str(held.environment.id)
        for folder in self._folders:
            if folder.is_dir() and place_of(folder).id is None:
                write_marker(folder, environment)
        if (stored := self._artifacts.files.store()) is not None and stored.id is None:
            self._artifacts.files.mark_store(environment)
        if survey.environment is None:
            self._artifacts.set_environment(environment)

    def adopt(self, *, dry_run: bool) -> list[Adopted]:
        """Give the ledger's id to all places that are there, whatever they have.

        Args:
            dry_run: whether to change nothing.

        Returns:
            The places, with their ids before and after.

        Raises:
            RetentionError: there is no ledger.
        """
        if self._ledger is None:
            raise RetentionError(
                "there is no ledger whose environment id the other places could get. Correct [bert_service] ledger, or "
                "promote a model first, which makes a ledger."
            )
        with self._ledger.exclusive() as held:
            ledger = held.environment
        environment = str(ledger.id)
        rows = [Adopted(ledger.name, environment, environment), *self._adopted(environment)]
        if not dry_run:
            for folder in self._folders:
                if folder.is_dir():
                    write_marker(folder, environment)
            self._artifacts.files.mark_store(environment)
            self._artifacts.set_environment(environment)
        return rows

    def _adopted(self, environment: str) -> Iterator[Adopted]:
        for folder in self._folders:
            before = "damaged"
            with suppress(EnvironmentMismatchError):
                before = place_of(folder).id or "none"
            is_there = folder.is_dir()
            yield Adopted(
                f"the folder {folder}",
                before if is_there else "not there",
                environment if is_there else "at its first use",
            )
        if (stored := self._artifacts.files.store()) is not None:
            yield Adopted(stored.name, stored.id or "none", environment)
        before = ", ".join(self._artifacts.environments())
        is_there = self._artifacts.has_store
        yield Adopted(
            self._artifacts.name,
            before or ("none" if is_there else "not there"),
            environment if is_there else "at its first use",
        )

    def _require_no_ids(self, places: Sequence[Place]) -> None:
        served = sorted(self._repository.served_versions())
        if served:
            return  # the plan of the versions tells it
        for place in places:
            if place.id is not None:
                raise EnvironmentMismatchError(
                    f"there is no ledger at [bert_service] ledger, and {place.name} has environment id {place.id}; "
                    f"allowed: the ledger of that environment. Nothing was removed. {place.advice}"
                )

    def _check_store(self, events: Sequence[Event], survey: Survey, places: Sequence[Place]) -> None:
        if not survey.executions and not survey.folders:
            return
        live = history.service(events).live
        promotion = history.promotion_of(events, live) if live is not None else None
        if promotion and promotion.run and promotion.run.run_id not in survey.runs:
            raise EnvironmentMismatchError(
                f"{self._artifacts.name} does not know run {promotion.run.run_id}, which has promoted version {live} "
                f"in service, and {self._artifacts.root} has {survey.folders} folders of executions; allowed: the "
                "store of this environment. Nothing was removed. Correct [bert_service] metadata; where the store was "
                "begun anew on purpose, promote a model with it first."
            )
        self._check_fit(survey, places)

    def _check_fit(self, survey: Survey, places: Sequence[Place]) -> None:
        """Check a store and a pipeline's folder of which one has no id."""
        names = (self._artifacts.name, f"the folder {self._artifacts.root}")
        if all(place.id is not None for place in places if place.name in names):
            return
        for part, whole, what in (
            (survey.astray, survey.artifacts, f"of its artifacts are not in {self._artifacts.root}"),
            (survey.unknown, survey.folders, f"folders of executions in {self._artifacts.root} are unknown to it"),
        ):
            if part > MOST_ASTRAY * whole:
                raise EnvironmentMismatchError(
                    f"{self._artifacts.name} and {names[1]} do not both have an environment id, and do not fit each "
                    f"other: {part} of {whole} {what}. Nothing was removed. {ADOPT}"
                )
