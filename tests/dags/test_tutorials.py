"""The tutorials of own data: their commands are carried out up to the DAG, and the data come through every check.

What only a training shows, the transcripts in the pages have. The settings compile in
``tests/tfx_modules/pipeline/test_tutorials.py``.
"""

import csv
import datetime as dt
import json
import logging
import re
import shlex
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomllib
from airflow_bert_service.cli.main import SUB_COMMANDS, main
from airflow_bert_service.ingestion.holdout import find_holdout
from airflow_bert_service.ingestion.refresh import WindowRefresh
from airflow_bert_service.pipeline.name import dag_ids
from airflow_bert_service.pipeline.task import pipeline_task
from airflow_bert_service.pipelines.settings import pipeline_settings

from tests.dags.test_bert_sentiment import load, project
from tests.dags.test_several import compiled

__all__ = ["project"]

ROOT = Path(__file__).parents[2]
SETTINGS = re.compile(r"^```toml title=\"dags/(?P<file>[^\"]+)\"\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?: {4}|\$ )?(?P<text>(?:scripts/bert|python3) [^\n\\]*(?:\\\n[^\n\\]*)*)$", re.MULTILINE)
HEAD = re.compile(r"^\$ head -3 (?P<file>\S+)\n(?P<text>(?:.+\n){3})", re.MULTILINE)
WROTE = re.compile(r"^Wrote (?P<file>my_data/\S+): (?P<rows>\d+) rows\.$", re.MULTILINE)
MINIMUM_CLASS_ROWS = 20
"""What the gate on data asks for by default (``validation.minimum_class_rows``)."""
DEFAULTS = {"kind": "binary"}
LAST_DAY = dt.date(2026, 11, 5)


@dataclass(frozen=True)
class Tutorial:
    """A page, and the folder in which its commands have run up to the settings."""

    page: str
    project: Path

    @property
    def commands(self) -> list[list[str]]:
        return [shlex.split(found["text"].replace("\\\n", " ")) for found in COMMAND.finditer(self.page)]

    @property
    def settings(self) -> dict[Path, str]:
        return {self.project / "dags" / found["file"]: found["text"] for found in SETTINGS.finditer(self.page)}

    @property
    def folders(self) -> list[Path]:
        return [file.parent for file in self.settings]


@pytest.fixture(params=["tickets", "stars"])
def tutorial(request: pytest.FixtureRequest, project: Path) -> Tutorial:
    made = Tutorial((ROOT / "docs" / "tutorial" / f"{request.param}.md").read_text(encoding="utf-8"), project)
    for program, *words in made.commands:
        if program == "python3":
            script, *arguments = words
            subprocess.run([sys.executable, str(ROOT / script), *arguments], cwd=project, check=True)
        elif words[0] == "init":
            assert main([*words, "--dags-folder", str(project / "dags")]) == 0
    return made


def test_the_settings_of_the_page_are_those_that_its_command_writes(tutorial: Tutorial) -> None:
    assert tutorial.settings
    for file, text in tutorial.settings.items():
        shown = tomllib.loads(text)
        assert tomllib.loads(file.read_text(encoding="utf-8")) == shown
        given = {**shown["task"], **shown["bert_service"]}
        chosen = [key for key, value in given.items() if DEFAULTS.get(key) != value]
        assert len(chosen) <= 10, "ten lines of settings"


def test_the_page_shows_the_data_that_its_command_makes(tutorial: Tutorial) -> None:
    for found in HEAD.finditer(tutorial.page):
        text = (tutorial.project / found["file"]).read_text(encoding="utf-8")
        assert text.startswith(found["text"])
    shown = {found["file"]: int(found["rows"]) for found in WROTE.finditer(tutorial.page)}
    assert len(shown) == 2
    for name, rows in shown.items():
        with (tutorial.project / name).open(encoding="utf-8", newline="") as file:
            assert sum(1 for _ in csv.DictReader(file, strict=True)) == rows


def test_the_window_and_the_holdout_pass_all_that_is_asked_of_rows(
    tutorial: Tutorial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tutorial.project / "state"))
    for folder in tutorial.folders:
        settings, task = pipeline_settings(folder), pipeline_task(folder)
        window: Any = WindowRefresh(settings, task, logging.getLogger(__name__)).refresh(LAST_DAY)
        assert (window["days"], window["gaps"], window["rejected"]) == (14, [], {})
        days = sorted(settings.spans.glob("2026-*/v1/reviews.csv"))
        rows = [row for file in days for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())]
        assert len(rows) == window["rows"]
        labels = Counter(row["sentiment"] for row in rows)
        assert set(labels) == set(task.labels)
        assert min(labels.values()) >= MINIMUM_CLASS_ROWS
        holdout = find_holdout(settings, task)
        assert holdout
        held = list(csv.DictReader(Path(holdout.path).read_text(encoding="utf-8").splitlines()))
        assert min(Counter(row["sentiment"] for row in held).values()) >= MINIMUM_CLASS_ROWS
        assert {row["review"] for row in held}.isdisjoint(row["review"] for row in rows)


def test_each_pipeline_of_the_page_becomes_dags(tutorial: Tutorial) -> None:
    for folder in tutorial.folders:
        (folder / "compiled").mkdir()
        compiled(tutorial.project, folder)
    bag = load(tutorial.project)
    assert bag.import_errors == {}
    assert {dag_id for folder in tutorial.folders for dag_id in dag_ids(folder.name)} <= set(bag.dags)


def test_the_other_commands_of_the_page_are_commands(tutorial: Tutorial) -> None:
    from airflow.cli.cli_parser import get_parser

    names = {folder.name for folder in tutorial.folders}
    seen = set()
    for command in tutorial.commands:
        program, name, *words = command
        if program == "python3":
            continue
        seen.add(name)
        if name != "airflow":
            assert name in SUB_COMMANDS, command
            if "--pipeline" in words:
                assert words[words.index("--pipeline") + 1] in names
            continue
        flags = get_parser(dag_parser=False).parse_args(words)
        assert flags.dag_id in names if isinstance(flags.dag_id, str) else set(flags.dag_id) <= names
        if conf := getattr(flags, "conf", None):
            assert json.loads(conf) == {"data_date": LAST_DAY.isoformat()}
    assert {"init", "airflow", "models", "client"} <= seen
