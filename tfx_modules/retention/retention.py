"""Runs retention in order: the versions that are kept decide which artifacts are kept, and these which spans."""

import datetime as dt

from tfx_modules.promotion.ledger import find_ledger
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.retention.artifacts import Artifacts
from tfx_modules.retention.logs import Logs
from tfx_modules.retention.plan import Item
from tfx_modules.retention.request import Places, RetentionRules
from tfx_modules.retention.spans import Spans
from tfx_modules.retention.versions import Versions


def retain(rules: RetentionRules, places: Places, *, dry_run: bool, now: dt.datetime) -> list[Item]:
    """Remove what the rules say, or only list it.

    Args:
        rules: how much of each kind is kept.
        places: the databases and folders.
        dry_run: whether to change nothing.
        now: the time, with its zone.

    Returns:
        The removed items; in a dry run, those that would be removed.

    Raises:
        PipelineError: the ledger or ML Metadata cannot be used, or contradicts what is there.
        OSError: something cannot be removed; what was removed before stays removed.
    """
    versions = Versions(
        find_ledger(places.ledger, places.name), ModelRepository(places.models), rules.keep_versions, now
    )
    artifacts = Artifacts(places.metadata, places.pipeline, rules.keep_artifact_days, now)
    spans = Spans(places.spans, rules.keep_span_days, rules.keep_span_versions, now)
    logs = Logs(places.logs, rules.keep_log_days, now)
    # All plans are made before anything is removed: when one cannot be made, nothing is changed.
    of_versions, sources = versions.plan()
    of_artifacts, read = artifacts.plan(sources)
    of_spans, of_logs = spans.plan(read), logs.plan()
    if dry_run:
        return [*of_versions, *of_artifacts, *of_spans, *of_logs]
    return [
        *versions.carry_out(of_versions),
        *artifacts.carry_out(of_artifacts, sources),
        *spans.carry_out(of_spans),
        *logs.carry_out(of_logs),
    ]
