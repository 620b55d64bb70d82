"""A node is run by a real process or by a real server on a Unix socket; both are asked the same questions."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow_bert_service.clients.node import NodeClient
from airflow_bert_service.clients.process import node_environment
from airflow_bert_service.exceptions import NodeCancelledError, NodeServerError, OutcomeError, SettingsError
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.nodes.outcome import NodeState
from airflow_bert_service.nodes.request import NodeRun

from tests.plugins.conftest import MODULE_ROOT
from tests.plugins.environments import environment

WAIT_SECONDS = 60.0  # a busy machine takes its time


@pytest.fixture(params=["fresh process", "node server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> NodeEnvironment:
    served = request.param == "node server"
    return environment(tmp_path, socket=request.getfixturevalue("node_server") if served else None)


def run_of(act: str, *, node: str = "Trainer", **parameters: str) -> NodeRun:
    return NodeRun(node=node, run_id="manual__2026-11-05", parameters={"act": act, **parameters}, use_cache=True)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until_dead(pids: list[int]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while alive := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"{alive} are still alive"
        time.sleep(0.02)


def wait_for_pids(path: Path) -> list[int]:
    deadline = time.monotonic() + WAIT_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} has not appeared"
        time.sleep(0.02)
    return [int(pid) for pid in path.read_text().split()]


@pytest.fixture
def on_user_signal() -> Iterator[list[NodeClient]]:
    """Hooks in this list are cancelled by a signal to this process, the way Airflow calls `on_kill`."""
    hooks: list[NodeClient] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: hooks[0].cancel())
    yield hooks
    signal.signal(signal.SIGUSR1, before)


def signal_when_there(path: Path) -> None:
    wait_for_pids(path)
    os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.parametrize("state", [state.value for state in NodeState])
def test_outcome_is_what_the_node_wrote(place: NodeEnvironment, state: str) -> None:
    outcome = NodeClient(place).run(run_of(state), print)
    assert (outcome.state, outcome.node, outcome.execution_id) == (NodeState(state), "Trainer", 7)
    assert outcome.outputs["model"][0].uri == f"{place.pipeline_root}/Trainer/model/7"


def test_every_line_is_passed_on_as_it_comes(place: NodeEnvironment) -> None:
    lines: list[str] = []
    NodeClient(place).run(run_of("complete"), lines.append)
    assert lines == ["Trainer runs for manual__2026-11-05"]


def test_request_and_surroundings(place: NodeEnvironment) -> None:
    lines: list[str] = []
    NodeClient(place).run(run_of("echo"), lines.append)
    seen = json.loads(next(line for line in lines if line.startswith("ECHO")).removeprefix("ECHO "))
    assert Path(seen["request"].pop("outcome")).parent.parent == place.outcomes
    assert seen["request"] == {
        "format": 1,
        "pipeline": str(place.pipeline),
        "node": "Trainer",
        "run_id": "manual__2026-11-05",
        "pipeline_root": str(place.pipeline_root),
        "metadata": place.metadata,
        "ledger": place.ledger,
        "parameters": {"act": "echo"},
        "use_cache": True,
        "gpu": "none",
        "metadata_wait_seconds": 120,
    }
    assert seen["cwd"] == str(MODULE_ROOT)
    assert seen["session"], "the node has no session of its own"
    assert set(lines) >= {"größer ✓", "\\xff no UTF-8", "no line end"}


def test_nothing_is_left_of_a_try(place: NodeEnvironment) -> None:
    NodeClient(place).run(run_of("complete"), print)
    assert list(place.outcomes.iterdir()) == []


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("crash", r"node 'Trainer' ended with signal SIGKILL: node 'Trainer' wrote no outcome"),
        ("quit", r"ended with exit code 3: .* wrote no outcome"),
        ("no outcome", r"ended with exit code 0: .* wrote no outcome"),
        ("other node", r"outcome of format 1 of node 'Pusher'; allowed: format 1 of node 'Trainer'"),
        ("other format", r"outcome of format 2 of node 'Trainer'; allowed: format 1"),
        ("other state", r"'happy' is not a valid NodeState.*a state of complete, cached, reused"),
        ("not json", r"is not an outcome \(JSONDecodeError"),
    ],
)
def test_a_node_without_a_readable_outcome_is_an_error(place: NodeEnvironment, act: str, message: str) -> None:
    with pytest.raises(OutcomeError, match=message):
        NodeClient(place).run(run_of(act), print)


def test_an_error_after_the_work_is_logged_and_does_not_undo_it(place: NodeEnvironment) -> None:
    lines: list[str] = []
    outcome = NodeClient(place).run(run_of("bad end"), lines.append)
    assert outcome.state is NodeState.COMPLETE
    assert lines == ["node 'Trainer' is complete, but its process ended with exit code 134"]


@pytest.mark.parametrize("manner", [{}, {"stubborn": "yes"}], ids=["obedient", "ignores SIGTERM"])
def test_cancelling_kills_the_whole_process_group(
    place: NodeEnvironment, tmp_path: Path, on_user_signal: list[NodeClient], manner: dict[str, str]
) -> None:
    pids, client = tmp_path / "pids", NodeClient(place)
    on_user_signal.append(client)
    threading.Thread(target=signal_when_there, args=(pids,)).start()
    started = time.monotonic()
    with pytest.raises(NodeCancelledError, match=r"node 'Trainer' was killed \(signal SIG(TERM|KILL)\): its task was"):
        client.run(run_of("hang", pids=str(pids), **manner), print)
    assert time.monotonic() - started < WAIT_SECONDS
    wait_until_dead(wait_for_pids(pids))
    assert list(place.outcomes.iterdir()) == []


def test_cancelling_after_a_timeout_has_unwound_the_run(place: NodeEnvironment, tmp_path: Path) -> None:
    """Airflow's execution timeout raises in the middle of `execute`, and calls `on_kill` only then."""
    pids, client = tmp_path / "pids", NodeClient(place)

    def time_out(*_: object) -> None:
        raise AirflowTaskTimeout("execution_timeout")

    before = signal.signal(signal.SIGUSR1, time_out)
    threading.Thread(target=signal_when_there, args=(pids,)).start()
    with pytest.raises(AirflowTaskTimeout, match="execution_timeout"):
        client.run(run_of("hang", pids=str(pids)), print)
    client.cancel()
    signal.signal(signal.SIGUSR1, before)
    wait_until_dead(wait_for_pids(pids))


def test_cancelling_when_nothing_runs_does_nothing(place: NodeEnvironment) -> None:
    NodeClient(place).cancel()


def test_what_a_node_leaves_behind_neither_holds_the_task_nor_lives_on(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    outcome = NodeClient(environment(tmp_path)).run(run_of("daemon", pids=str(pids)), print)
    assert outcome.state is NodeState.COMPLETE
    wait_until_dead(wait_for_pids(pids))


def test_nodes_get_neither_airflows_secrets_nor_another_pythons_settings() -> None:
    given = {"AIRFLOW__API_AUTH__JWT_SECRET": "x", "PYTHONPATH": "/x", "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/bin"}
    assert node_environment(given) == {"PATH": "/bin", "PYTHONUNBUFFERED": "1"}


def test_a_missing_tfx_environment_names_the_setting_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"tfx_python is '/no/python'.*Run `make setup`"):
        NodeClient(environment(tmp_path, python="/no/python")).run(run_of("complete"), print)


def test_a_missing_node_server_is_an_error_and_no_fresh_process(tmp_path: Path) -> None:
    client = NodeClient(environment(tmp_path, socket=tmp_path / "none.sock"))
    with pytest.raises(NodeServerError, match=r"none\.sock does not answer \(No such file.*--socket .*none\.sock"):
        client.run(run_of("complete"), print)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("Nonsense", r"answered b'HTTP/1\.1 400 Bad Request\\n'; allowed: JSON lines"),
        ("Hangup", r"ended the connection before node 'Hangup' had ended"),
    ],
)
def test_a_server_that_does_not_follow_the_protocol_is_an_error(
    node_server: Path, tmp_path: Path, node: str, message: str
) -> None:
    client = NodeClient(environment(tmp_path, socket=node_server))
    with pytest.raises(NodeServerError, match=message):
        client.run(run_of("complete", node=node), print)


def test_the_password_of_the_metadata_store_is_not_shown(tmp_path: Path) -> None:
    assert "mlmd.db" not in repr(environment(tmp_path))
