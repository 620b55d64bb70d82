"""A node in a container of its own ends as one in a process does; the engine and its containers are real ones."""

import datetime as dt
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.models.xcom import XComModel
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout
from airflow.utils.session import create_session
from airflow_bert_service.clients.container import VARIABLES
from airflow_bert_service.exceptions import BertServiceError, ContainerError, NodeCancelledError, OutcomeError
from airflow_bert_service.nodes.container import ContainerMount, NodeContainer
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.nodes.request import GpuUse
from airflow_bert_service.operators.node_container import TfxNodeDockerOperator
from airflow_bert_service.runs.annotations import FAILURE, REPORT, VERDICT
from sqlalchemy import select

from tests.plugins.conftest import MODULE_ROOT
from tests.plugins.environments import environment
from tests.plugins.gate_run import migrate, run_dag
from tests.plugins.tries import MadeUpTry
from tests.support.docker_engine import IMAGE, PYTHON, Engine, host_mounts, running_engine

RUN = "manual__2026-11-05T00:00:00+00:00"
BLOCKED = "blocked: split train: review has 3 missing values"
# Docker's client leaves the connection that a container's output came by to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

WAIT_SECONDS = 20.0
AIRFLOW_KILLS_AFTER = 5.0  # seconds after it has asked


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine() as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_left(engine: Engine) -> Iterator[None]:
    yield
    gc.collect()  # here, where the warning of it is passed over
    left = engine.containers()
    for container in left:
        engine.client.remove_container(container, force=True)
    assert left == []


class Task:
    """A task instance as its operator sees it."""

    def __init__(self, **changes: object) -> None:
        known: dict[str, Any] = {"dag_id": "toy", "run_id": RUN, "map_index": -1, "try_number": 1}
        self.of_try = MadeUpTry(**{"task_id": "Trainer", **known, **changes})
        self.of_try.begin_again()
        self.context: Any = {"run_id": RUN, "ti": self.of_try}


def operator(
    engine: Engine,
    folder: Path,
    *,
    act: str,
    changes: dict[str, Any] | None = None,
    parameters: Mapping[str, str] | None = None,
    **arguments: Any,
) -> TfxNodeDockerOperator:
    container = NodeContainer(
        image=IMAGE,
        python=str(PYTHON),
        mounts=(ContainerMount(str(folder), folder), *host_mounts(MODULE_ROOT)),
        network="none",
        engine=engine.address,
    )
    place: NodeEnvironment = environment(folder, python="/no/python", socket=Path("/no/server"))
    return TfxNodeDockerOperator(
        task_id="Trainer",
        tfx_node="Trainer",
        environment=replace(place, metadata="postgresql://tfx:open-sesame@db/mlmd"),
        container=replace(container, **(changes or {})),
        parameters={"act": act, **(parameters or {})},
        **arguments,
    )


def wait_for(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not found():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.05)


def test_the_result_is_the_outcome_and_not_the_end_of_the_log(
    engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result = operator(engine, tmp_path, act="complete").execute(Task().context)
    assert (result["node"], result["state"], result["execution_id"]) == ("Trainer", "complete", 7)
    log = capfd.readouterr().out
    assert f"Trainer runs for {RUN}" in log
    assert "Trainer: complete" in log.splitlines()[-1]
    assert list((tmp_path / "outcomes").iterdir()) == []


@pytest.mark.parametrize(
    ("state", "error", "reason", "pushed"),
    [
        ("skipped", AirflowSkipException, "the model is not blessed: accuracy 0.612 < floor 0.7", {}),
        ("blocked", AirflowFailException, BLOCKED, {VERDICT: BLOCKED, FAILURE: BLOCKED}),
        ("failed", AirflowException, "out of memory", {FAILURE: "out of memory"}),
    ],
)
def test_other_ends_raise_and_are_told_as_those_of_a_process_are(
    engine: Engine, tmp_path: Path, state: str, error: type[Exception], reason: str, pushed: dict[str, str]
) -> None:
    task = Task()
    with pytest.raises(error, match=reason) as raised:
        operator(engine, tmp_path, act=state).execute(task.context)
    assert raised.type is error
    assert task.of_try.left == pushed


def test_a_report_is_found(engine: Engine, tmp_path: Path) -> None:
    task = Task()
    operator(
        engine, tmp_path, act="report", parameters={"state": "complete", "page": "<p>"}, report_output="anomalies"
    ).execute(task.context)
    report = tmp_path / "pipeline" / "Trainer" / "anomalies" / "7" / "report.html"
    assert task.of_try.left == {REPORT: str(report)}
    assert (report.read_text(), report.stat().st_uid) == ("<p>", os.getuid())


def test_request_and_surroundings(
    engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a-secret-of-airflows")
    operator(engine, tmp_path, act="echo", gpu=GpuUse.REQUIRED).execute(Task().context)
    log = capfd.readouterr().out
    line = next(line for line in log.splitlines() if "ECHO " in line)
    seen = json.JSONDecoder().raw_decode(line.partition("ECHO ")[2])[0]
    assert (seen["request"]["gpu"], seen["request"]["parameters"]) == ("required", {"act": "echo"})
    assert seen["cwd"] == str(MODULE_ROOT)
    assert {name for name in seen["environ"] if name.startswith("AIRFLOW")} == set()
    assert seen["environ"].items() >= VARIABLES.items()
    assert "größer ✓" in log
    assert "no line end" in log


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("crash", r"node 'Trainer' ended with signal SIGKILL: node 'Trainer' wrote no outcome"),
        ("quit", r"ended with exit code 3: .* wrote no outcome"),
        ("not json", r"is not an outcome \(JSONDecodeError"),
    ],
)
def test_a_node_without_a_readable_outcome_is_an_error_that_is_tried_again(
    engine: Engine, tmp_path: Path, act: str, message: str
) -> None:
    with pytest.raises(OutcomeError, match=message):
        operator(engine, tmp_path, act=act).execute(Task().context)


def test_a_bad_end_after_the_work_is_told_but_does_not_undo_it(
    engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert operator(engine, tmp_path, act="bad end").execute(Task().context)["state"] == "complete"
    assert "is complete, but its process ended with signal SIGABRT" in capfd.readouterr().out


def test_what_a_node_leaves_behind_neither_holds_the_task_nor_lives_on(engine: Engine, tmp_path: Path) -> None:
    result = operator(engine, tmp_path, act="daemon", parameters={"pids": str(tmp_path / "pids")}).execute(
        Task().context
    )
    assert result["state"] == "complete"


@pytest.mark.parametrize("manner", [{}, {"stubborn": "yes"}], ids=["obedient", "ignores SIGTERM"])
def test_airflows_sigterm_ends_the_container_in_time_and_execute_raises(
    engine: Engine, tmp_path: Path, manner: dict[str, str]
) -> None:
    pids, asked = tmp_path / "pids", []
    task = operator(engine, tmp_path, act="hang", parameters={"pids": str(pids), **manner})

    def terminate() -> None:
        wait_for(pids.exists)
        asked.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda *_: task.on_kill())
    threading.Thread(target=terminate).start()
    with pytest.raises(NodeCancelledError, match="node 'Trainer' was killed"):
        task.execute(Task().context)
    assert time.monotonic() - asked[0] < AIRFLOW_KILLS_AFTER
    signal.signal(signal.SIGTERM, before)
    assert list((tmp_path / "outcomes").iterdir()) == []


def test_a_time_out_ends_the_container(engine: Engine, tmp_path: Path) -> None:
    """Airflow's execution timeout raises in the middle of `execute`, and calls `on_kill` only then."""
    pids = tmp_path / "pids"
    task = operator(engine, tmp_path, act="hang", parameters={"pids": str(pids)})

    def time_out(*_: object) -> None:
        raise AirflowTaskTimeout("execution_timeout")

    def interrupt() -> None:
        wait_for(pids.exists)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, time_out)
    threading.Thread(target=interrupt).start()
    with pytest.raises(AirflowTaskTimeout, match="execution_timeout"):
        task.execute(Task().context)
    task.on_kill()
    signal.signal(signal.SIGUSR1, before)


def test_a_time_limit_ends_the_container_and_says_so(engine: Engine, tmp_path: Path) -> None:
    limit = dt.timedelta(seconds=8)
    given = {"pids": str(tmp_path / "pids")}
    task, running = operator(engine, tmp_path, act="hang", parameters=given, execution_timeout=limit), Task()

    with (
        pytest.raises(AirflowTaskTimeout, match="time limit: one try may take 0:00:08, and was stopped"),
        timeout(limit.total_seconds()),  # type: ignore[no-untyped-call]
    ):
        task.execute(running.context)
    task.on_kill()

    assert (tmp_path / "pids").exists()
    assert engine.containers() == []
    assert running.of_try.left[FAILURE].startswith("time limit: one try may take 0:00:08")


def test_on_kill_before_execute_does_nothing(engine: Engine, tmp_path: Path) -> None:
    operator(engine, tmp_path, act="complete").on_kill()


KILLED = """
import sys
from tests.plugins.operators.test_node_container import Engine, Path, Task, operator
address, folder, pids = sys.argv[1:]
task = operator(Engine(address, None), Path(folder), act="hang", parameters={"pids": pids})
task.execute(Task().context)
"""


def test_a_container_whose_worker_was_killed_ends_with_the_next_try_and_others_go_on(
    engine: Engine, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    command = [sys.executable, "-c", KILLED, engine.address, str(tmp_path), str(pids)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": ".:plugins"}) as worker:
        wait_for(pids.exists)
        worker.kill()
    (orphan,) = engine.running()
    details = json.dumps(engine.client.inspect_container(orphan))
    assert "open-sesame" not in details + engine.client.logs(orphan).decode()
    assert "request.json" in details

    # Neither another run's nor another installation's is taken for an earlier try of this one.
    operator(engine, tmp_path, act="complete").execute(Task(run_id="another").context)
    other_state = tmp_path / "other"
    other_state.mkdir()
    operator(engine, other_state, act="complete").execute(Task().context)
    assert engine.running() == [orphan]

    operator(engine, tmp_path, act="complete").execute(Task(try_number=2).context)
    assert engine.running() == []


def test_a_node_that_takes_more_memory_than_its_limit_is_killed_and_its_log_says_so(
    engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if not engine.client.info()["MemoryLimit"]:
        pytest.skip("the engine cannot limit memory here: there is no cgroup for it")
    with pytest.raises(OutcomeError, match=r"ended with signal SIGKILL"):
        operator(engine, tmp_path, act="eat", changes={"memory": "64m"}).execute(Task().context)
    assert "the node was killed, perhaps because it took more than container_memory, 64m" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"image": "bert-service/none:test"},
            r"bert-service/none:test: no such image, and it cannot be pulled: .*Build or load container_image",
        ),
        ({"gpus": -1}, r"could not select device driver .*Install NVIDIA's container toolkit.*or empty container_gpus"),
        ({"network": "backend"}, r"network backend not found.*Correct container_network"),
        ({"python": "/no/python"}, r"could not start /no/python \(exit code 127\); .*Correct container_python"),
        ({"memory": "1k"}, r"(?i)minimum memory limit.*Raise container_memory"),
        ({"engine": "unix:///no/docker.sock"}, r"engine at unix:///no/docker\.sock cannot .*Start the engine, or set"),
        ({"engine": "tcp://127.0.0.1:1"}, r"engine at tcp://127\.0\.0\.1:1 cannot .*Start the engine, or set conta"),
    ],
    ids=["image", "GPU", "network", "Python", "memory", "socket", "port"],
)
def test_what_the_engine_cannot_do_is_an_error_that_says_what_to_do(
    engine: Engine, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContainerError, match=message) as raised:
        operator(engine, tmp_path, act="complete", changes=changes).execute(Task().context)
    assert isinstance(raised.value, BertServiceError)
    assert list((tmp_path / "outcomes").iterdir()) == []


def test_a_mount_without_a_source_is_an_error_that_names_the_setting(engine: Engine, tmp_path: Path) -> None:
    mounts = (ContainerMount(str(tmp_path), tmp_path), ContainerMount("/no/encoders", Path("/encoders")))
    with pytest.raises(ContainerError, match=r"/no/encoders.*Correct container_mounts"):
        operator(engine, tmp_path, act="complete", changes={"mounts": mounts}).execute(Task().context)


@pytest.mark.slow
def test_in_airflows_own_task_runner(engine: Engine, tmp_path: Path) -> None:
    migrate()
    mounts = " ".join(map(str, (ContainerMount(str(tmp_path), tmp_path), *host_mounts(MODULE_ROOT))))
    settings = {
        "container_nodes": "Trainer",
        "container_image": IMAGE,
        "container_python": str(PYTHON),
        "container_mounts": mounts,
        "container_network": "none",
        "container_engine": engine.address,
    }
    variables = {f"AIRFLOW__BERT_SERVICE__{key.upper()}": value for key, value in settings.items()}
    run_id = run_dag("container_dag.py", "complete", state=tmp_path, **variables).splitlines()[-1]
    with create_session() as session:
        wanted = select(XComModel.value).where(XComModel.run_id == run_id, XComModel.task_id == "Trainer")
        (value,) = session.scalars(wanted)
    assert value["state"] == "complete"
