"""`make up` and the commands beside it after edits: Ready, and every run, are of the sources that are on disk.

The stack runs in a copy of the project, whose sources the tests edit.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from airflow_bert_service.bundle.snapshots import sources_version

from scripts.stack.api import AirflowApi
from scripts.stack.credentials import USER, ensure_credentials
from scripts.stack.paths import find_paths
from scripts.stack.ports import LOOPBACK
from tests.e2e.conftest import DAG, READY_SECONDS, ROOT, Site, new_site, stop, wait_for_text

pytestmark = pytest.mark.slow

COPIED = ("airflow.cfg", "dags", "data", "plugins", "scripts", "tfx_modules")
IGNORED = shutil.ignore_patterns("__pycache__", "compiled")
DATA_ONLY = json.dumps({"data_date": "2026-11-05", "mode": "data_only"})
PIPELINE = Path("pipeline", "pipeline.py")
BROKEN = 'raise RuntimeError("half done")\n'
FAILED = "does not compile:"


@dataclass(frozen=True)
class Copy:
    """A copy of the project, with a state of its own."""

    site: Site

    def edit(self, epochs: int, *, code: str = "") -> str:
        """Change a setting of the pipeline, and the end of its code; return the version of the sources."""
        modules = self.site.paths.root / "tfx_modules"
        settings = (ROOT / "tfx_modules" / "settings.toml").read_text()
        changed, count = re.subn(r"(?m)^epochs = \d+", f"epochs = {epochs}", settings)
        assert count == 1
        _write(modules / "settings.toml", changed)
        _write(modules / PIPELINE, (ROOT / "tfx_modules" / PIPELINE).read_text() + code)
        return sources_version(self.site.paths.root)

    @contextmanager
    def up(self, log: Path) -> Iterator[AirflowApi]:
        """Run the stack, as `make up` does; wait until it has said what is in service."""
        python = self.site.paths.airflow_python
        with log.open("wb") as output:
            process = subprocess.Popen(
                [python, "-m", "scripts.up"],
                cwd=self.site.paths.root,
                env=dict(self.site.environ),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for_text(log, "Ctrl-C stops everything", process, READY_SECONDS)
            password = ensure_credentials(self.site.paths.secrets).password
            with AirflowApi(f"http://{LOOPBACK}:{self.site.ports.ui}", user=USER, password=password) as api:
                yield api
        finally:
            stop(process)

    def airflow(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the project's command for Airflow beside the stack."""
        command = [str(self.site.paths.root / "scripts" / "bert"), "airflow", *arguments]
        return subprocess.run(command, env=dict(self.site.environ), capture_output=True, text=True, check=False)


def _write(file: Path, text: str) -> None:
    """Write a file as editors do that replace it: it is never there in part."""
    part = file.with_name(f"{file.name}.swp")
    part.write_text(text)
    part.replace(file)


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    root = tmp_path / "project"
    root.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=IGNORED)
        else:
            shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to((ROOT / ".venv").resolve())
    with new_site(used=True) as made:
        # A last day in the past: the schedule makes no run, and the test's own are the only ones.
        environ = {**made.environ, "AIRFLOW__BERT_SERVICE__LAST_DAY": "2026-11-08"}
        yield Copy(replace(made, paths=find_paths(environ, root), environ=environ))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def ready(version: str) -> str:
    return f"Ready. The DAG {DAG} is there, in pipeline version {version}, compiled "


def test_ready_and_runs_are_of_the_sources_on_disk(copy: Copy, tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    first = sources_version(copy.site.paths.root)
    with copy.up(log) as api:
        assert ready(first) in log.read_text()
        # A run that is triggered right after an edit waits for it.
        second = copy.edit(5)
        done = copy.airflow("dags", "trigger", DAG, "-r", "edited", "--conf", DATA_ONLY)
        assert done.returncode == 0, done.stderr
        assert f"in version {second} of the sources. `airflow dags trigger` follows." in done.stderr
        assert [run["bundle_version"] for run in api.runs(DAG)] == [second]
        until(lambda: ready(second) in log.read_text())
        # Sources that do not compile are told of, and begin no run by a command.
        third = copy.edit(5, code=BROKEN)
        until(lambda: FAILED in log.read_text())
        assert f"Version {third} of the sources is not in service. It {FAILED}" in log.read_text()
        refused = copy.airflow("dags", "trigger", DAG, "-r", "refused")
        assert refused.returncode == 1
        assert "RuntimeError: half done" in refused.stderr
        # One that the UI begins uses the version before, and says so.
        api.set_paused(DAG, paused=False)
        until(lambda: api.runs(DAG, "running", "success", "failed"))
        (run,) = api.runs(DAG)
        assert run["note"].startswith(f"data date: 2026-11-05; pipeline version: {second}; the sources on disk were ")
        assert f"version {third}, not in service yet" in run["note"]
        logs = copy.site.paths.logs / "tasks"
        until(lambda: any(f"pipeline version {second}, compiled " in file.read_text() for file in logs.rglob("*.log")))
        api.fail_run(DAG, "edited")

    # A restart after an edit while nothing ran, on a state that knows the DAG.
    fourth = copy.edit(4, code=BROKEN)
    with copy.up(log):
        said = log.read_text()
        assert f"Version {fourth} of the sources is not in service. It {FAILED}" in said
        assert f"version {second} stays in service" in said
        assert "Ready" not in said
        fifth = copy.edit(4)
        until(lambda: ready(fifth) in log.read_text())
