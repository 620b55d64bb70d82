"""Promotes candidates: puts a candidate into service, or records why not. Each run gets exactly one verdict.

The ledger is the source of truth, and a promotion happens when its event is appended. All steps before can be repeated;
``settle`` carries out all steps after, and may be repeated by anybody.
"""

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tfx_modules.common.files import sync
from tfx_modules.promotion import agreement, history, manifest
from tfx_modules.promotion.approval import rules
from tfx_modules.promotion.events import Draft, Event, EventKind, Run
from tfx_modules.promotion.exceptions import (
    ChampionDamagedError,
    ChampionUnusableError,
    ManifestError,
    ModelRepositoryError,
    PromotionError,
)
from tfx_modules.promotion.exports import folders
from tfx_modules.promotion.history import Service
from tfx_modules.promotion.ledger import Ledger, Writing
from tfx_modules.promotion.moves import moving
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.promotion.versions import data_date, next_version

MOST_TURNS = 20
"""How often a candidate is compared anew because others were promoted meanwhile."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The model that a run asks to promote."""

    run: Run
    model: Path
    """A SavedModel's folder."""
    actor: str
    """Who asked for the run."""
    objections: tuple[str, ...] = ()
    """The objections of earlier gates, a line each; with one or more it is never promoted."""
    older: bool = False
    """Whether it may replace a model of newer data."""
    pipeline_version: str = ""
    """The version of the sources that the run uses; empty: not known."""
    needs_approval: bool = False
    """Whether a person must have approved it, unless its data date is older than the champion's."""
    measurements: Mapping[str, Any] = field(default_factory=dict)
    """What its run has measured before it is judged, as JSON values, for the verdict's ``metrics``."""


@dataclass(frozen=True)
class Champion:
    """The model in service, as the gate needs it for the comparison."""

    version: int
    folder: Path


@dataclass(frozen=True)
class GateResult:
    """The gate's result for a candidate and a champion."""

    passed: bool
    """Whether the candidate may replace the champion."""
    reason: str
    """One line with numbers, like ``accuracy 0.861 < 0.874 of 2026110301 on holdout-v1, p = 0.012``."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, as JSON values."""


Judge = Callable[[Champion | None], GateResult]
"""Compares the candidate with a champion, or with the floors alone. Raises ChampionUnusableError where it cannot."""


class Promoter:
    """Promotes candidates into one model repository, by one ledger.

    Args:
        ledger: gets the verdicts.
        repository: the versions' folders.
        blocks_on_damage: whether candidates are blocked while the champion's files are not those that were promoted;
            else they are judged without it.
    """

    def __init__(self, ledger: Ledger, repository: ModelRepository, *, blocks_on_damage: bool = True) -> None:
        self._ledger = ledger
        self._repository = repository
        self._blocks_on_damage = blocks_on_damage

    def promote(self, candidate: Candidate, judge: Judge) -> Event:
        """Decide a candidate's verdict, and carry it out; a run that has a verdict keeps it.

        The candidate is compared with the champion without holding the lock. When the lock has been taken and another
        version is in service, it is compared again, with that one.

        Args:
            candidate: the model, and what is known of it.
            judge: compares it with a champion; may be asked more than once.

        Returns:
            The verdict's event; a version that it promotes is in the served folder.

        Raises:
            NotApprovedError: a person must have approved the candidate, and nobody has; it has no verdict yet.
            PromotionError: the ledger or the served folder cannot be used; nothing is half done.
        """
        verdict = self._verdict(candidate.run) or self._decided(candidate, judge)
        self._repository.discard(_key(candidate))  # also what a killed try has left
        settle(self._ledger, self._repository)
        return verdict

    def judged(self, candidate: Candidate, judge: Judge) -> Draft:
        """Return the verdict that a candidate would get now, without recording it or promoting anything.

        Args:
            candidate: the model, and what is known of it.
            judge: compares it with the champion.

        Returns:
            The verdict; the one in the ledger, where the run has one.

        Raises:
            PromotionError: the ledger or the served folder cannot be used.
        """
        if found := self._verdict(candidate.run):
            return found
        return self._draft(candidate, manifest.describe(candidate.model), self._ledger.service(), judge)

    def _verdict(self, run: Run) -> Event | None:
        found = history.verdict_of(self._ledger.events(), run.dag_id, run.run_id)
        if found:
            _logger.info(
                "run %s already has a verdict, recorded at %s", run.run_id, found.at.isoformat(timespec="seconds")
            )
        return found

    def _decided(self, candidate: Candidate, judge: Judge) -> Event:
        try:
            with self._repository.reporting_disk_errors():
                staged, described = self._repository.stage(candidate.model, _key(candidate))
                try:
                    return self._decide(candidate, judge, staged, described)
                except (OSError, PromotionError):
                    # Only its own: another try of the run may be at work with another copy.
                    shutil.rmtree(staged, ignore_errors=True)
                    raise
        except ModelRepositoryError:
            # Another try of the run may have come to its end meanwhile, and have tidied up.
            if verdict := self._verdict(candidate.run):
                return verdict
            raise

    def _decide(self, candidate: Candidate, judge: Judge, staged: Path, described: manifest.Manifest) -> Event:
        for _ in range(MOST_TURNS):
            service = self._ledger.service()
            decision = self._draft(candidate, described, service, judge)
            with self._ledger.exclusive() as held:
                agreement.check(held, self._repository)
                events = held.events()
                if found := history.verdict_of(events, candidate.run.dag_id, candidate.run.run_id):
                    return found  # by another try of the same run
                if (now := history.service(events)).live == service.live:
                    if candidate.needs_approval:
                        of_model = (candidate.run.dag_id, candidate.run.run_id, described.digest)
                        decision = rules.conclude(decision, held.approval(*of_model))
                    return self._append(held, decision, now, staged)
            _logger.info("version %s went into service meanwhile; the candidate is compared again, with it", now.live)
        raise PromotionError(
            f"run {candidate.run.run_id}: others were promoted {MOST_TURNS} times while its model was compared. Clear "
            "the task when fewer runs end at the same time."
        )

    def _draft(self, candidate: Candidate, described: manifest.Manifest, service: Service, judge: Judge) -> Draft:
        kind, reason, metrics = _decision(
            candidate,
            described.digest,
            service,
            lambda: self._approved(candidate, described, service) or self._gate_result(service, judge),
        )
        return Draft(
            kind=kind,
            reason=reason,
            actor=candidate.actor,
            run=candidate.run,
            model_uri=str(candidate.model),
            model_digest=described.digest,
            champion=service.live,
            metrics={**candidate.measurements, **metrics, "bytes": described.size},
            final=True,
            pipeline_version=candidate.pipeline_version,
        )

    def _approved(self, candidate: Candidate, described: manifest.Manifest, service: Service) -> GateResult | None:
        """Return the judgement that a person has approved, so that what is promoted has the numbers that were seen."""
        approval = self._ledger.approval(candidate.run, described.digest) if candidate.needs_approval else None
        if approval is None or not approval.covers(described.digest, service.live):
            return None
        return GateResult(passed=True, reason=approval.reason, metrics=approval.metrics)

    def _gate_result(self, service: Service, judge: Judge) -> GateResult:
        if service.live is None:
            return judge(None)
        try:
            return self._compared(service, service.live, judge)
        except ChampionUnusableError as error:
            if self._blocks_on_damage and isinstance(error, ChampionDamagedError):
                return GateResult(
                    passed=False,
                    reason=f"the version in service, {service.live}, is damaged, and no model is compared with it: "
                    f'{error} To go on without comparing, set gate.damaged_champion = "floors".',
                )
            alone = judge(None)
            return replace(alone, reason=f"{alone.reason}; not compared with {service.live}: {error}")

    def _compared(self, service: Service, live: int, judge: Judge) -> GateResult:
        folder = self._champion_folder(service, live)
        try:
            return judge(Champion(live, folder))
        except ChampionUnusableError:
            moved_to = self._champion_folder(service, live)
            if moved_to == folder:
                raise
            return judge(Champion(live, moved_to))  # it was moved while the judge read it

    def _champion_folder(self, service: Service, live: int) -> Path:
        folder = self._usable_folder(service, live)
        if digest := service.digest_of(live):
            # Its files have it; a copy that was damaged would keep the judge from loading the model.
            manifest.note_digest(self._repository.served, live, digest)
        return folder

    def _usable_folder(self, service: Service, live: int) -> Path:
        try:
            return usable_folder(self._repository, service, live)
        except (ChampionDamagedError, FileNotFoundError):
            # Somebody may be moving it, or was killed meanwhile: it is looked at again when nobody can.
            with self._ledger.exclusive() as held:
                agreement.check(held, self._repository)
                with moving(held, self._repository):
                    return usable_folder(self._repository, service, live)

    def _append(self, held: Writing, decision: Draft, service: Service, staged: Path) -> Event:
        if decision.kind is EventKind.PROMOTED and decision.run:
            agreement.mark(held, self._repository)
            with moving(held, self._repository) as moves:
                taken = {*service.past, *self._repository.versions()}
                version = next_version(decision.run.data_date, taken)
                moves.publish(staged, version)
            decision = replace(decision, version=version)
        return held.append(decision)


def _key(candidate: Candidate) -> str:
    return f"{candidate.run.dag_id} {candidate.run.run_id}"


def settle(ledger: Ledger, repository: ModelRepository) -> Service:
    """Bring the served folder, and those of exports, in line with the ledger; may be repeated any time, by anybody.

    Returns:
        What is in service.

    Raises:
        ModelRepositoryError: the version in service has no folder, or one cannot be moved; or the disk refuses.
        LockLostError: the ledger's lock was lost meanwhile; nothing was moved since.
        EnvironmentMismatchError: ledger and folder are not of one environment.
    """
    with ledger.exclusive() as held, repository.reporting_disk_errors():
        agreement.check(held, repository)
        service = held.service()
        if service.live is not None:
            agreement.mark(held, repository)
            there = repository.versions()
            for version, digest in service.digests:
                if version in there:
                    manifest.note_digest(repository.served, version, digest)
            if service.live not in there:
                raise ModelRepositoryError(
                    f"version {service.live} is in service by the ledger, and has no folder in {repository.served} or "
                    f"{repository.withdrawn}. Put its folder back, or roll back to another version."
                )
            if repository.is_in_line(service.live):
                sync(repository.served)  # whoever moved the version may have been stopped before doing so
            else:
                with moving(held, repository) as moves:
                    moves.serve(service.live)
            _follow(repository, service.live, held)
    return service


def _follow(repository: ModelRepository, live: int, held: Writing) -> None:
    """Bring the copies of what the version carries in line; the version serves, whether they can be made or not."""
    try:
        folders.follow(repository, live, held.check)
    except OSError as error:
        _logger.error(  # noqa: TRY400 - its traceback says no more than its text
            "version %s serves, but what it carries for others could not be copied: %s. Check the disk and the rights "
            "of the folder, then run `bert-service models settle` (in a checkout `scripts/bert models settle`).",
            live,
            error,
        )


def usable_folder(repository: ModelRepository, service: Service, version: int) -> Path:
    """Return the folder of a version, after comparing its files with what was promoted.

    Args:
        repository: the versions' folders.
        service: the state of the ledger, which has the version's digest.
        version: the version.

    Raises:
        ChampionDamagedError: it has none, or its files are others.
    """
    try:
        folder = repository.folder(version)
        manifest.check(folder, service.digest_of(version))
    except (ModelRepositoryError, ManifestError) as error:
        raise ChampionDamagedError(str(error)) from error
    return folder


def _decision(
    candidate: Candidate, digest: str, service: Service, judged: Callable[[], GateResult]
) -> tuple[EventKind, str, Mapping[str, Any]]:
    """Decide by the first that applies of: objections, the same bytes, worse, older, good."""
    if candidate.objections:
        return EventKind.BLOCKED, "; ".join(candidate.objections), {}
    newest = data_date(service.live) if service.live else None
    is_older = newest is not None and candidate.run.data_date < newest
    same = service.version_of(digest)
    if same is not None and same == service.live and (is_older or candidate.run.data_date == newest):
        return EventKind.UNCHANGED, f"the model is the same, byte for byte, as {same}, which is in service", {}
    if same in service.rolled_back:
        return EventKind.BLOCKED, f"the model is the same, byte for byte, as {same}, which was rolled back", {}
    gate_result = judged()
    if not gate_result.passed:
        return EventKind.BLOCKED, gate_result.reason, gate_result.metrics
    if is_older and not candidate.older:
        reason = (
            f"data date {candidate.run.data_date} is before {newest} of {service.live} in service; {gate_result.reason}"
        )
        return EventKind.SUPERSEDED, reason, gate_result.metrics
    return EventKind.PROMOTED, gate_result.reason, gate_result.metrics
