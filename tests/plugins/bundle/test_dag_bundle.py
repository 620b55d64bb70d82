import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from airflow.dag_processing.bundles.base import BundleVersion
from airflow.dag_processing.dagbag import BundleDagBag
from airflow_bert_service.bundle.dag_bundle import PipelineDagBundle
from airflow_bert_service.bundle.snapshots import sources_version
from airflow_bert_service.exceptions import CompiledPipelineError, SettingsError
from airflow_bert_service.pipeline.compiler import compile_pipeline, ir_file

from tests.plugins.toy_project import TFX_PYTHON, ToyProject, publish, wait_until
from tests.support.airflow_home import PROJECT_ROOT
from tests.support.migrated_database import put_migrated_database
from tests.support.survivors import marked_after, new_mark


@pytest.fixture
def project(tmp_path: Path) -> ToyProject:
    return ToyProject.lay_out(tmp_path)


def bundle_of(project: ToyProject, version: str | None = None) -> PipelineDagBundle:
    places = {"root": str(project.root), "state": str(project.state), "tfx_python": str(TFX_PYTHON)}
    bundle = PipelineDagBundle(name="toy", version=version, **places)
    bundle.initialize()
    return bundle


def refresh(bundle: PipelineDagBundle) -> str:
    """Refresh as the DAG processor does, until the version is another one; return that."""
    before = bundle.get_current_version()

    def has_changed() -> bool:
        bundle.refresh()
        return bundle.get_current_version() != before

    wait_until(has_changed)
    after = bundle.get_current_version()
    assert after is not None
    return after.version


def dags_in(bundle: PipelineDagBundle) -> tuple[set[str], Mapping[str, str]]:
    """DAG ids and import errors, by file name, that Airflow finds in a bundle."""
    bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    return set(bag.dags), {Path(path).name: error for path, error in bag.import_errors.items()}


def test_before_the_first_compilation_is_done_there_is_an_empty_folder(project: ToyProject) -> None:
    bundle = bundle_of(project)
    assert bundle.supports_versioning
    assert (list(bundle.path.iterdir()), bundle.get_current_version()) == ([], None)
    version = refresh(bundle)
    assert version == sources_version(project.root)
    assert bundle.path == project.state / "bundles" / "toy" / "versions" / version / "dags"
    assert dags_in(bundle) == ({"toy"}, {})


def test_what_make_compile_left_is_in_service_without_a_refresh(project: ToyProject) -> None:
    compile_pipeline(project.root, ir_file(project.root), TFX_PYTHON)
    assert dags_in(bundle_of(project)) == ({"toy"}, {})


def test_a_pinned_bundle_reads_its_version_although_the_sources_have_changed(project: ToyProject) -> None:
    bundle = bundle_of(project)
    old = refresh(bundle)
    project.write_pipeline("newer")
    new = refresh(bundle)
    assert dags_in(bundle) == ({"newer"}, {})
    pinned = {version: bundle_of(project, version) for version in (old, new)}
    assert [dags_in(pinned[version]) for version in (old, new)] == [({"toy"}, {}), ({"newer"}, {})]
    assert pinned[old].get_current_version() == BundleVersion(version=old)
    modules = pinned[old].path.parent / "tfx_modules" / "pipeline" / "pipeline.py"
    assert modules.read_text() == "NAME = 'toy'\n"


def test_sources_that_do_not_compile_show_as_an_import_error_beside_the_dags_in_service(project: ToyProject) -> None:
    bundle = bundle_of(project)
    old = refresh(bundle)
    project.break_pipeline("no feature named 'txet'")
    refresh(bundle)
    dags, errors = dags_in(bundle)
    assert dags == {"toy"}
    assert list(errors) == ["pipeline_does_not_compile.py"]
    error = errors["pipeline_does_not_compile.py"]
    assert "CompileError" in error
    assert f'File "{project.root}/tfx_modules/pipeline/pipeline.py", line 1' in error
    assert error.count("ValueError: no feature named 'txet'") == 1, "the traceback does not say everything twice"
    assert f"version {old} stays in service" in error

    project.write_pipeline("mended")
    refresh(bundle)
    assert dags_in(bundle) == ({"mended"}, {})


def test_a_first_compilation_that_fails_shows_too(project: ToyProject) -> None:
    project.break_pipeline("never worked")
    bundle = bundle_of(project)
    refresh(bundle)
    dags, errors = dags_in(bundle)
    assert dags == set()
    assert "ValueError: never worked" in errors["pipeline_does_not_compile.py"]
    assert "nothing is in service" in errors["pipeline_does_not_compile.py"]


LABELS = "AIRFLOW__BERT_SERVICE__LABELS"


def test_settings_that_cannot_be_used_show_as_an_import_error(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "airflows"))
    good = refresh(bundle_of(project))
    monkeypatch.setenv(LABELS, "good: good; bad: bad")
    places = {"root": str(project.root), "state": str(project.state), "tfx_python": str(TFX_PYTHON)}
    bundle = PipelineDagBundle(name="toy", **places)
    assert list(dags_in(bundle)[1]) == ["settings_are_wrong.py"], "as `airflow dags list-import-errors` reads it"
    bundle.initialize()
    bundle.refresh()
    dags, errors = dags_in(bundle)
    assert (dags, list(errors)) == (set(), ["settings_are_wrong.py"])
    (error,) = errors.values()
    assert "SettingsError: [bert_service] labels" in error
    assert "restart Airflow" in error
    assert "in load_settings" not in error, "where in our code it was found helps nobody"

    monkeypatch.setenv(LABELS, "good")
    other = bundle_of(project)
    assert other.get_current_version() != bundle.get_current_version(), "Airflow has to look for files anew"
    with pytest.raises(SettingsError, match="labels"):
        PipelineDagBundle(name="toy", version=good).initialize()  # as a task does, whose log has the error then

    monkeypatch.delenv(LABELS)
    bundle.refresh()  # such as of a restore that has ended meanwhile
    assert dags_in(bundle) == ({"toy"}, {})
    assert dags_in(bundle_of(project, good)) == ({"toy"}, {})


def test_airflow_comes_back_at_once_while_the_compiler_runs(project: ToyProject) -> None:
    places = {"root": str(project.root), "state": str(project.state), "tfx_python": str(TFX_PYTHON)}
    bundle = PipelineDagBundle(name="toy", refresh_interval=300, **places)
    bundle.initialize()
    bundle.refresh()
    assert bundle.refresh_interval == 0
    refresh(bundle)
    assert bundle.refresh_interval == 300


def test_a_run_of_a_version_with_an_import_error_reads_the_dags_in_service(project: ToyProject) -> None:
    bundle = bundle_of(project)
    refresh(bundle)
    project.break_pipeline("broken")
    pinned = bundle_of(project, refresh(bundle))
    bag = BundleDagBag(dag_folder=pinned.path / "toy.py", bundle_path=pinned.path, bundle_name="toy")
    assert (set(bag.dags), bag.import_errors) == ({"toy"}, {})


def test_a_pinned_bundle_says_when_the_sources_on_disk_are_another_version(project: ToyProject) -> None:
    old = refresh(bundle_of(project))
    pinned = bundle_of(project, old)
    assert (pinned.served_sources(), pinned.other_sources()) == (old, "")
    project.break_pipeline("a typo")
    newer = sources_version(project.root)
    assert (pinned.served_sources(), pinned.other_sources()) == (old, newer)
    failing = bundle_of(project, refresh(bundle_of(project)))
    assert (failing.served_sources(), failing.other_sources()) == (old, newer)


def test_a_machine_without_the_sources_says_nothing_of_them(project: ToyProject) -> None:
    pinned = bundle_of(project, refresh(bundle_of(project)))
    shutil.rmtree(project.root / "tfx_modules")
    assert pinned.other_sources() == ""


def test_what_a_bundle_shows_changes_only_in_refresh(project: ToyProject) -> None:
    bundle = bundle_of(project)
    before = (bundle.path, refresh(bundle), bundle.path)[1:]
    project.write_pipeline("newer")
    publish(project.publisher())  # as another DAG processor does
    shown = bundle.get_current_version()
    assert (shown.version if shown else None, bundle.path) == before
    assert refresh(bundle) == sources_version(project.root)


def test_refresh_returns_at_once_while_the_compiler_runs(project: ToyProject) -> None:
    bundle = bundle_of(project)
    refresh(bundle)
    for number in range(60):  # about as many sources as the real project
        (project.root / "tfx_modules" / f"module_{number}.py").write_text(f"# {number}\n" * 400)
    project.write_pipeline("slow", waiting=True)
    seconds = []
    for _ in range(20):
        began = time.monotonic()
        bundle.refresh()
        seconds.append(time.monotonic() - began)
    assert statistics.median(seconds) < 0.2
    wait_until(lambda: project.compiler_runs == 2)
    project.gate.touch()
    refresh(bundle)
    assert dags_in(bundle) == ({"slow"}, {})


@pytest.mark.parametrize("version", ["0123456789abcdef", "..", ""])
def test_a_version_without_a_snapshot_is_an_error_that_lists_those_there_are(project: ToyProject, version: str) -> None:
    there = refresh(bundle_of(project))
    with pytest.raises(
        CompiledPipelineError, match=rf"version .* of DAG bundle 'toy' is missing; there are {there} in"
    ):
        bundle_of(project, version)


def test_a_pinned_bundle_refuses_to_be_refreshed(project: ToyProject) -> None:
    pinned = bundle_of(project, refresh(bundle_of(project)))
    with pytest.raises(CompiledPipelineError, match="only a bundle without a version can be refreshed"):
        pinned.refresh()


@pytest.fixture
def environment(project: ToyProject, tmp_path: Path) -> dict[str, str]:
    """Environment of an Airflow that has the toy project's bundle, configured as airflow.cfg does it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    bundles = [{"name": "toy", "classpath": "airflow_bert_service.bundle.dag_bundle.PipelineDagBundle", "kwargs": {}}]
    return {
        **kept,
        **new_mark(),
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "AIRFLOW__BERT_SERVICE__ROOT": str(project.root),
        "AIRFLOW__BERT_SERVICE__STATE": str(project.state),
        "AIRFLOW__BERT_SERVICE__TFX_PYTHON": str(TFX_PYTHON),
    }


@contextmanager
def dag_processor(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    put_migrated_database(Path(environment["AIRFLOW_HOME"]))
    command = [sys.executable, "-m", "airflow", "dag-processor"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            yield process
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Stop a DAG processor. A signal that comes while it forks is lost: Python ignores what Airflow raises then."""
    for _ in range(24):
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            return
    process.kill()
    process.wait()


@dataclass(frozen=True)
class Database:
    """Airflow's database, as its UI reads it."""

    file: Path

    def dags(self) -> list[tuple[object, ...]]:
        return self._query("SELECT dag_id, bundle_version FROM dag WHERE NOT is_stale")

    def readings(self) -> list[tuple[object, ...]]:
        """When each DAG was last read."""
        return self._query("SELECT dag_id, last_parsed_time FROM dag ORDER BY dag_id")

    def errors(self) -> str:
        return "".join(str(row[0]) for row in self._query("SELECT stacktrace FROM import_error"))

    def _query(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file, timeout=30)) as database:
            return database.execute(sql).fetchall()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "home" / "airflow.db")


@pytest.mark.slow
def test_wrong_settings_are_import_errors_until_they_are_corrected(
    project: ToyProject, environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    wrong = {LABELS: "good: good; bad: bad"}
    with dag_processor({**environment, **wrong}, tmp_path / "fresh"):
        wait_until(lambda: "[bert_service] labels has the part 'good: good'" in database.errors(), seconds=60)
    with dag_processor(environment, tmp_path / "good"):
        wait_until(lambda: database.dags() == [("toy", sources_version(project.root))], seconds=60)
        wait_until(lambda: database.errors() == "", seconds=60)
    with dag_processor({**environment, **wrong}, tmp_path / "used"):
        wait_until(lambda: "[bert_service] labels has the part 'good: good'" in database.errors(), seconds=60)
        wait_until(lambda: database.dags() == [], seconds=60)
    with dag_processor(environment, tmp_path / "good again"):
        wait_until(lambda: database.dags() == [("toy", sources_version(project.root))], seconds=60)
        wait_until(lambda: database.errors() == "", seconds=60)


@pytest.mark.slow
def test_airflows_dag_processor_serves_the_bundle(
    project: ToyProject, environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    dags, errors = database.dags, database.errors
    with dag_processor(environment, tmp_path / "log"):
        old = sources_version(project.root)
        wait_until(lambda: dags() == [("toy", old)], seconds=60)
        project.break_pipeline("no feature named 'txet'")
        wait_until(lambda: "no feature named 'txet'" in errors(), seconds=60)
        assert [row[0] for row in dags()] == ["toy"]
        project.write_pipeline("newer")
        new = sources_version(project.root)
        wait_until(lambda: ("newer", new) in dags(), seconds=60)
        assert errors() == ""
        project.write_pipeline("never finished", waiting=True)
        wait_until(lambda: project.compiler_runs == 4)
    assert marked_after(environment, seconds=10) == {}


REQUEST_CALLBACK = """
import sys
from airflow.callbacks.callback_requests import DagCallbackRequest
from airflow.models.callback import DagProcessorCallback
from airflow.utils.session import create_session

of = {"dag_id": "toy", "run_id": "failed", "filepath": "toy.py", "bundle_name": "toy", "bundle_version": sys.argv[1]}
with create_session() as session:
    session.add(DagProcessorCallback(priority_weight=1, callback=DagCallbackRequest(**of, msg="task_failure")))
"""
CALLED = "Callback requested, but dag didn't have any"


@pytest.mark.slow
def test_after_a_callback_airflow_reads_the_file_at_its_interval_as_before(
    project: ToyProject, environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    with dag_processor(environment, tmp_path / "log"):
        version = sources_version(project.root)
        wait_until(lambda: database.dags() == [("toy", version)], seconds=60)
        command = [sys.executable, "-c", REQUEST_CALLBACK, version]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
        logs = tmp_path / "home" / "logs"
        wait_until(lambda: any(CALLED in file.read_text() for file in logs.rglob("toy.py.log")), seconds=60)
        seen = set()
        for _ in range(16):
            time.sleep(0.5)
            seen.add(str(database.readings()))
    # Every 30 s, and once more where a reading had begun before: not in each of the eight seconds.
    assert len(seen) <= 3
