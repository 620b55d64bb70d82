import datetime as dt
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from airflow_bert_service.bundle.snapshots import SnapshotStore, Version, sources_version
from airflow_bert_service.bundle.status import status_of
from airflow_bert_service.pipeline.compiler import compile_pipeline, ir_file
from airflow_bert_service.pipeline.plan import load_plan
from airflow_bert_service.pipeline.source_digest import pipeline_digest
from airflow_bert_service.pipeline.version import read_version

from tests.plugins.toy_project import TFX_PYTHON, ToyProject, publish, wait_until
from tests.support.airflow_home import PROJECT_ROOT
from tests.support.survivors import marked, marked_after, new_mark

NO_COMPILER = Path("/missing/python")


@pytest.fixture
def project(tmp_path: Path) -> ToyProject:
    return ToyProject.lay_out(tmp_path)


def pipeline_of(store: SnapshotStore, version: Version) -> str:
    """Name of the pipeline in a snapshot, as a DAG file reads it: refused unless IR and sources fit."""
    return load_plan(ir_file(store.root_of(version))).id


def compile_in_place(project: ToyProject) -> None:
    compile_pipeline(project.root, ir_file(project.root), TFX_PYTHON)


def test_sources_are_compiled_and_published_under_their_version(project: ToyProject) -> None:
    publisher = project.publisher()
    assert publisher.step(compiling=True) is None  # the compiler has only been started
    version = publish(publisher)
    assert version == Version(sources_version(project.root))
    assert pipeline_of(project.store, version) == "toy"
    assert (project.store.dags_of(version) / "toy.py").read_text() == (project.root / "dags" / "toy.py").read_text()
    assert not ir_file(project.root).exists(), "the user's folder stays as it is"


def test_a_fresh_compiled_pipeline_is_taken_over_at_once(project: ToyProject) -> None:
    compile_in_place(project)
    version = project.publisher(NO_COMPILER).step(compiling=False)
    assert version is not None
    assert pipeline_of(project.store, version) == "toy"
    assert project.compiler_runs == 1


def test_a_snapshot_names_its_version_and_when_it_was_compiled(project: ToyProject) -> None:
    before = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    version = publish(project.publisher())
    plan = load_plan(ir_file(project.store.root_of(version)))
    assert plan.version is not None
    assert plan.version.name == str(version)
    assert before <= plan.version.compiled <= dt.datetime.now(dt.timezone.utc)


def test_a_pipeline_that_is_taken_over_keeps_the_time_of_its_compilation(project: ToyProject) -> None:
    compile_in_place(project)
    written = read_version(ir_file(project.root))
    assert written is not None
    assert pipeline_digest(project.root / "tfx_modules", None).startswith(written.name)
    version = project.publisher(NO_COMPILER).step(compiling=False)
    assert version is not None
    assert read_version(ir_file(project.store.root_of(version))) == replace(written, name=str(version))


def test_newer_sources_that_do_not_compile_leave_the_versions_name_as_it_is(project: ToyProject) -> None:
    publisher = project.publisher()
    good = publish(publisher)
    project.break_pipeline("a typo")
    failed = publish(publisher)
    named = [read_version(ir_file(project.store.root_of(version))) for version in (good, failed)]
    assert named[0] == named[1] is not None
    assert project.store.failure(good) == ""
    assert "ValueError: a typo" in project.store.failure(failed)


def test_the_status_says_how_far_the_sources_on_disk_are(project: ToyProject) -> None:
    publisher = project.publisher()

    def status() -> tuple[bool, str, bool]:
        found = status_of(project.store, project.root)
        assert found.wanted == sources_version(project.root)
        return found.published, found.served, "a typo" in found.failure

    assert status() == (False, "", False)
    first = str(publish(publisher))
    assert status() == (True, first, False)
    project.break_pipeline("a typo")
    assert status() == (False, first, False)
    publish(publisher)
    assert status() == (False, first, True)
    project.write_pipeline("toy")
    assert publisher.step(compiling=True) == Version(first)
    assert status() == (True, first, False)


def test_airflow_reads_a_new_version_twice_for_it_may_have_read_a_file_of_the_old_one_last(project: ToyProject) -> None:
    publisher = project.publisher()
    dag_file = project.store.dags_of(publish(publisher)) / "toy.py"

    def step_makes_it_new() -> bool:
        os.utime(dag_file, (0, 0))
        publisher.step(compiling=True)
        return dag_file.stat().st_mtime > 0

    assert (step_makes_it_new(), step_makes_it_new()) == (True, False)


def test_a_stale_compiled_pipeline_is_not(project: ToyProject) -> None:
    compile_in_place(project)
    project.write_pipeline("newer")
    assert project.publisher().step(compiling=False) is None
    assert pipeline_of(project.store, publish(project.publisher())) == "newer"


def test_changed_sources_get_a_new_version_and_the_old_snapshot_stays(project: ToyProject) -> None:
    publisher = project.publisher()
    old = publish(publisher)
    project.write_pipeline("newer")
    new = publish(publisher)
    assert {version: pipeline_of(project.store, version) for version in (old, new)} == {old: "toy", new: "newer"}
    assert project.store.names() == sorted([str(old), str(new)])


@pytest.mark.parametrize("changed", ["dags/toy.py", "tfx_modules/settings.toml"])
def test_a_change_anywhere_in_the_sources_counts(project: ToyProject, changed: str) -> None:
    publisher = project.publisher()
    old = publish(publisher)
    with (project.root / changed).open("a") as file:
        file.write("# a change\n")
    new = publish(publisher)
    assert new != old
    assert (project.store.root_of(new) / changed).read_text().endswith("# a change\n")


def test_sources_that_were_in_service_before_are_not_compiled_again(project: ToyProject) -> None:
    publisher = project.publisher()
    old = publish(publisher)
    project.write_pipeline("newer")
    publish(publisher)
    project.write_pipeline("toy")
    assert publisher.step(compiling=True) == old
    assert project.compiler_runs == 2


def test_sources_that_change_while_the_compiler_runs_are_compiled_instead(project: ToyProject) -> None:
    project.write_pipeline("hasty", waiting=True)
    publisher = project.publisher()
    publisher.step(compiling=True)
    wait_until(lambda: project.compiler_runs == 1)
    project.write_pipeline("settled")
    assert pipeline_of(project.store, publish(publisher)) == "settled"
    assert len(project.store.names()) == 1


def test_sources_that_do_not_compile_leave_the_version_before_in_service(project: ToyProject) -> None:
    publisher = project.publisher()
    old = publish(publisher)
    project.break_pipeline("no feature named 'txet'")
    failed = publish(publisher)
    assert failed == Version(old.served, failed=sources_version(project.root))
    assert Version.parse(str(failed)) == failed
    assert pipeline_of(project.store, failed) == "toy"
    assert not list(project.store.dags_of(old).glob("*does_not_compile*"))


def test_sources_that_did_not_compile_are_tried_again_only_when_they_change(project: ToyProject) -> None:
    project.break_pipeline("first")
    failed = publish(project.publisher())
    assert failed.served == ""
    for publisher in (project.publisher(), project.publisher()):
        assert [publisher.step(compiling=True) for _ in range(3)] == [failed] * 3
    assert project.compiler_runs == 1
    project.break_pipeline("second")
    publish(project.publisher())
    assert project.compiler_runs == 2


def test_after_a_failure_the_compile_command_brings_the_same_sources_into_service(project: ToyProject) -> None:
    publisher = project.publisher(NO_COMPILER)
    assert publish(publisher).failed
    compile_in_place(project)
    version = publisher.step(compiling=True)
    assert version == Version(sources_version(project.root))


def test_the_last_reason_is_shown_when_the_same_sources_fail_again(project: ToyProject) -> None:
    old = publish(project.publisher())
    project.break_pipeline("a real mistake")
    first = publish(project.publisher(NO_COMPILER))
    project.write_pipeline("toy")
    assert project.publisher().step(compiling=True) == old
    project.break_pipeline("a real mistake")
    assert publish(project.publisher()) == first
    text = (project.store.dags_of(first) / "pipeline_does_not_compile.py").read_text()
    assert "a real mistake" in text
    assert str(NO_COMPILER) not in text


def test_a_snapshot_that_somebody_removed_is_made_again(project: ToyProject) -> None:
    compile_in_place(project)
    version = project.publisher().step(compiling=False)
    assert version is not None
    project.store.root_of(version).rename(project.state / "gone")
    assert project.store.current() is None
    assert project.publisher().step(compiling=False) == version


STEPPER = """\
import sys, time
from pathlib import Path
from airflow_bert_service.bundle.publisher import Publisher
from airflow_bert_service.bundle.snapshots import SnapshotStore

root, folder, wanted = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
publisher = Publisher(store=SnapshotStore(folder), root=root, tfx_python=Path(sys.executable))
while str(publisher.step(compiling=True)) != wanted:
    time.sleep(0.02)
"""
# Kills the process just before its n-th change of the file system, however far it has come then.
KILLER = """\
import os, signal, sys

changes = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.utime", "os.chmod", "shutil.rmtree"}
left = int(sys.argv[4])

def count(event, args):
    global left
    if event in changes or (event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
"""


def stepper(project: ToyProject, script: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a process that publishes the present sources, and ends when they are in service."""
    wanted = sources_version(project.root)
    folder = project.state / "bundles" / "toy"
    command = [sys.executable, "-c", script, str(project.root), str(folder), wanted, *arguments]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "plugins")})


def test_of_several_processes_one_compiles_and_all_see_the_result(project: ToyProject) -> None:
    processes = [stepper(project, STEPPER) for _ in range(4)]
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    assert project.compiler_runs == 1


def test_nothing_is_left_running_when_the_process_that_compiles_is_killed(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = new_mark()
    for name, value in mark.items():
        monkeypatch.setenv(name, value)
    project.write_pipeline("toy", waiting=True)
    with stepper(project, STEPPER) as process:
        wait_until(lambda: project.compiler_runs == 1)
        assert len(marked(mark)) == 2
        process.send_signal(signal.SIGKILL)
    assert marked_after(mark, seconds=5) == {}
    project.gate.touch()
    assert pipeline_of(project.store, publish(project.publisher())) == "toy"


@pytest.mark.parametrize("compiled", [True, False], ids=["taken over", "compiled"])
def test_whenever_a_process_is_killed_only_complete_snapshots_are_seen(project: ToyProject, compiled: bool) -> None:
    old = publish(project.publisher())
    project.write_pipeline("newer")
    if compiled:
        compile_in_place(project)
    wanted = Version(sources_version(project.root))
    codes: list[int] = []
    while 0 not in codes:
        with stepper(project, KILLER + STEPPER, str(len(codes))) as process:
            codes.append(process.wait(timeout=60))
        names = {pipeline_of(project.store, Version.parse(name)) for name in project.store.names()}
        assert names <= {"toy", "newer"}
        assert project.store.current() in {old, wanted}
    assert project.store.current() == wanted
    # The last process had nothing left to do: every one before was killed, each a step further on.
    assert codes == [-signal.SIGKILL] * (len(codes) - 1) + [0]
    assert len(codes) > 10
