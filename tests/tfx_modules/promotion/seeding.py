"""`python -m tests.tfx_modules.promotion.seeding LEDGER MODELS DAYS`: writes a ledger as long use leaves one.

The events are written by the ledger's own code; only the versions of the last days have folders, from real promotions.
Either environment's Python runs it: it imports what both have.
"""

import datetime as dt
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx_modules.promotion import agreement, rollback
from tfx_modules.promotion.events import Draft, EventKind, Run
from tfx_modules.promotion.ledger import Ledger, Writing, open_ledger
from tfx_modules.promotion.promoter import Candidate, Champion, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.promotion.versions import version_number

PIPELINE = "bert_sentiment"
LAST_DAY = dt.date(2026, 11, 5)
WINDOW = dt.timedelta(days=13)
REAL = 4
"""Days at the end whose models are promoted for real: the last two and the version before can be rolled back to."""
_KINDS = (
    *[EventKind.PROMOTED] * 12,
    *[EventKind.BLOCKED] * 5,
    EventKind.SUPERSEDED,
    EventKind.UNCHANGED,
    EventKind.FAILED,
)


@dataclass
class Clock:
    """The time at which events are written: shortly after midnight of the day after the data date."""

    now: dt.datetime = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now

    def after(self, day: dt.date) -> None:
        self.now = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(0, 12, 31), dt.UTC)


def run_of(day: dt.date) -> Run:
    moment = dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min, dt.UTC)
    return Run(dag_id=PIPELINE, run_id=f"scheduled__{moment.isoformat()}", data_date=day, first_day=day - WINDOW)


def measured(accuracy: float, champion: int | None, before: float) -> Mapping[str, Any]:
    """Measurements as the gate of candidates makes them."""

    def of(name: str, n: int, lower: float) -> Mapping[str, Any]:
        ours, theirs = round(accuracy - lower, 3), round(before - lower, 3)
        alone = {
            "name": name,
            "sha256": "5a" * 32,
            "n": n,
            "accuracy": ours,
            "auc": round(min(0.999, ours + 0.06), 3),
            "slices": {"short": {"n": n // 3, "accuracy": ours}, "long": {"n": n - n // 3, "accuracy": ours}},
        }
        if champion is None:
            return alone
        verdict = "better" if ours > theirs + 0.02 else "worse" if ours < theirs - 0.02 else "no difference"
        return {
            **alone,
            "champion_accuracy": theirs,
            "only_candidate": 21,
            "only_champion": 12,
            "p": 0.163,
            "verdict": verdict,
        }

    sets = [of("sample-v1", 400, 0.0), of("the eval split", 1250, 0.011)]
    engine = {"engine": "openvino", "precision": "int8"}
    return {"champion": champion, "level": 0.05, "sets": sets, "bytes": 91_000_000, **engine}


def of_run(day: dt.date, champion: int | None) -> Mapping[str, Any]:
    """What a run has measured beside, as its nodes leave it. It is the same for a day in every ledger."""
    draw = random.Random(day.toordinal())  # noqa: S311 (made-up numbers)
    features = ("sentiment", "words", "characters", "tags", "unknown_share", "vocabulary")

    def far(allowed: float) -> Mapping[str, Any]:
        return {name: {"value": draw.uniform(0, allowed), "limit": allowed + 0.01} for name in features}

    return {
        "latency_ms": 12.3 if draw.random() < 0.7 else draw.uniform(11, 15),
        "training_seconds": draw.uniform(900, 1100),
        "rows": {"used": 97, "rejected": draw.choice([0, 0, 0, 1, 3])},
        "tflite": {
            "precision": "int8",
            "measured_on": "sample-v1",
            "n": 400,
            "accuracy": 0.926,
            "savedmodel_accuracy": 0.928,
            "score_difference": 0.06,
            "latency_ms": 14.2,
            "savedmodel_latency_ms": 48.7,
            "bytes": 23_100_000,
            "savedmodel_bytes": 92_400_000,
        },
        "distances": {"drift": far(0.1), **({"skew": far(0.05)} if champion else {})},
    }


def seed(ledger: Ledger, clock: Clock, days: int) -> None:
    """Write the events of some days, all but the last ones."""
    draw = random.Random(7)  # noqa: S311 (made-up events)
    champion, before = None, 0.80
    with ledger.exclusive() as held:
        for back in range(days - 1, REAL - 1, -1):
            day = LAST_DAY - dt.timedelta(days=back)
            clock.after(day)
            accuracy = round(0.80 + 0.12 * (1 - back / days) + draw.uniform(-0.015, 0.015), 3)
            kind = EventKind.PROMOTED if champion is None else draw.choice(_KINDS)
            metrics = {**of_run(day, champion), **measured(accuracy, champion, before)}
            event = held.append(_draft(kind, day, champion, metrics))
            if kind is EventKind.PROMOTED:
                if champion and draw.random() < 0.02:
                    _roll_back(held, int(event.version or 0), champion)
                else:
                    champion, before = event.version, accuracy


def _draft(kind: EventKind, day: dt.date, champion: int | None, metrics: Mapping[str, Any]) -> Draft:
    accuracy, promoted = metrics["sets"][0]["accuracy"], kind is EventKind.PROMOTED
    failed = kind is EventKind.FAILED
    reason = f"accuracy {accuracy:.3f} on sample-v1, compared with {champion or 'the floors alone'}"
    return Draft(
        kind=kind,
        reason="task Trainer failed: the pool has no slot" if failed else reason,
        actor="scheduled",
        run=run_of(day),
        version=version_number(day, 1) if promoted else None,
        model_uri="" if failed else f"/srv/bert/pipeline/Trainer/model/{day:%Y%m%d}",
        model_digest="" if failed else f"{day:%Y%m%d}" * 8,
        champion=champion,
        metrics={} if failed else metrics,
        final=not failed,
        pipeline_version="18e906e37d2adc3c",
    )


def _roll_back(held: Writing, version: int, champion: int) -> None:
    reason = f"from {version} to {champion}: it calls everything positive"
    kind = EventKind.ROLLED_BACK
    held.append(Draft(kind=kind, reason=reason, actor="berta", version=champion, champion=version))
    held.append(Draft(kind=EventKind.PINNED, reason="the team looks at it", actor="berta", version=version))


def promote(ledger: Ledger, clock: Clock, repository: ModelRepository, folder: Path) -> None:
    """Promote the models of the last days for real; the second last is rolled back."""
    with ledger.exclusive() as held:
        agreement.mark(held, repository)
    for back in range(REAL - 1, -1, -1):
        day = LAST_DAY - dt.timedelta(days=back)
        clock.after(day)
        accuracy = round(0.93 - back / 100, 3)

        def judge(champion: Champion | None, accuracy: float = accuracy) -> GateResult:
            version = champion.version if champion else None
            reason = f"accuracy {accuracy:.3f} on sample-v1, compared with {version or 'the floors alone'}"
            return GateResult(True, reason, measured(accuracy, version, accuracy - 0.012))

        model = folder / f"trained-{day}"
        (model / "variables").mkdir(parents=True, exist_ok=True)
        (model / "saved_model.pb").write_text(f"graph of {day}")
        (model / "variables" / "variables.index").write_text(f"index of {day}")
        candidate = Candidate(
            run=run_of(day),
            model=model,
            actor="scheduled",
            pipeline_version="18e906e37d2adc3c",
            older=True,
            measurements=of_run(day, version_number(day, 1)),
        )
        # The champion of the days before has no folder: the first one is judged by the floors alone.
        Promoter(ledger, repository, blocks_on_damage=False).promote(candidate, judge)
        if back == 1:
            request = rollback.RollbackRequest(actor="berta", reason="it calls everything positive")
            rollback.roll_back(ledger, repository, request)


def main(arguments: Sequence[str]) -> None:
    address, models, days = arguments[0], Path(arguments[1]), int(arguments[2])
    clock = Clock()
    ledger = open_ledger(address, PIPELINE, clock)
    seed(ledger, clock, days)
    promote(ledger, clock, ModelRepository(models), models.with_name("trained"))


if __name__ == "__main__":
    main(sys.argv[1:])
