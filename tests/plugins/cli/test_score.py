"""The sub-command that scores a day, with a stand-in of the TFX side's command."""

import json
import sys
from pathlib import Path

import pytest
from airflow_bert_service.cli.main import main

from tests.plugins.conftest import MODULE_ROOT


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a further pipeline, whose texts have no labels."""
    root = tmp_path / "project"
    folder = root / "dags" / "bert_pipelines" / "tickets"
    folder.mkdir(parents=True)
    (root / "tfx_modules").symlink_to(MODULE_ROOT / "tfx_modules")
    feed = f'feed = "files", first_day = "2026-11-01", files_pattern = "{tmp_path}/{{date}}.csv"'
    (folder / "settings.toml").write_text(f'name = "tickets"\n[bert_service]\nscoring_feed = {{ {feed} }}\n')
    (tmp_path / "2026-11-05.csv").write_text("id,review\na,It broke.\nb,\n")
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__ROOT", str(root))
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(tmp_path / "score"))
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__TFX_PYTHON", sys.executable)
    return root


@pytest.mark.usefixtures("root")
def test_a_day_of_a_further_pipeline_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--date", "2026-11-05", "--model", "2026110401", "--pipeline", "tickets"]) == 0

    printed, said = capsys.readouterr()
    scores = tmp_path / "score" / "scores" / "tickets"
    assert printed.splitlines() == [
        "scored 1 of 2 texts of 2026-11-05 with 2026110401: 1 positive; not scored: no_text 1",
        f"{scores}/date=2026-11-05/scores.jsonl",
    ]
    assert said.splitlines() == ["INFO: 2 texts, 20 a second", "WARNING: it is slow"]
    request, first, second, _ = json.loads((scores / "got.json").read_text())
    assert (request["name"], request["model"]) == ("tickets", 2026110401)
    assert request["models"] == f"{tmp_path}/score/models/tickets"
    assert (first["text"], second["error"]) == ("It broke.", "no_text")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--date", "2026-11-04", "--pipeline", "tickets"], "feed files has no reviews of 2026-11-04"),
        (["--date", "2026-11-05", "--pipeline", "films"], "there is no pipeline 'films'"),
        (["--date", "2026-11-05", "--model", "newest"], "model is 'newest'; allowed: live, live_on_date"),
    ],
)
def test_what_cannot_be_scored_is_told(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", *words]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("day", ["yesterday", "20261105", "2100-01-01", "2026-11-31"])
def test_another_date_than_a_day_is_refused(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["score", "--date", day])
    assert f"'{day}' is no day; allowed: a day from 1970-01-01 to 2099-12-31, like" in capsys.readouterr().err
