"""Several pipelines in one DAG bundle: compiled one after another, and published together."""

from pathlib import Path

import pytest
from airflow_bert_service.bundle.snapshots import Version, sources_version
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


def test_a_mistake_in_one_is_the_error_of_that_one_until_it_is_corrected(project: ToyProject) -> None:
    publisher = project.publisher()
    publish(publisher)
    write(project, "stars", '"high"')
    version = publish(publisher)
    assert version == Version(sources_version(project.root)), "the others' sources are in service"
    assert ids_of(project, version, "tickets") == ["tickets"]
    with pytest.raises(CompiledPipelineError, match=r"ValueError: .*high(.|\n)*this pipeline has no new runs"):
        ids_of(project, version, "stars")
    write(project, "stars", "2")
    assert ids_of(project, publish(publisher), "tickets", "stars") == ["tickets", "stars"]


def test_where_none_compiles_the_version_before_stays_in_service(project: ToyProject) -> None:
    publisher = project.publisher()
    good = publish(publisher)
    project.break_pipeline("a typo")
    failed = publish(publisher)
    assert failed.served == str(good)
    assert ids_of(project, failed, "tickets", "stars") == ["tickets", "stars"]
    assert project.store.failure(failed).count("ValueError: a typo") >= 1
