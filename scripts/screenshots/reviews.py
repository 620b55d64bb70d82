"""The reviews that the run of the pictures reads: days of the sample, the last of which has labels that broke.

Such a day is the plainest that the gate on the data blocks: every review is called positive.
"""

import csv
import datetime as dt
from pathlib import Path

LAST_DAY = dt.date(2026, 11, 5)
DAYS = 3
COLUMNS = ("id", "review", "sentiment")
BROKEN = "positive"


def write_reviews(sample: Path, folder: Path) -> dict[str, str]:
    """Write a CSV file a day into a folder; return the settings that read them, as environment variables.

    Args:
        sample: The sample feed, a CSV file with a column ``date``.
        folder: Is made.
    """
    folder.mkdir(parents=True)
    days = {(LAST_DAY - dt.timedelta(days=back)).isoformat() for back in range(DAYS)}
    found: dict[str, list[dict[str, str]]] = {day: [] for day in days}
    with sample.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["date"] in days:
                found[row["date"]].append({column: row[column] for column in COLUMNS})
    for row in found[LAST_DAY.isoformat()]:
        row["sentiment"] = BROKEN
    for day, rows in found.items():
        with (folder / f"{day}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    settings = {
        "feed": "files",
        "files_pattern": f"{folder}/{{date}}.csv",
        "first_day": min(days),
        "last_day": max(days),
        "id_column": "id",
        "text_column": "review",
        "sentiment_column": "sentiment",
        "window_days": str(DAYS),
    }
    return {f"AIRFLOW__BERT_SERVICE__{name.upper()}": value for name, value in settings.items()}
