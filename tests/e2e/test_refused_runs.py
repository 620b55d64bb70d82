"""Runs that Airflow or a task refuses, and runs that are stopped, in a real Airflow: whoever asks hears why.

The nodes are stand-ins, which take no time; the ledger, the channel and all of Airflow are the real ones.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from airflow_bert_service.markdown import escaped

from scripts.errors import StackError
from scripts.stack.credentials import USER, ensure_credentials
from scripts.stack.waiting import wait_until
from tests.e2e.conftest import DAG, ROOT, new_site
from tests.e2e.promotions import ENDED, WAIT, Running, running_airflow
from tests.support.web_inbox import Inbox, listening

pytestmark = pytest.mark.slow

UNKNOWN = "the run's conf has 'data_day', which is no parameter (did you mean data_date?); allowed: data_date, mode, "
DAYS = ("--from-date", "2026-11-03", "--to-date", "2026-11-03")


@dataclass(frozen=True)
class Site:
    """Airflow with the DAGs of tests/support/dags/refused_dag.py and gate_dag.py, and the channel that it tells."""

    running: Running
    inbox: Inbox

    def airflow(self, *words: str) -> str:
        """Run a command of Airflow's that is refused; return what it prints."""
        with pytest.raises(AssertionError) as raised:
            self.running.command("scripts/bert", "airflow", *words)
        return str(raised.value)

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run once it has ended."""

        def runs() -> dict[str, dict[str, Any]]:
            return {str(run["dag_run_id"]): run for run in self.running.api.runs(dag_id)}

        wait_until(lambda: "" if runs().get(run_id, {}).get("state") in ENDED else run_id, **WAIT)
        return runs()[run_id]

    def told(self, run_id: str) -> dict[str, Any]:
        """Return what the channel was told of a run."""

        def messages() -> list[dict[str, Any]]:
            return [told for told in (json.loads(post.body) for post in self.inbox.posts) if told["run_id"] == run_id]

        wait_until(lambda: "" if messages() else f"a message about {run_id}", **WAIT)
        (message,) = messages()
        return message

    def reasons(self, run_id: str) -> list[str]:
        return [event["reason"] for event in self.running.ledger() if event["run_id"] == run_id]


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    files = tmp_path_factory.mktemp("dags")
    for name in ("refused_dag.py", "gate_dag.py"):
        shutil.copy(ROOT / "tests" / "support" / "dags" / name, files)
    bundle = "airflow.dag_processing.bundles.local.LocalDagBundle"
    with listening() as inbox, new_site(used=True) as site:
        settings = {
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
                [{"name": "refused", "classpath": bundle, "kwargs": {"path": str(files)}}]
            ),
            "TEST_MODULE_ROOT": str(ROOT / "tests" / "plugins" / "data" / "module_root"),
            "AIRFLOW__BERT_SERVICE__WINDOW_DAYS": "2",
            "AIRFLOW__BERT_SERVICE__NOTIFICATIONS": '[{"webhook": {"conn_id": "hook"}}]',
            "AIRFLOW_CONN_HOOK": json.dumps(
                {"conn_type": "http", "host": "127.0.0.1", "port": inbox.port, "password": "sesame"}
            ),
        }
        with running_airflow(site, settings, nodes=False) as running:
            for dag_id in ("hanging", "gate"):
                wait_until(lambda: "" if running.api.is_paused(dag_id) is not None else dag_id, **WAIT)  # noqa: B023
                running.api.set_paused(dag_id, paused=False)
            yield Site(running, inbox)


@pytest.mark.parametrize(
    ("conf", "allowed"),
    [
        ({"train_steps": 10_000_000}, "is greater than the maximum of 1000000"),
        ({"train_steps": -1}, "is less than the minimum of 0"),
        ({"data_date": "0001-01-01"}, "does not match"),
        ({"tune": "yes"}, "is not of type 'boolean'"),
    ],
)
def test_values_that_no_parameter_can_have_make_no_run(airflow: Site, conf: dict[str, Any], allowed: str) -> None:
    before = len(airflow.running.api.runs(DAG))
    text = json.dumps(conf)
    with pytest.raises(StackError, match=allowed):
        airflow.running.api.trigger(DAG, "by_rest", conf)
    by_command = airflow.airflow("dags", "trigger", DAG, "--run-id", "by_command", "--conf", text)
    by_backfill = airflow.airflow("backfill", "create", "--dag-id", DAG, *DAYS, "--dag-run-conf", text)
    for printed in (by_command, by_backfill):
        assert allowed in printed
        assert "Allowed: " in printed
    assert len(airflow.running.api.runs(DAG)) == before


def test_a_run_with_an_unknown_parameter_ends_before_it_reads_anything_whichever_way_it_came(airflow: Site) -> None:
    conf = {"data_day": "2026-11-05"}
    spans = airflow.running.site.paths.state / "spans"
    before = sorted(spans.glob("*"))
    airflow.running.api.trigger(DAG, "by_rest", conf)
    command = ("scripts/bert", "airflow")
    airflow.running.command(*command, "dags", "trigger", DAG, "--run-id", "by_command", "--conf", json.dumps(conf))
    airflow.running.command(*command, "backfill", "create", "--dag-id", DAG, *DAYS, "--dag-run-conf", json.dumps(conf))
    wait_until(
        lambda: "" if [run for run in airflow.running.api.runs(DAG) if run["run_type"] == "backfill"] else "backfill",
        **WAIT,
    )
    (backfill,) = [run["dag_run_id"] for run in airflow.running.api.runs(DAG) if run["run_type"] == "backfill"]

    for run_id in ("by_rest", "by_command", str(backfill)):
        run = airflow.run(DAG, run_id)
        assert run["state"] == "failed"
        assert escaped(f"failed: task refresh_data failed: {UNKNOWN}") in run["note"], airflow.running.errors()
        assert airflow.told(run_id)["reason"].startswith(f"task refresh_data failed: {UNKNOWN}")
        tasks = {task.task_id: task for task in airflow.running.api.tasks(DAG, run_id)}
        assert (tasks["refresh_data"].state, tasks["refresh_data"].try_number) == ("failed", 1)
    assert sorted(spans.glob("*")) == before


def test_a_run_that_airflow_stops_at_its_time_limit_is_announced(airflow: Site) -> None:
    airflow.running.api.trigger("hanging", "too_long", {"data_date": "2026-11-05"})
    run = airflow.run("hanging", "too_long")
    assert run["state"] == "failed"
    assert "run: time limit: stopped after 0:00:2" in run["note"]
    reason = "time limit: the run may take 0:00:20, and was stopped in Trainer. Look for what it waited for; the setti"
    message = airflow.told("too_long")
    assert (message["kind"], message["data_date"]) == ("failed", "2026-11-05")
    assert message["reason"].startswith(reason)
    assert [found.startswith(reason) for found in airflow.reasons("too_long")] == [True]


def test_a_run_that_somebody_marks_as_failed_says_so(airflow: Site) -> None:
    airflow.running.api.trigger(DAG, "by_hand", {"act": "hang", "data_date": "2026-11-05"})
    pids = airflow.running.site.paths.state / "pids.by_hand"
    wait_until(lambda: "" if pids.exists() else "the Trainer", **WAIT)
    airflow.running.api.fail_run(DAG, "by_hand")
    run = airflow.run(DAG, "by_hand")
    assert run["state"] == "failed"
    (reason,) = airflow.reasons("by_hand")
    assert reason.startswith("task Trainer failed: ")
    assert len(reason) > len("task Trainer failed: ")
    assert f"notify_promotion: failed: {escaped(reason)}"[:900] in run["note"]
    assert airflow.told("by_hand")["reason"] == reason


def test_a_run_that_the_gate_blocks_says_why_on_its_note_and_its_task_leads_to_the_report(airflow: Site) -> None:
    api, site = airflow.running.api, airflow.running.site
    api.trigger("gate", "spoilt", {"state": "blocked"})
    run = airflow.run("gate", "spoilt")
    assert (run["state"], run["note"]) == (
        "failed",
        "ExampleValidator: blocked: split train: review has 3 missing values",
    )
    # Kept after the run has ended.
    wait_until(lambda: "" if api.links("gate", "spoilt", "ExampleValidator")["Validation report"] else "link", **WAIT)
    path = api.links("gate", "spoilt", "ExampleValidator")["Validation report"]
    assert path == "/bert_service/reports/gate/spoilt/ExampleValidator"
    url = f"http://127.0.0.1:{site.ports.ui}"
    login = {"username": USER, "password": ensure_credentials(site.paths.secrets).password}
    with httpx.Client(base_url=url, trust_env=False) as browser:
        assert browser.get(path).status_code == httpx.codes.UNAUTHORIZED
        browser.cookies.set("_token", browser.post("/auth/token", json=login).json()["access_token"])
        assert "<title>Anomalies</title>" in browser.get(path).text
