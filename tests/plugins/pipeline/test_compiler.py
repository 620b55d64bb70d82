import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.exceptions import CompileError
from airflow_bert_service.pipeline.compiler import Compilation, compile_pipeline, digest_file, ir_file, is_fresh
from airflow_bert_service.pipeline.source_digest import sources_digest

from tests.plugins.toy_project import TFX_PYTHON, ToyProject, wait_until
from tests.support.airflow_home import PROJECT_ROOT
from tests.support.survivors import marked, marked_after, new_mark

COMPILED_FILES = ["bert_sentiment.json", "bert_sentiment.sha256", "bert_sentiment.version.json"]


@pytest.fixture
def project(tmp_path: Path) -> ToyProject:
    return ToyProject.lay_out(tmp_path)


def compile_toy(project: ToyProject) -> Path:
    ir = ir_file(project.root)
    compile_pipeline(project.root, ir, TFX_PYTHON)
    return ir


def test_the_compiled_pipeline_stands_beside_the_digest_of_what_it_was_compiled_from(project: ToyProject) -> None:
    ir = compile_toy(project)
    assert json.loads(ir.read_text())["pipeline_info"] == {"id": "toy"}
    assert digest_file(ir).read_text() == sources_digest(project.root / "tfx_modules") + "\n"
    assert sorted(path.name for path in ir.parent.iterdir()) == COMPILED_FILES


def test_it_is_fresh_until_the_sources_change_and_again_when_they_are_as_before(project: ToyProject) -> None:
    modules = project.root / "tfx_modules"
    assert not is_fresh(ir_file(project.root), modules)
    ir = compile_toy(project)
    assert is_fresh(ir, modules)
    project.write_pipeline("other")
    assert not is_fresh(ir, modules)
    project.write_pipeline("toy")
    assert is_fresh(ir, modules)


def test_settings_beside_the_dag_files_go_before_those_of_the_modules(project: ToyProject) -> None:
    modules, settings = project.root / "tfx_modules", project.root / "dags" / "settings.toml"
    ir = compile_toy(project)
    assert is_fresh(ir, modules)
    settings.write_text('name = "mine"\n')
    assert not is_fresh(ir, modules)
    renamed = compile_toy(project)
    assert renamed.name == "mine.json"
    assert is_fresh(renamed, modules)
    assert json.loads(renamed.read_text())["settings"] == str(settings)
    settings.write_text('name = "other"\n')
    assert not is_fresh(renamed, modules)


def test_the_error_ends_with_the_end_of_what_the_compiler_said(project: ToyProject) -> None:
    project.break_pipeline("no feature named 'txet'")
    with pytest.raises(
        CompileError, match=r"(?s)cannot be compiled \(exit code 1\):.*ValueError: no feature named 'txet'$"
    ):
        compile_toy(project)


def test_a_failed_compilation_leaves_what_was_there(project: ToyProject) -> None:
    ir = compile_toy(project)
    before = ir.read_text()
    project.break_pipeline("broken")
    with pytest.raises(CompileError, match="broken"):
        compile_toy(project)
    assert ir.read_text() == before
    assert not is_fresh(ir, project.root / "tfx_modules")
    assert sorted(path.name for path in ir.parent.iterdir()) == COMPILED_FILES


def test_a_compiler_that_ends_well_without_a_result_is_an_error(project: ToyProject) -> None:
    (project.root / "tfx_modules" / "pipeline" / "compile.py").write_text("print('forgot to write')")
    with pytest.raises(CompileError, match=r"(?s)exit code 0.*forgot to write"):
        compile_toy(project)


def test_a_missing_tfx_environment_is_named_with_the_remedy(project: ToyProject) -> None:
    with pytest.raises(
        CompileError, match=r"tfx_python is '/missing/python'.*Run `make setup`, or correct the setting"
    ):
        compile_pipeline(project.root, ir_file(project.root), Path("/missing/python"))


def test_the_compiler_gets_none_of_airflows_variables(project: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    (project.root / "tfx_modules" / "pipeline" / "pipeline.py").write_text(
        "import os\nNAME = ' '.join(n for n in os.environ if n.startswith(('AIRFLOW', 'PYTHONPATH')))\n"
    )
    ir = compile_toy(project)
    assert json.loads(ir.read_text())["pipeline_info"] == {"id": ""}


def test_stopping_leaves_no_process(project: ToyProject, tmp_path: Path) -> None:
    project.write_pipeline("toy", waiting=True)
    compilation = Compilation(root=project.root, ir=tmp_path / "made" / "ir.json", tfx_python=TFX_PYTHON)
    compilation.start()
    wait_until(lambda: project.compiler_runs == 1)
    assert not compilation.has_ended()
    compilation.stop()
    pid = int(project.runs_file.read_text())
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(pid, 0)
    with pytest.raises(CompileError, match="killed by signal 9"):
        compilation.result()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_compiler_ends_with_the_process_that_started_it(project: ToyProject, number: signal.Signals) -> None:
    project.write_pipeline("toy", waiting=True)
    mark = new_mark()
    script = (
        "from pathlib import Path; from airflow_bert_service.pipeline.compiler import compile_pipeline\n"
        f"compile_pipeline(Path({str(project.root)!r}), Path({str(ir_file(project.root))!r}), Path({sys.executable!r}))"
    )
    environment = {**os.environ, **mark, "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    # A shell has its background jobs ignore SIGINT, and so would the parent, where the tests are one.
    usual: Any = {"preexec_fn": lambda: signal.signal(number, signal.SIG_DFL)} if number != signal.SIGKILL else {}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL, **usual
    ) as parent:
        wait_until(lambda: project.compiler_runs == 1)
        assert len(marked(mark)) == 2
        parent.send_signal(number)
    assert marked_after(mark, seconds=5) == {}


def make_compile(project: ToyProject, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `make compile` runs, with an Airflow that has no database."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__BERT_SERVICE__ROOT": str(project.root),
        "AIRFLOW__BERT_SERVICE__TFX_PYTHON": str(TFX_PYTHON),
    }
    command = [sys.executable, "-m", "airflow_bert_service.cli", "compile", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_compiles_what_is_stale_and_only_that(project: ToyProject, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, second, forced = (make_compile(project, home, *arguments) for arguments in ([], [], ["--force"]))
    ir = ir_file(project.root)
    compiled, up_to_date = f"Compiled the pipeline into {ir}.\n", f"The compiled pipeline {ir} is up to date.\n"
    printed = [done.stdout for done in (first, second, forced)]
    assert printed == [compiled, up_to_date, compiled], first.stderr + second.stderr + forced.stderr
    assert project.compiler_runs == 2
    assert list(home.rglob("*.db")) == []


def test_the_command_shows_the_compilers_error_and_fails(project: ToyProject, tmp_path: Path) -> None:
    project.break_pipeline("no feature named 'txet'")
    done = make_compile(project, tmp_path / "home")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("ValueError: no feature named 'txet'\n")


def test_has_ended_does_not_wait(project: ToyProject, tmp_path: Path) -> None:
    project.write_pipeline("toy", waiting=True)
    compilation = Compilation(root=project.root, ir=tmp_path / "ir.json", tfx_python=TFX_PYTHON)
    compilation.start()
    began = time.monotonic()
    assert not compilation.has_ended()
    assert time.monotonic() - began < 0.1
    project.gate.touch()
    wait_until(compilation.has_ended)
    compilation.result()
    assert json.loads((tmp_path / "ir.json").read_text())["pipeline_info"] == {"id": "toy"}
