"""A user's own pipeline is compiled into versions that never change; DAG files read the current one."""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.file import list_py_file_paths
from airflow_bert_service import AirflowDagRunner, AirflowPipelineConfig, load_pipeline
from airflow_bert_service.bundle.snapshots import SnapshotStore
from airflow_bert_service.cli.main import main
from airflow_bert_service.dag.containers import node_container
from airflow_bert_service.exceptions import CompiledPipelineError, CompileError, SettingsError
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.pipeline.users_compiler import KEPT, compile_users_pipeline
from airflow_bert_service.pipeline.users_pipeline import CURRENT
from airflow_bert_service.settings.settings import Settings, settings_from

from tests.plugins.compiled import SMALL_IR

# It takes the arguments of the real one, and compiles a file with the IR's name and parameters in it.
COMPILER = f"""
import argparse, json
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("function")
parser.add_argument("--output", type=Path)
parser.add_argument("--working-folder", type=Path)
parser.add_argument("--code", type=Path)
flags = parser.parse_args()
file = flags.working_folder / flags.function.rpartition(":")[0]
made = json.loads(file.read_text())
ir = json.loads(Path({str(SMALL_IR)!r}).read_text())
ir["pipeline_info"]["id"] = made["name"]
for node in ir["nodes"]:
    parameters = made.get("parameters", {{}}).get(node["pipeline_node"]["node_info"]["id"], [])
    values = {{one["name"]: {{"runtime_parameter": one}} for one in parameters}}
    node["pipeline_node"]["parameters"] = {{"parameters": values}}
(flags.output / "pipeline.json").write_text(json.dumps(ir))
(flags.output / "code").mkdir()
(flags.output / "code" / "steps.py").write_text("# airflow dag\\n" + made.get("code", ""))
"""


class Project:
    """A DAGs folder with a `tfx_modules` beside it whose compiler is a stand-in."""

    def __init__(self, root: Path) -> None:
        self.modules, self.dags, self.file = root / "tfx_modules", root / "dags", root / "user" / "own.json"
        self.folder = self.dags / "mine"
        for folder in (self.modules / "pipeline", self.dags, self.file.parent):
            folder.mkdir(parents=True)
        for package in (self.modules, self.modules / "pipeline"):
            (package / "__init__.py").write_text("")
        (self.modules / "pipeline" / "users.py").write_text(COMPILER)

    def compile(self, name: str = "mine", folder: Path | None = None, **made: Any) -> Path:
        self.file.write_text(json.dumps({"name": name, **made}))
        target = folder or self.folder
        return compile_users_pipeline(
            f"{self.file}:create_pipeline", target, code=None, tfx_python=Path(sys.executable)
        ).path.parent


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_from({"state": str(tmp_path / "var")})


def test_the_plan_is_that_of_the_current_version_with_the_users_modules(project: Project) -> None:
    version = project.compile(code="# one\n")
    plan = load_pipeline(project.folder)
    assert plan.id == "mine"
    assert plan.path == version / "pipeline.json"
    assert plan.code == version / "code"
    assert plan.module_root == project.modules.parent
    assert plan.version is not None
    assert plan.version.name == version.name


def test_compiling_the_same_again_makes_no_version_and_a_change_makes_one(project: Project) -> None:
    one = project.compile(code="# one\n")
    assert project.compile(code="# one\n") == one
    two = project.compile(code="# two\n")
    assert two != one
    assert load_pipeline(project.folder).path.parent == two
    assert (one / "code" / "steps.py").read_text().endswith("# one\n")  # nodes that run have it yet


def test_the_newest_versions_stay(project: Project) -> None:
    versions = [project.compile(code=f"# {number}\n") for number in range(KEPT + 2)]
    kept = [version for version in versions if version.is_dir()]
    assert kept == versions[-KEPT:]


def test_what_others_put_into_the_folder_stays(project: Project) -> None:
    (project.folder / "backup").mkdir(parents=True)
    backup = project.folder / "backup" / "pipeline.json"
    backup.write_text("theirs")
    os.utime(backup.parent, (1, 1))
    versions = [project.compile(code=f"# {number}\n") for number in range(KEPT + 1)]
    assert backup.read_text() == "theirs"
    assert not versions[0].exists()


@pytest.mark.parametrize("content", [b"../elsewhere", b"/elsewhere", b"", b"caf\xe9"])
def test_a_folder_in_other_use_is_refused_and_stays(project: Project, content: bytes) -> None:
    project.folder.mkdir()
    (project.folder / CURRENT).write_bytes(content)
    for use in (project.compile, lambda: load_pipeline(project.folder)):
        with pytest.raises(CompiledPipelineError, match=r"current does not name a version .*Name another folder; or"):
            use()
    assert [(path.name, path.read_bytes()) for path in project.folder.iterdir()] == [(CURRENT, content)]


def test_a_folder_whose_current_is_a_link_to_a_folder_is_refused(project: Project) -> None:
    (project.folder / "releases").mkdir(parents=True)
    (project.folder / CURRENT).symlink_to("releases")
    with pytest.raises(CompiledPipelineError, match=r"current does not name a version"):
        project.compile()


def test_compiling_again_mends_a_version_that_somebody_edited(project: Project) -> None:
    version = project.compile(code="# one\n")
    (version / "code" / "steps.py").write_text("# edited\n")
    assert project.compile(code="# one\n") == version
    assert (version / "code" / "steps.py").read_text().endswith("# one\n")
    assert sorted(path.name for path in project.folder.iterdir()) == sorted([".lock", CURRENT, version.name])


def test_a_moved_folder_is_as_good(project: Project) -> None:
    version = project.compile()
    moved = shutil.copytree(project.folder, project.dags / "team" / "moved")
    assert load_pipeline(moved).path.parent == moved / version.name


def test_a_version_of_the_dag_bundle_has_its_own_copy(project: Project, tmp_path: Path) -> None:
    version = project.compile(code="# one\n")
    copy = SnapshotStore(tmp_path / "bundle").copy_sources(project.dags.parent)
    project.compile(code="# two\n")
    plan = load_pipeline(copy / "dags" / "mine")
    assert plan.path == copy / "dags" / "mine" / version.name / "pipeline.json"
    assert plan.module_root == copy


def test_airflow_looks_for_no_dag_files_in_the_users_modules(project: Project) -> None:
    version = project.compile()
    (project.folder / "mine_dag.py").write_text("# airflow dag\n")
    assert (version / "code" / "steps.py").is_file()
    assert list_py_file_paths(project.dags) == [str(project.folder / "mine_dag.py")]


@pytest.mark.parametrize("name", ["code/steps.py", "pipeline.json", "code/new.py"])
def test_a_version_that_somebody_edited_is_refused(project: Project, name: str) -> None:
    file = project.compile() / name
    file.write_text((file.read_text() if file.exists() else "") + "\n")
    with pytest.raises(CompiledPipelineError, match=r"a file in it was changed, is missing or is new; allowed: what"):
        load_pipeline(project.folder)


def test_bytecode_that_nodes_leave_beside_the_modules_is_no_edit(project: Project) -> None:
    cache = project.compile() / "code" / "__pycache__"
    cache.mkdir()
    (cache / "steps.cpython-310.pyc").write_bytes(b"")
    assert load_pipeline(project.folder).id == "mine"


def test_other_tfx_modules_make_it_stale_and_settings_of_our_pipeline_do_not(project: Project) -> None:
    project.compile()
    (project.modules / "settings.toml").write_text("# ours\n")
    assert load_pipeline(project.folder).id == "mine"
    (project.modules / "new.py").write_text("")
    with pytest.raises(CompiledPipelineError, match=r"is stale: .*Run `scripts/bert compile FILE:FUNCTION -o \S+mine`"):
        load_pipeline(project.folder)


@pytest.mark.parametrize("break_it", [shutil.rmtree, lambda version: (version / "digests.json").write_text("{")])
def test_a_version_that_cannot_be_read_names_the_command(project: Project, break_it: Any) -> None:
    break_it(project.compile())
    with pytest.raises(CompiledPipelineError, match=r"digests\.json cannot be read .*current names that version\. Run"):
        load_pipeline(project.folder)


def test_a_folder_without_a_pipeline_names_the_command(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CompiledPipelineError, match=r"has no compiled pipeline\. Run `scripts/bert compile FILE"):
            load_pipeline(folder)


def test_what_the_compiler_says_is_the_error_and_the_version_before_stays(project: Project) -> None:
    version = project.compile()
    (project.modules / "pipeline" / "users.py").write_text("raise SystemExit('there is no such function')")
    with pytest.raises(
        CompileError, match=r"(?s)the pipeline of \S+own\.json:create_pipeline cannot be .*no such func"
    ):
        project.compile()
    assert (project.folder / CURRENT).read_text().strip() == version.name
    assert sorted(path.name for path in project.folder.iterdir()) == sorted([".lock", CURRENT, version.name])


def test_a_name_that_no_dag_can_have_is_refused(project: Project) -> None:
    with pytest.raises(CompileError, match=r"the pipeline's name is 'my pipeline'; allowed: 1 to 64 letters"):
        project.compile("my pipeline")


def test_two_pipelines_need_two_folders(project: Project) -> None:
    project.compile("one")
    with pytest.raises(
        CompileError, match=r"has the pipeline 'one', and the new one is 'two'; allowed: a folder for e"
    ):
        project.compile("two")


def test_a_folder_that_cannot_be_written_is_named(project: Project) -> None:
    with pytest.raises(CompileError, match=r"own\.json/below cannot be written \(.*\); allowed: a folder"):
        project.compile(folder=project.file / "below")


def test_a_folder_that_cannot_be_copied_into_is_named_with_the_reason(project: Project) -> None:
    # On a full disk the copy's error has a list of reasons, and no name of a file.
    version = project.compile(code="# one\n")
    broken = shutil.Error([("steps.py", "copy", "[Errno 28] No space left on device")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "copytree", lambda *_: (_ for _ in ()).throw(broken))
        with pytest.raises(CompileError, match=r"/mine cannot be written \(.*No space left on device"):
            project.compile(code="# two\n")
    assert load_pipeline(project.folder).path.parent == version


def test_a_temporary_folder_that_is_not_there_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(project.file / "none"))
    with pytest.raises(
        CompileError, match=r"own\.json/none/\S+ cannot be written \(Not a directory\); allowed: a folder"
    ):
        project.compile()
    assert not project.folder.exists()


def test_the_command_wants_a_pipeline_and_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "own.py:create_pipeline"]) == 1
    assert "own.py:create_pipeline is of a pipeline of your own, and there is no --output" in capsys.readouterr().err
    assert main(["compile", "--output", "folder"]) == 1
    assert "--output folder comes without a pipeline; allowed: FILE:FUNCTION" in capsys.readouterr().err


def parameter(name: str, kind: str, **default: Any) -> dict[str, Any]:
    value = {"default_value": default} if default else {}
    return {"name": name, "type": kind, **value}


def test_runtime_parameters_become_parameters_of_runs_with_types(project: Project, settings: Settings) -> None:
    rate = parameter("rate", "DOUBLE", double_value=0.1)
    project.compile(
        parameters={
            "CsvExampleGen": [parameter("rows", "INT", int_value="3"), parameter("folder", "STRING")],
            "Trainer": [rate, parameter("train-args", "STRING", string_value="{}")],
            "StatisticsGen": [rate],
        }
    )
    arguments = {"schedule": None, "params": {"mine": 1}}
    dag = AirflowDagRunner(AirflowPipelineConfig(arguments, settings=settings)).run(load_pipeline(project.folder))

    schemas = {name: dag.params.get_param(name).schema["type"] for name in ("rows", "folder", "rate", "train-args")}
    assert schemas == {"rows": "integer", "folder": "string", "rate": "number", "train-args": "string"}
    assert {name: dag.params.get_param(name).value for name in ("rows", "rate", "train-args", "mine")} == {
        "rows": 3,
        "rate": 0.1,
        "train-args": "{}",
        "mine": 1,
    }
    assert not dag.params.get_param("folder").has_value  # a run has to give it
    task = dag.get_task("Trainer")
    assert isinstance(task, TfxNodeOperator)
    params = {"rate": 0.25, "train-args": '{"num_steps": 7}'}
    assert task.render_template(task.parameters, {"params": params}) == {
        "rate": "0.25",
        "train-args": '{"num_steps": 7}',
    }


def test_a_parameter_with_a_template_is_none_of_the_runs(project: Project, settings: Settings) -> None:
    project.compile(parameters={"Trainer": [parameter("day", "STRING")]})
    config = AirflowPipelineConfig(parameters={"day": "{{ ds }}"}, settings=settings)
    dag = AirflowDagRunner(config).run(load_pipeline(project.folder))
    assert "day" not in dag.params


def test_a_parameter_that_two_nodes_declare_differently_is_refused(project: Project, settings: Settings) -> None:
    project.compile(
        parameters={"Trainer": [parameter("rows", "INT", int_value="3")], "StatisticsGen": [parameter("rows", "INT")]}
    )
    with pytest.raises(
        SettingsError, match=r"rows in different ways: INT without a default, and INT with the default 3"
    ):
        AirflowDagRunner(AirflowPipelineConfig(settings=settings)).run(load_pipeline(project.folder))


def test_a_container_of_a_node_sees_the_users_modules(project: Project, tmp_path: Path) -> None:
    version = project.compile()
    values = {"state": str(tmp_path / "var"), "container_nodes": "Trainer", "container_image": "image"}
    plan = load_pipeline(project.folder)
    trainer = next(node for node in plan.nodes if node.id == "Trainer")
    container = node_container(trainer, plan, settings_from(values))
    assert container is not None
    assert version / "code" in {mount.target for mount in container.mounts}


def test_the_package_says_what_its_public_names_are() -> None:
    import airflow_bert_service

    with pytest.raises(AttributeError, match=r"no attribute 'AirflowDAGRunner'; public: AirflowDagRunner, Airflow"):
        _ = airflow_bert_service.AirflowDAGRunner
