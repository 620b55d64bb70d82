"""`init NAME`: the settings file and the DAG file of a further pipeline."""

from pathlib import Path

import pytest
import tomllib
from airflow_bert_service.cli.main import main
from airflow_bert_service.pipeline.labels import normal_label, problem
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.pipeline.task import BINARY_SENTIMENT, Task, pipeline_task
from airflow_bert_service.pipelines.new_pipeline import NewPipeline
from airflow_bert_service.pipelines.settings import pipeline_settings
from airflow_bert_service.settings.settings import FeedName
from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory import memory_folder

label = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
label_sets = st.lists(label, min_size=3, max_size=6, unique_by=normal_label).map(tuple)


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    return tmp_path / "dags"


def init(dags: Path, *words: str) -> int:
    return main(["init", *words, "--dags-folder", str(dags)])


def test_a_new_pipeline_has_the_values_of_the_flags(dags: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--labels", "billing, fault,other", "--feed", "files", "--set", "first_day=2026-11-01"]
    assert init(dags, "tickets", *words, "--set", "files_pattern=/data/{date}.csv", "--set", "keep_versions=2") == 0
    folder = dags / "bert_pipelines" / "tickets"
    assert sorted(path.name for path in folder.iterdir()) == ["settings.toml", "tickets.py"]
    assert f"compile {dags}" in capsys.readouterr().out
    assert pipeline_name(folder) == "tickets"
    assert pipeline_task(folder) == Task(kind="multiclass", labels=("billing", "fault", "other"))
    settings = pipeline_settings(folder)
    assert (settings.feed, settings.source.files_pattern) == (FeedName.FILES, "/data/{date}.csv")
    assert settings.retention.keep_versions == 2


@pytest.mark.parametrize("source", ["bert", "package:some_encoder/model", "preset:bert_tiny_en_uncased"])
def test_the_encoder_is_one_of_the_values(dags: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dags.parent)
    assert init(dags, "films", "--set", f"encoder.source={source}") == 0
    folder = dags / "bert_pipelines" / "films"
    document = tomllib.loads((folder / "settings.toml").read_text())
    assert document["encoder"] == {"source": str(dags.parent / "bert") if source == "bert" else source}
    assert document["bert_service"] == {"feed": "sample"}


def test_without_flags_it_trains_on_the_sample_feed(dags: Path) -> None:
    assert init(dags, "films") == 0
    folder = dags / "bert_pipelines" / "films"
    assert pipeline_task(folder) == BINARY_SENTIMENT
    assert pipeline_settings(folder).feed is FeedName.SAMPLE


@pytest.mark.parametrize(("words", "positive"), [([], "spam"), (["--positive", "ham"], "ham")])
def test_two_labels_are_a_binary_task(dags: Path, words: list[str], positive: str) -> None:
    assert init(dags, "mail", "--labels", "ham,spam", *words) == 0
    assert pipeline_task(dags / "bert_pipelines" / "mail") == Task(labels=("ham", "spam"), positive=positive)


def test_what_is_commented_can_be_used_as_it_stands(dags: Path) -> None:
    assert init(dags, "films") == 0
    file = dags / "bert_pipelines" / "films" / "settings.toml"
    lines = file.read_text().splitlines()[2:]
    file.write_text("\n".join(line.removeprefix("# ") for line in lines if not line.startswith("# Which data")))
    document = tomllib.loads(file.read_text())
    assert {"task", "bert_service", "encoder", "training", "gate"} < set(document)
    assert pipeline_settings(file.parent).window_days == 14


def test_nothing_is_overwritten(dags: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(dags, "films") == 0
    file = dags / "bert_pipelines" / "films" / "settings.toml"
    file.write_text("# mine\n")
    assert init(dags, "films") == 1
    assert "films exists already; allowed: the name of a new pipeline" in capsys.readouterr().err
    assert file.read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["2films"], "setting name is '2films' in the new pipeline; allowed: 1 to 64 letters, digits"),
        (["films_retention"], "setting name is 'films_retention' in the new pipeline; allowed: 1 to 64 letters"),
        (["bert_sentiment"], "has the name bert_sentiment already; allowed: the name of a new pipeline"),
        (["films", "--labels", "good,Good"], "setting task.labels has 'good' and 'Good', which"),
        (["films", "--labels", "a,b", "--positive", "c"], "setting task.positive is 'c'; allowed: one of"),
        (["films", "--set", "state=/x"], "has the unknown key state; known: allowed_gaps"),
    ],
)
def test_what_is_not_allowed_writes_nothing(
    dags: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(dags, *words) == 1
    assert message in capsys.readouterr().err
    assert not (dags / "bert_pipelines").exists()


def test_with_its_flags_a_word_is_a_name_where_a_folder_is_called_so_too(
    dags: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(dags.parent)
    (dags.parent / "films").mkdir()
    assert init(dags, "films") == 0
    assert pipeline_name(dags / "bert_pipelines" / "films") == "films"


def test_flags_of_a_pipeline_want_its_name(dags: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(dags), "--labels", "a,b"]) == 1
    assert "--labels comes without the name of a pipeline; allowed: with a NAME" in capsys.readouterr().err


@given(label_sets.filter(lambda labels: not problem(labels)))
def test_labels_of_any_script_are_read_back(labels: tuple[str, ...]) -> None:
    with memory_folder() as dags:
        settings, _ = NewPipeline(name="any", task=Task(kind="multiclass", labels=labels)).write(
            dags, compile_command="compile"
        )
        assert pipeline_task(settings.parent).labels == labels
