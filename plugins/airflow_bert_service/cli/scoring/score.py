"""``score``: scores the texts of a day with a version of the model, as the DAG ``<pipeline>_scoring`` does."""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence

from airflow_bert_service.cli.places import dags_folder
from airflow_bert_service.installation import command
from airflow_bert_service.pipeline.folders import folder_of_pipeline
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.pipelines.settings import scoring_settings
from airflow_bert_service.runs.data_date import FIRST, LAST
from airflow_bert_service.scoring.day import DayScoring
from airflow_bert_service.scoring.request import CHOICES, LIVE
from airflow_bert_service.settings.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Score a day, and print what was written; return the exit code.

    Raises:
        BertServiceError: The feed lacks the day, there is no such version, or scoring failed.
    """
    parser = argparse.ArgumentParser(
        prog=command("score"),
        description="Score the texts of a day of the feed, which need no labels, and write the day's file of scores in "
        "place of an earlier one. The log is on standard error.",
    )
    parser.add_argument("--date", required=True, type=_day, metavar="DAY", help="the UTC day, like 2026-11-05")
    parser.add_argument("--model", default=LIVE, help=f"what to score with: {CHOICES} (default: {LIVE})")
    parser.add_argument("--pipeline", metavar="NAME", help="the pipeline (default: that of the DAGs folder)")
    flags = parser.parse_args(arguments)
    folder = folder_of_pipeline(dags_folder(load_settings()), flags.pipeline)
    settings = scoring_settings(folder)
    scoring = DayScoring(settings, pipeline_name(folder), settings.root, _log)
    report = scoring.score(flags.date, flags.model)
    print(report.line)
    print(report.file)
    return 0


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text or not FIRST <= day <= LAST:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; allowed: a day from {FIRST} to {LAST}, like 2026-11-05")
    return day


def _log(line: str) -> None:
    print(line, file=sys.stderr)
