"""A window is refreshed from an S3: its days become spans on the disk, and a corrected day a new version."""

import datetime as dt
import gzip
import json
import logging
from pathlib import Path
from typing import Any

from airflow_bert_service.ingestion.refresh import WindowRefresh
from airflow_bert_service.pipeline.task import Task
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.feeds.test_dated_files import bucket
from tests.plugins.s3 import s3_address

__all__ = ["bucket", "s3_address"]

DAYS = (dt.date(2026, 11, 4), dt.date(2026, 11, 5))


def deliver(store: Any, day: dt.date, text: str) -> None:
    lines = ["id,review,sentiment", f"{day}-1,{text} {day}.,positive", f"{day}-2,Dull {day}.,negative"]
    store.put_object(Key=f"reviews/{day}.csv.gz", Body=gzip.compress("\n".join(lines).encode()))


def refresh(store: Any, folder: Path) -> dict[str, object]:
    (folder / "holdout-v1.csv").write_text("review,sentiment\nHeld out.,positive\n")
    values = {
        "root": str(folder),
        "state": str(folder / "state"),
        "feed": "files",
        "files_pattern": f"s3://{store.name}/reviews/{{date}}.csv.gz",
        "files_conn_id": "reviews_s3",
        "first_day": str(DAYS[0]),
        "window_days": "2",
        "holdout": str(folder / "holdout-v1.csv"),
    }
    task = Task(labels=("negative", "positive"), positive="positive")
    return WindowRefresh(settings_from(values), task, logging.getLogger(__name__)).refresh(DAYS[-1])


def test_days_become_spans_and_a_corrected_day_a_new_version(
    bucket: Any,
    tmp_path: Path,
) -> None:
    for day in DAYS:
        deliver(bucket, day, "Warm")
    first = refresh(bucket, tmp_path)
    assert (first["rows"], first["rejected"]) == (4, {})
    assert json.loads(str(first["span_versions"])) == {str(day): 1 for day in DAYS}
    deliver(bucket, DAYS[1], "Funny")
    again = refresh(bucket, tmp_path)
    assert json.loads(str(again["span_versions"])) == {str(DAYS[0]): 1, str(DAYS[1]): 2}
    assert "Funny" in Path(str(again["input_base"]), str(DAYS[1]), "v2", "reviews.csv").read_text(encoding="utf-8")
