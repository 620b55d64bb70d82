"""Refreshes a window of two days from files that were delivered, in a folder that holds all of it."""

import datetime as dt
import json
import logging
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.sdk import DAG
from airflow.utils.types import DagRunType
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.tries import MadeUpTry
from tests.support import airflow_home

__all__ = ["airflow_home"]

DAYS = (dt.date(2026, 11, 4), dt.date(2026, 11, 5))
CORRECTION = "Corrected: "


def deliver(folder: Path, *, correction: str = "", bad: int = 1) -> None:
    """Deliver both days; each has reviews, unusable rows, and a text with both labels."""
    (folder / "delivered").mkdir(parents=True, exist_ok=True)
    (folder / "holdout-v1.csv").write_text("review,sentiment\nHeld out.,positive\n")
    for day in DAYS:
        rows = [f"{day}-{number},{correction}Film {number} of {day}.,positive" for number in range(20)]
        rows += [f"{day}-b{number},Both ways.,{label}" for number, label in enumerate(("negative", "positive"))]
        rows += [f"{day}-u{number},Unlabelled {number}.,perhaps" for number in range(bad)]
        (folder / "delivered" / f"{day}.csv").write_text("\n".join(["id,review,sentiment", *rows]) + "\n")


def refresh(folder: str, day: str = str(DAYS[-1])) -> dict[str, Any]:
    """Run the task for a day, the second one if none is named; return what it returns, with its JSON read."""
    values = {
        "root": folder,
        "state": f"{folder}/state",
        "feed": "files",
        "files_pattern": f"{folder}/delivered/{{date}}*.csv",
        "first_day": str(DAYS[0]),
        "window_days": "2",
        "allowed_gaps": str(DAYS[0]),
        "holdout": f"{folder}/holdout-v1.csv",
        "max_bad_share": "0.3",
    }
    moment = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), tzinfo=dt.timezone.utc)
    run = SimpleNamespace(
        run_type=DagRunType.MANUAL, run_after=moment, logical_date=moment, data_interval_start=moment, conf={}
    )
    given: Any = {
        "dag": DAG("refreshed", schedule=None),
        "dag_run": run,
        "params": {"data_date": None},
        "ti": MadeUpTry("refresh_data"),
    }
    result = DataRefreshOperator(task_id="refresh_data", settings=settings_from(values)).execute(given)
    return {**result, "span_versions": json.loads(str(result["span_versions"]))}


def refresh_today(folder: str) -> dict[str, Any]:
    """Run the task for the day that the clock says."""
    return refresh(folder, str(dt.datetime.now(dt.timezone.utc).date()))


def rehearse() -> None:
    """Do all of it once somewhere else, so that forked processes find every module imported and warm."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        deliver(Path(folder))
        refresh(folder)
