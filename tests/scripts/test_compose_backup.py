"""Backup and restore of the container stack, with a real Docker engine, Compose client and PostgreSQL.

The stack's own images need a registry. Here containers of an empty image run this machine's programs instead, and
PostgreSQL's socket is mounted; what the commands send to Docker, Compose, PostgreSQL and the volumes is the real thing.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import compose_backup
from scripts.errors import StackError
from scripts.stack.environment import plain_environment
from tests.support.docker_engine import IMAGE, Engine, host_mounts, running_engine
from tests.support.postgres import running_postgres

ROOT = Path(__file__).parents[2]
PROJECT = "restored"
DATABASES = compose_backup.DATABASES
VERSION = "2026110501"
PROMOTE = f"""
import datetime as dt, pathlib, sys
from tfx_modules.promotion.events import Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository
model, day = pathlib.Path(sys.argv[1]), dt.date(2026, 11, 5)
model.mkdir()
(model / "saved_model.pb").write_text("the champion")
repository = ModelRepository(pathlib.Path(sys.argv[2]) / "bert_sentiment")
run = Run(dag_id="bert_sentiment", run_id="run-5", data_date=day, first_day=day)
promoter = Promoter(open_ledger(sys.argv[3], "bert_sentiment"), repository)
event = promoter.promote(Candidate(run=run, model=model, actor="a"), lambda _: GateResult(passed=True, reason="good"))
assert event.version == {VERSION}, event
"""


@dataclass(frozen=True)
class ComposeStack:
    """A stack of two services: one that reaches PostgreSQL, and one that has the volumes."""

    engine: Engine
    socket: Path
    """The folder of PostgreSQL's."""
    environ: Mapping[str, str]

    def compose(self, *words: str) -> None:
        subprocess.run([*compose_backup.compose_command(), *words], env=dict(self.environ), cwd=ROOT, check=True)

    def query(self, database: str, statement: str) -> str:
        command = ["psql", "-qtA", "-v", "ON_ERROR_STOP=1", "-c", statement]
        done = subprocess.run([*command, self.address(database)], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def address(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.socket}"

    def volume(self, name: str) -> Path:
        """The folder of a volume on this machine."""
        found: dict[str, Any] = self.engine.client.inspect_volume(f"{PROJECT}_{name}")
        return Path(found["Mountpoint"])

    def make_databases(self) -> None:
        for name in DATABASES:
            self.query("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            self.query("postgres", f"CREATE DATABASE {name}")

    def begin_anew(self) -> None:
        """As on a new machine, where `docker compose up -d postgres` was called."""
        self.compose("down", "--volumes")
        self.make_databases()
        self.compose("up", "-d", "postgres")


def _services(socket: Path) -> dict[str, Any]:
    environments = [(ROOT / ".venv" / name).resolve() for name in ("airflow", "tfx")]
    homes = [(path / "pyvenv.cfg").read_text().partition("home = ")[2].partition("\n")[0] for path in environments]
    folders = {ROOT, *environments, *(Path(home).resolve().parent for home in homes), Path("/etc/passwd")}
    binds = sorted({f"{mount.source}:{mount.target}:ro" for mount in host_mounts(*folders)})
    settings = {
        "PATH": f"{ROOT}/.venv/airflow/bin:/usr/bin:/bin",
        "PYTHONPATH": f"{ROOT}/plugins",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AIRFLOW_HOME": "/state/airflow",
        "AIRFLOW__BERT_SERVICE__STATE": "/state",
        "AIRFLOW__BERT_SERVICE__LEDGER": f"postgresql://postgres@/ledger?host={socket}",
        "AIRFLOW__BERT_SERVICE__METADATA": f"postgresql://postgres@/mlmd?host={socket}",
    }
    part = {"image": IMAGE, "network_mode": "none", "init": True, "command": ["sleep", "infinity"]}
    sockets = f"{socket}:{socket}"
    return {
        "postgres": {**part, "environment": {"PGHOST": str(socket)}, "volumes": [*binds, sockets]},
        "dag-processor": {
            **part,
            "environment": settings,
            "volumes": [*binds, sockets, "state:/state", "models:/state/models"],
        },
    }


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[ComposeStack]:
    with running_postgres() as socket, running_engine() as engine:
        file = tmp_path / "compose.yaml"
        file.write_text(
            yaml.safe_dump(
                {"version": "2.4", "services": _services(socket), "volumes": {"state": None, "models": None}}
            )
        )
        environ = {
            **plain_environment(os.environ),
            "DOCKER_HOST": engine.address,
            "COMPOSE_FILE": str(file),
            "COMPOSE_PROJECT_NAME": PROJECT,
        }
        try:
            compose_backup.compose_command()
        except StackError as error:
            pytest.skip(str(error))
        yield ComposeStack(engine, socket, environ)


def fill(stack: ComposeStack, folder: Path) -> None:
    """Put a version in service, an artifact that no database knows beside it, and a fact into each database."""
    stack.make_databases()
    stack.compose("up", "-d")
    python = ROOT / ".venv" / "tfx" / "bin" / "python"
    words = [str(folder / "trained"), str(stack.volume("models")), stack.address("ledger")]
    environment = {**plain_environment(os.environ), "PYTHONPATH": str(ROOT)}
    subprocess.run([str(python), "-c", PROMOTE, *words], env=environment, check=True)
    for name in DATABASES:
        stack.query(name, "CREATE TABLE facts (fact text)")
        stack.query(name, "INSERT INTO facts SELECT current_database() || ' as saved'")
    unknown = stack.volume("state") / "pipeline" / "Trainer" / "model" / "7"
    unknown.mkdir(parents=True)
    (unknown / "weights").write_text("of a run after the databases were saved")


def facts(stack: ComposeStack) -> list[str]:
    return [stack.query(name, "SELECT fact FROM facts") for name in DATABASES]


def test_a_stack_is_saved_and_restored_also_after_a_restore_that_failed(
    stack: ComposeStack, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(stack, tmp_path)
    backup = tmp_path / "backup"
    compose_backup.save(backup, stack.environ)
    with pytest.raises(
        StackError, match=r"the database airflow, .* the volumes \(they have .*\) is not empty; allowed"
    ):
        compose_backup.restore(backup, stack.environ)
    assert facts(stack) == [f"{name} as saved" for name in DATABASES]

    stack.begin_anew()
    stack.query("postgres", "ALTER DATABASE mlmd SET default_transaction_read_only = on")
    with pytest.raises(StackError, match=r"cannot execute .* in a read-only transaction"):
        compose_backup.restore(backup, stack.environ)
    assert (stack.volume("state") / compose_backup.RESTORING).exists(), "no other service starts"
    stack.query("postgres", "ALTER DATABASE mlmd RESET default_transaction_read_only")
    compose_backup.restore(backup, stack.environ)

    said = capfd.readouterr().out
    assert "moved aside: /state/pipeline/Trainer/model/7 -> /state/pipeline/.aside/" in said
    assert f"{VERSION} is in service" in said
    assert facts(stack) == [f"{name} as saved" for name in DATABASES]
    served = stack.volume("models") / "bert_sentiment" / VERSION
    assert (served / "saved_model.pb").read_text() == "the champion"
    state = stack.volume("state")
    assert not (state / compose_backup.RESTORING).exists()
    assert [path.read_text() for path in state.glob("pipeline/.aside/*/weights")] == [
        "of a run after the databases were saved"
    ]
    assert not (state / "pipeline" / "Trainer" / "model" / "7").exists()
    with pytest.raises(StackError, match="is not empty; allowed: a new stack"):
        compose_backup.restore(backup, stack.environ)
