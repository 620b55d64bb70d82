"""Scores the texts of a day, a piece at a time, and writes them as the day's partition."""

import itertools
import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tfx_modules.exceptions import BatchScoringError
from tfx_modules.scoring.choosing import ChosenVersion, choose
from tfx_modules.scoring.file_formats import rows_file
from tfx_modules.scoring.partition import partition, partition_file
from tfx_modules.scoring.request import ScoringRequest
from tfx_modules.scoring.rows import Provenance, ScoredRow, Text
from tfx_modules.scoring.scorer import Scorer
from tfx_modules.serving.flags.batching_flags import cores
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.models.model import ServedModel, load_model

PIECE = 2048
"""Texts that are in memory at a time, and among which those of like length are looked for."""
_EVERY = 10.0
"""Seconds between two lines of the log."""

_logger = logging.getLogger(__name__)


@dataclass
class DayReport:
    """What was written. The counts grow while the day is scored."""

    file: Path
    provenance: Provenance
    rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    """Number of rows by label; of a multilabel task, a row counts for each of its labels."""
    errors: Counter[str] = field(default_factory=Counter)
    """Number of rows that were not scored, by error."""
    seconds: float = 0.0
    """From the first text to the last row; loading is not in it."""

    def add(self, rows: Iterable[ScoredRow]) -> None:
        """Count some rows."""
        for row in rows:
            self.rows += 1
            if row.score.error is not None:
                self.errors[row.score.error] += 1
            elif row.score.label is not None:
                self.labels[row.score.label] += 1
            self.labels.update(row.score.chosen or ())


def score_day(request: ScoringRequest, texts: Iterable[Text]) -> DayReport:
    """Score a day's texts, and put the day's partition in place of an earlier one.

    Args:
        request: the day, the version, the place.
        texts: the day's, taken a piece at a time. An error that they raise leaves the day as it was.

    Raises:
        PipelineError: there is no such version, or it cannot be loaded, or fails; or no text could be scored.
        OSError: the partition cannot be written; the day is as it was.
    """
    chosen, model = _loaded(request)
    provenance = Provenance(chosen.version, chosen.digest, str(model.engine))
    _logger.info("%s is scored with version %d by %s", request.day, chosen.version, provenance.engine)
    report = DayReport(partition_file(request.scores, request.day, request.file_format), provenance)
    rows = iter(texts)
    with (
        Scorer(model, cores()) as scorer,
        partition(request.scores, request.day, request.file_format) as file,
        rows_file(file, request.file_format, provenance, has_sets=scorer.has_sets) as written,
    ):
        began = told = time.monotonic()
        while piece := list(itertools.islice(rows, PIECE)):
            scored = scorer.score(piece)
            written.write(scored)
            report.add(scored)
            report.seconds = time.monotonic() - began
            if time.monotonic() - told >= _EVERY:
                told = time.monotonic()
                _logger.info("%d texts, %.0f a second", report.rows, report.rows / report.seconds)
        _check(report, request)  # here, where an error leaves the day as it was
    return report


def _loaded(request: ScoringRequest) -> tuple[ChosenVersion, ServedModel]:
    try:
        chosen = choose(request)
        return chosen, load_model(chosen.folder, engine=EngineChoice.AUTO)
    except OSError as error:
        raise BatchScoringError(
            f"the version to score with cannot be read: {error}. Nothing was written. Correct this, and run again."
        ) from error


def _check(report: DayReport, request: ScoringRequest) -> None:
    """Check that at least one text was scored.

    Raises:
        BatchScoringError: there was no text, or none that could be scored.
    """
    if not report.rows:
        raise BatchScoringError(f"{request.day} has no texts; allowed: one or more. Nothing was written.")
    if report.errors.total() == report.rows:
        errors = ", ".join(f"{error} {count}" for error, count in sorted(report.errors.items()))
        raise BatchScoringError(
            f"no text of {request.day} could be scored ({errors}); needed: one or more. The day is as it was. Look at "
            "what the feed delivers, and which column it takes for the text."
        )
