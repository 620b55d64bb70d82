"""Several pipelines in one DAG bundle: compiled one after another, and published together."""

import re
from pathlib import Path

import pytest
from airflow.exceptions import AirflowConfigException
from airflow_bert_service.bundle.snapshots import ERROR_FILE, Version, sources_version
from airflow_bert_service.exceptions import CompiledPipelineError
from airflow_bert_service.pipeline.compiler import compile_pipeline, compiled_pipeline
from airflow_bert_service.pipeline.plan import load_plan

from tests.plugins.toy_project import TFX_PYTHON, ToyProject, publish

# Compiles what the settings say, and refuses what is no number.
_BY_SETTINGS = """
import sys, tomllib
from pathlib import Path

file = sys.argv[sys.argv.index("--settings") + 1] if "--settings" in sys.argv else None
settings = tomllib.loads(Path(file).read_text()) if file else {"name": "bert_sentiment", "level": 1}
NAME = settings["name"]
level = float(settings["level"])
"""


@pytest.fixture
def project(tmp_path: Path) -> ToyProject:
    made = ToyProject.lay_out(tmp_path)
    (made.root / "tfx_modules" / "pipeline" / "pipeline.py").write_text(_BY_SETTINGS)
    for name in ("tickets", "stars"):
        write(made, name)
    return made


def write(project: ToyProject, name: str, level: str = "1") -> None:
    folder = folder_in(project.root, name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.toml").write_text(f'name = "{name}"\nlevel = {level}\n')


def folder_in(root: Path, name: str) -> Path:
    return root / "dags" / "bert_pipelines" / name


def ids_of(project: ToyProject, version: Version, *names: str) -> list[str]:
    """Names of the pipelines in a snapshot, as their DAG files read them."""
    root = project.store.root_of(version)
    return [load_plan(compiled_pipeline(folder_in(root, name))).id for name in names]


def test_all_are_compiled_and_published_under_one_version(project: ToyProject) -> None:
    version = publish(project.publisher())
    assert version == Version(sources_version(project.root))
    assert ids_of(project, version, "tickets", "stars") == ["tickets", "stars"]
    assert load_plan(compiled_pipeline(project.store.dags_of(version))).id == "bert_sentiment"
    assert project.compiler_runs == 3


def test_what_is_compiled_beside_the_dag_files_is_taken_over(project: ToyProject) -> None:
    version = sources_version(project.root)
    for folder in (project.root / "dags", *(folder_in(project.root, name) for name in ("tickets", "stars"))):
        compile_pipeline(project.root, compiled_pipeline(folder), TFX_PYTHON)
    taken = project.publisher(Path("/missing/python")).step(compiling=False)
    assert taken == Version(version), "what is compiled is no part of the sources"
    assert ids_of(project, taken, "tickets", "stars") == ["tickets", "stars"]


def version_of(project: ToyProject, version: Version, name: str) -> str:
    """The version of a pipeline in a snapshot, as its runs name it."""
    found = load_plan(compiled_pipeline(folder_in(project.store.root_of(version), name))).version
    assert found is not None
    return found.name


def errors_of(project: ToyProject, version: Version, name: str) -> str:
    """What Airflow shows as the import error of a pipeline's folder."""
    return (folder_in(project.store.root_of(version), name) / ERROR_FILE).read_text()


def test_a_mistake_in_one_is_the_error_of_that_one_until_it_is_corrected(project: ToyProject) -> None:
    publisher = project.publisher()
    write(project, "stars", '"high"')
    version = publish(publisher)
    assert version == Version(sources_version(project.root)), "the others' sources are in service"
    assert ids_of(project, version, "tickets") == ["tickets"]
    with pytest.raises(CompiledPipelineError, match=r"ValueError: .*high(.|\n)*this pipeline has no new runs"):
        ids_of(project, version, "stars")
    write(project, "stars", "2")
    assert ids_of(project, publish(publisher), "tickets", "stars") == ["tickets", "stars"]


@pytest.mark.parametrize(
    "mistake",
    ['"high"', '1\n[bert_service]\nkeep_version = "2"', '1\n[bert_service]\nscoring_feed = { feed = "kafka" }'],
)
def test_a_pipeline_runs_with_the_settings_before_while_the_newer_ones_have_a_mistake(
    project: ToyProject, mistake: str
) -> None:
    publisher = project.publisher()
    before = publish(publisher)
    write(project, "stars", mistake)
    write(project, "tickets", "3")
    version = publish(publisher)
    assert version_of(project, version, "stars") == before.served, "its runs name the sources that they are from"
    assert version_of(project, version, "tickets") == version.served
    assert re.search(r"high|unknown key keep_version|feed is 'kafka'", errors_of(project, version, "stars"))
    assert "runs with the settings that compiled before" in errors_of(project, version, "stars")
    write(project, "stars", "2")
    corrected = publish(publisher)
    assert ids_of(project, corrected, "tickets", "stars") == ["tickets", "stars"]
    assert not (folder_in(project.store.root_of(corrected), "stars") / ERROR_FILE).exists()


def test_the_pipeline_of_the_dags_folder_runs_with_the_settings_before_as_well(project: ToyProject) -> None:
    settings = project.root / "dags" / "settings.toml"
    settings.write_text('name = "bert_sentiment"\nlevel = 1\n')
    publisher = project.publisher()
    publish(publisher)
    settings.write_text('name = "bert_sentiment"\nlevel = "high"\n')
    dags = project.store.dags_of(publish(publisher))
    assert load_plan(compiled_pipeline(dags)).id == "bert_sentiment"
    assert "level = 1" in (dags / "settings.toml").read_text()
    assert "high" in (dags / ERROR_FILE).read_text()


def test_what_compiled_before_is_not_kept_beside_other_code(project: ToyProject) -> None:
    publisher = project.publisher()
    publish(publisher)
    write(project, "stars", '"high"')
    (project.root / "tfx_modules" / "pipeline" / "pipeline.py").write_text(f"{_BY_SETTINGS}# other code\n")
    version = publish(publisher)
    assert ids_of(project, version, "tickets") == ["tickets"]
    with pytest.raises(CompiledPipelineError, match="this pipeline has no new runs, and those under way wait"):
        ids_of(project, version, "stars")


def test_settings_that_cannot_be_read_for_a_while_are_read_again(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = project.publisher()
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__LEDGER_CMD", "false")  # like a store of secrets that does not answer
    with pytest.raises(AirflowConfigException):
        publish(publisher)
    assert not publisher.is_compiling
    monkeypatch.delenv("AIRFLOW__BERT_SERVICE__LEDGER_CMD")
    assert ids_of(project, publish(publisher), "tickets", "stars") == ["tickets", "stars"]


def test_where_none_compiles_the_version_before_stays_in_service(project: ToyProject) -> None:
    publisher = project.publisher()
    good = publish(publisher)
    project.break_pipeline("a typo")
    failed = publish(publisher)
    assert failed.served == str(good)
    assert ids_of(project, failed, "tickets", "stars") == ["tickets", "stars"]
    assert project.store.failure(failed).count("ValueError: a typo") >= 1
