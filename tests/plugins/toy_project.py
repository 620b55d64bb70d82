"""A project small enough to compile in no time: its `tfx_modules` are plain Python, run by the tests' own one."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.bundle.publisher import Publisher
from airflow_bert_service.bundle.snapshots import SnapshotStore, Version

TFX_PYTHON = Path(sys.executable)

_DAG_FILE = """\
from pathlib import Path

from airflow.sdk import DAG
from airflow_bert_service.pipeline.plan import load_plan

plan = load_plan(Path(__file__).parent / "compiled" / "bert_sentiment.json")
with DAG(dag_id=plan.id):
    pass
"""
_COMPILER = """\
import argparse, json, os
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--output", type=Path)
parser.add_argument("--settings")
options = parser.parse_args()
output = options.output
with open({runs!r}, "a") as runs:
    runs.write(f"{{os.getpid()}}\\n")

from tfx_modules.pipeline import pipeline

print("the toy compiler says hello")
chosen = {{"settings": options.settings}} if options.settings else {{}}
output.write_text(json.dumps({{"pipeline_info": {{"id": pipeline.NAME}}, "nodes": [], **chosen}}))
"""
_WAITING = """\
import time
from pathlib import Path

while not Path({gate!r}).exists():
    time.sleep(0.02)
"""


@dataclass(frozen=True)
class ToyProject:
    """A source root, and a folder for state beside it."""

    root: Path
    state: Path
    gate: Path
    """Sources written with `waiting` compile only when this file is there."""
    runs_file: Path

    @classmethod
    def lay_out(cls, folder: Path) -> "ToyProject":
        project = cls(folder / "project", folder / "state", folder / "gate", folder / "runs")
        for name in ("dags", "tfx_modules/pipeline"):
            (project.root / name).mkdir(parents=True)
        (project.root / "dags" / "toy.py").write_text(_DAG_FILE)
        (project.root / "tfx_modules" / "__init__.py").write_text("")
        (project.root / "tfx_modules" / "pipeline" / "__init__.py").write_text("")
        (project.root / "tfx_modules" / "pipeline" / "compile.py").write_text(
            _COMPILER.format(runs=str(project.runs_file))
        )
        project.write_pipeline("toy")
        return project

    def write_pipeline(self, name: str, *, waiting: bool = False) -> None:
        """Change the sources: a pipeline of this name, whose DAG has that name too."""
        text = _WAITING.format(gate=str(self.gate)) if waiting else ""
        (self.root / "tfx_modules" / "pipeline" / "pipeline.py").write_text(f"{text}NAME = {name!r}\n")

    def break_pipeline(self, error: str) -> None:
        """Change the sources into ones that do not compile."""
        (self.root / "tfx_modules" / "pipeline" / "pipeline.py").write_text(f"raise ValueError({error!r})\n")

    @property
    def compiler_runs(self) -> int:
        return len(self.runs_file.read_text().split()) if self.runs_file.exists() else 0

    @property
    def store(self) -> SnapshotStore:
        return SnapshotStore(self.state / "bundles" / "toy")

    def publisher(self, tfx_python: Path = TFX_PYTHON) -> Publisher:
        return Publisher(store=self.store, root=self.root, tfx_python=tfx_python)


def publish(publisher: Publisher) -> Version:
    """Let a publisher do its steps until it has dealt with the present sources."""
    before = publisher.store.current()
    wait_until(lambda: publisher.step(compiling=True) != before)
    version = publisher.store.current()
    assert version is not None
    return version


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {seconds} s"
        time.sleep(0.05)
