"""`make up`: the DAG is toggled, and a run cancelled, in the running stack."""

import stat
import time
from pathlib import Path

import httpx
import pytest
from airflow_bert_service.bundle.snapshots import sources_version

from scripts.stack.credentials import LOGIN_FILE, USER, ensure_credentials
from scripts.stack.descendants import descendants
from scripts.stack.ports import LOOPBACK
from tests.e2e.conftest import DAG, ROOT, RunningStack, start_make
from tests.support.listening import listening, open_to_others, process_tree
from tests.support.survivors import marked

pytestmark = pytest.mark.slow

CANCEL_SECONDS = 90.0


def node_processes(stack: RunningStack) -> set[int]:
    """Return what runs below the node server now."""
    found = {pid for pid, command in marked(stack.site.mark).items() if "tfx_modules.node.server" in command}
    return {below for pid in found for below in descendants(pid)}


def test_everything_listens_on_loopback_or_for_its_user_alone(stack: RunningStack) -> None:
    # Airflow's processes write their titles over their environment, where the mark is: they are found by their parents.
    processes = {below for pid in marked(stack.site.mark) for below in process_tree(pid)}

    assert {stack.site.ports.ui, stack.site.ports.rest, stack.site.ports.grpc} <= {
        int(each.address.rpartition(":")[2]) for each in listening(processes) if each.kind.startswith("tcp")
    }
    assert open_to_others(processes) == []


def test_only_the_owner_can_read_the_login(stack: RunningStack) -> None:
    login = stack.site.paths.secrets / LOGIN_FILE

    assert stat.S_IMODE(login.stat().st_mode) == 0o600


def test_the_page_of_the_models_shows_the_model_server_its_key(stack: RunningStack) -> None:
    base = f"http://{LOOPBACK}:{stack.site.ports.ui}"
    credentials = ensure_credentials(stack.site.paths.secrets)
    login = {"username": USER, "password": credentials.password}
    token = httpx.post(f"{base}/auth/token", json=login, trust_env=False).json()["access_token"]

    answer = httpx.post(
        f"{base}/bert_service/models/try",
        files={"text": (None, "A fine film.")},
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=30,
    )

    # No model is in service yet; without the key, the server would not even say that.
    assert answer.status_code == 502
    assert "the model server did not answer: it does not serve the model now" in answer.text
    assert credentials.model_server_key not in answer.text


def test_a_second_stack_on_the_same_state_is_refused(stack: RunningStack, tmp_path: Path) -> None:
    log = tmp_path / "second.log"

    assert start_make(stack.site, "up", log=log).wait(60) != 0

    assert f"A stack runs on {stack.site.paths.state} already" in log.read_text()


def test_the_dag_can_be_toggled(stack: RunningStack) -> None:
    assert stack.api.is_paused(DAG) is True

    stack.api.set_paused(DAG, paused=False)

    assert stack.api.is_paused(DAG) is False


def test_a_cancelled_run_leaves_no_node_process(stack: RunningStack) -> None:
    stack.api.set_paused(DAG, paused=False)
    stack.api.trigger(DAG, "cancelled", {"data_date": "2026-11-05", "use_cache": False})
    wait_until_nodes(stack, there=True)

    stack.api.fail_run(DAG, "cancelled")

    wait_until_nodes(stack, there=False)
    # What tells of the run comes last.
    deadline = time.monotonic() + CANCEL_SECONDS
    while (state := stack.api.run_state(DAG, "cancelled")) == "running" and time.monotonic() < deadline:
        time.sleep(1)
    assert state == "failed"
    (run,) = stack.api.runs(DAG, "failed")
    assert run["note"].startswith("notify_promotion: failed: task ")
    assert run["note"].endswith(f"\n\ndata date: 2026-11-05; pipeline version: {sources_version(ROOT)}")


def wait_until_nodes(stack: RunningStack, *, there: bool) -> None:
    deadline = time.monotonic() + CANCEL_SECONDS
    while bool(node_processes(stack)) is not there:
        assert time.monotonic() < deadline, marked(stack.site.mark)
        time.sleep(0.2)
