"""Runs retention in order: the versions that are kept decide which artifacts are kept, and these which spans."""

import datetime as dt
from dataclasses import dataclass

from tfx_modules.artifact_store.store import ArtifactStore
from tfx_modules.promotion.ledger import find_ledger
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.retention.artifacts import Artifacts
from tfx_modules.retention.environment import Adopted, Environment
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.files.folder import PipelineFolder
from tfx_modules.retention.files.stored import StoredFolder
from tfx_modules.retention.limits import Newest, clock_objection, share_objection
from tfx_modules.retention.logs import Logs
from tfx_modules.retention.plan import Item
from tfx_modules.retention.request import Places, RetentionRules
from tfx_modules.retention.restored.settling import Settled, settle_restored
from tfx_modules.retention.results.scores import Scores
from tfx_modules.retention.spans import Spans
from tfx_modules.retention.store.graph import Survey
from tfx_modules.retention.versions import Versions


@dataclass(frozen=True)
class Retained:
    """What a retention has removed, or would remove."""

    items: list[Item]
    objections: tuple[str, ...] = ()
    """Of a dry run: why retention would refuse to remove the items."""


class Retention:
    """The parts of one retention.

    Args:
        rules: how much of each kind is kept.
        places: the databases and folders.
        now: the time, with its zone.

    Raises:
        PipelineError: an address is not allowed, or the ledger cannot be used.
    """

    def __init__(self, rules: RetentionRules, places: Places, now: dt.datetime) -> None:
        ledger, repository = find_ledger(places.ledger, places.name), ModelRepository(places.models)
        self._rules = rules
        self._places = places
        self._now = now
        self._versions = Versions(ledger, repository, rules.keep_versions, now)
        self._artifacts = Artifacts(places.metadata, places.name, _files_of(places), rules.keep_artifact_days, now)
        self._spans = Spans(places.spans, rules.keep_span_days, rules.keep_span_versions, now)
        self._scores = Scores(places.scores, rules.keep_score_days, now)
        self._logs = Logs(places.logs, rules.keep_log_days, now)
        self._environment = Environment(ledger, repository, self._artifacts, places.spans)

    def retain(self, *, dry_run: bool, trust_clock: bool) -> Retained:
        """Remove what the rules say, or only list it; see :func:`retain`."""
        # Everything is checked and planned before anything is removed: what cannot be done leaves all as it is.
        survey = self._environment.check()
        of_versions, sources = self._versions.plan()
        of_artifacts, read = self._artifacts.plan(sources)
        of_spans, of_scores, of_logs = self._spans.plan(read), self._scores.plan(), self._logs.plan()
        items = [*of_versions, *of_artifacts, *of_spans, *of_scores, *of_logs]
        objections = self._objections(items, survey, trust_clock=trust_clock)
        if dry_run:
            return Retained(items, objections)
        if objections:
            raise RetentionError(" ".join(objections))
        self._environment.mark(survey)
        return Retained(
            [
                *self._versions.carry_out(of_versions),
                *self._artifacts.carry_out(of_artifacts, sources),
                *self._spans.carry_out(of_spans),
                *self._scores.carry_out(of_scores),
                *self._logs.carry_out(of_logs),
            ]
        )

    def adopt(self, *, dry_run: bool) -> list[Adopted]:
        """Give the ledger's environment id to all other places; see :meth:`Environment.adopt`."""
        return self._environment.adopt(dry_run=dry_run)

    def settle(self) -> Settled:
        """Bring restored folders in line with restored databases; see :func:`settle_restored`."""
        return settle_restored(self._places, self._artifacts)

    def _objections(self, items: list[Item], survey: Survey, *, trust_clock: bool) -> tuple[str, ...]:
        if not items:
            return ()
        totals = {
            **self._versions.totals(),
            **self._artifacts.totals(survey),
            **self._spans.totals(),
            **self._scores.totals(),
            **self._logs.totals(),
        }
        newest = Newest(event=self._versions.newest(), execution=survey.newest, span=self._spans.newest())
        clock = "" if trust_clock else clock_objection(newest, self._rules, self._now)
        return tuple(filter(None, (share_objection(items, totals, self._rules), clock)))


def _files_of(places: Places) -> PipelineFolder:
    if not places.artifact_store:
        return PipelineFolder(places.pipeline)
    return StoredFolder(places.pipeline, ArtifactStore(places.artifact_store))


def retain(
    rules: RetentionRules, places: Places, *, dry_run: bool, now: dt.datetime, trust_clock: bool = False
) -> Retained:
    """Remove what the rules say, or only list it.

    Args:
        rules: how much of each kind is kept, and which share of a kind may go at once.
        places: the databases and folders.
        dry_run: whether to change nothing.
        now: the time, with its zone.
        trust_clock: whether to go on where the time does not fit what was written last.

    Returns:
        The removed items; in a dry run, those that would be removed, and what is objected to that.

    Raises:
        PipelineError: the ledger or ML Metadata cannot be used, or the places are not of one environment; or too much
            would go, or the clock cannot be right. Nothing was removed.
        OSError: something cannot be removed; what was removed before stays removed.
    """
    return Retention(rules, places, now).retain(dry_run=dry_run, trust_clock=trust_clock)
