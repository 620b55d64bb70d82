"""Reports in Airflow's real API server, of a real run in its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from airflow_bert_service.runs.annotations import REPORT, STORED_AS, AnnotationStore
from airflow_bert_service.webui.report_app import HEADERS
from fastapi.testclient import TestClient

from tests.plugins.api_server import api_server, login, only_reading_dags
from tests.plugins.gate_run import run_gate
from tests.plugins.s3 import new_bucket, s3_address
from tests.plugins.tries import MadeUpTry

__all__ = ["s3_address"]

pytestmark = pytest.mark.slow

PAGE = "<!doctype html><title>Anomalies</title><p>größer ✓"
STORED_PAGE = f"{PAGE} stored"


@dataclass(frozen=True)
class Server:
    """The API server, and the run that it knows of."""

    client: TestClient
    run_id: str
    state: Path

    def page(self, task: str = "ExampleValidator") -> str:
        return f"/bert_service/reports/gate/{self.run_id}/{task}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, s3_address: str) -> Iterator[Server]:
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch, api_server() as client:
        patch.setenv("AIRFLOW__BERT_SERVICE__STATE", str(state))
        run_id = run_gate("blocked", state=state)
        # Pages are made at the first request. The run was before there was a store.
        bucket = new_bucket(s3_address, "reports", patch)
        bucket.put_object(Key="bert/ExampleValidator/anomalies/7/abc/report.html", Body=STORED_PAGE.encode())
        for name, value in {"ACCESS_KEY_ID": "user", "SECRET_ACCESS_KEY": "secret", "ENDPOINT_URL": s3_address}.items():
            patch.setenv(f"AWS_{name}", value)
        patch.setenv("AIRFLOW__BERT_SERVICE__ARTIFACT_STORE", f"s3://{bucket.name}/bert/")
        yield Server(client, run_id, state)


@contextmanager
def report_at(server: Server, uri: str = "", stored_as: str = "") -> Iterator[None]:
    """Have the task name another address, as a task can whose code somebody else has written."""
    store = AnnotationStore(server.state / "annotations")
    of_run = {one.task_id: one for one in store.of_run("gate", server.run_id)}
    found = of_run["ExampleValidator"]
    of_try = MadeUpTry(found.task_id, id=found.try_id, dag_id="gate", run_id=server.run_id)
    store.put(of_try, STORED_AS, stored_as)
    store.put(of_try, REPORT, uri or found.texts[REPORT])
    yield
    store.put(of_try, STORED_AS, "")
    store.put(of_try, REPORT, found.texts[REPORT])


def test_a_user_who_may_read_the_dag_sees_the_report(server: Server) -> None:
    answer = server.client.get(server.page(), headers=login("viewer"))
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_report_that_was_stored_is_read_from_the_artifact_store(server: Server) -> None:
    with report_at(server, stored_as="abc"):
        answer = server.client.get(server.page(), headers=login("viewer"))
    assert (answer.status_code, answer.text) == (200, STORED_PAGE)
    with report_at(server, stored_as="gone"):
        answer = server.client.get(server.page(), headers=login("viewer"))
    assert (answer.status_code, "or the artifact store" in answer.text) == (404, True)


def test_the_browsers_cookie_is_a_login_too(server: Server) -> None:
    token = login("viewer")["Authorization"].removeprefix("Bearer ")
    answer = server.client.get(server.page(), headers={"Cookie": f"_token={token}"})
    assert (answer.status_code, answer.text) == (200, PAGE)


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, 401), ({"Authorization": "Bearer nonsense"}, 403), ({"Cookie": "_token=nonsense"}, 403)],
    ids=["no login", "token", "cookie"],
)
def test_nobody_else_sees_it(server: Server, headers: dict[str, str], code: int) -> None:
    answer = server.client.get(server.page(), headers=headers)
    assert answer.status_code == code
    assert "Anomalies" not in answer.text


def test_a_user_who_may_not_read_the_dag_does_not_see_it(server: Server) -> None:
    answer = server.client.get(server.page(), headers=login(None))
    assert (answer.status_code, answer.text) == (403, "Forbidden\n")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_the_link_of_the_task_leads_to_the_page(server: Server) -> None:
    path = f"/api/v2/dags/gate/dagRuns/{server.run_id}/taskInstances/{{}}/links"
    links = server.client.get(path.format("ExampleValidator"), headers=login("viewer")).json()["extra_links"]
    assert list(links) == ["Validation report"]
    assert server.client.get(links["Validation report"], headers=login("viewer")).text == PAGE
    assert server.client.get(path.format("Trainer"), headers=login("viewer")).json()["extra_links"] == {}


def test_each_task_s_report_has_a_button_of_its_own_and_is_behind_the_same_login(server: Server) -> None:
    path = f"/api/v2/dags/gate/dagRuns/{server.run_id}/taskInstances/Evaluator/links"
    links = server.client.get(path, headers=login("viewer")).json()["extra_links"]
    assert list(links) == ["Evaluation report"]
    page = links["Evaluation report"]
    answer = server.client.get(page, headers=login("viewer"))
    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>Evaluation</title>")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert server.client.get(page).status_code == 401
    assert server.client.get(page, headers=login(None)).status_code == 403


def test_a_run_that_somebody_ends_by_hand_gets_its_note_below_theirs(server: Server) -> None:
    path = f"/api/v2/dags/gate/dagRuns/{server.run_id}"
    answer = server.client.patch(path, headers=login("admin"), json={"state": "failed", "note": "Known."})
    blocked = "ExampleValidator: blocked: split train: review has 3 missing values"
    note = f"Known.\n\n{blocked}\n\nrun: failed: somebody marked the run as failed"
    assert (answer.status_code, answer.json()["note"]) == (200, note)
    assert server.client.get(path, headers=login("viewer")).json()["note"] == note


@pytest.mark.parametrize("task", ["Trainer", "Nobody"])
def test_a_task_without_a_report(server: Server, task: str) -> None:
    answer = server.client.get(server.page(task), headers=login("viewer"))
    assert answer.status_code == 404
    assert answer.text.startswith(
        f"The task {task} of run {server.run_id} of DAG gate has no report. Either its last try ended before "
        "its node had an output, and its log has the reason; or retention has removed what the task left"
    )


@pytest.mark.parametrize("path", ["reports/gate/x", "reports/gate/x/..%2f..%2fsecrets", "openapi.json", "docs", ""])
def test_there_is_nothing_else(server: Server, path: str) -> None:
    assert server.client.get(f"/bert_service/{path}", headers=login("admin")).status_code == 404


def test_a_removed_report_is_not_found(server: Server) -> None:
    file = server.state / "pipeline" / "ExampleValidator" / "anomalies" / "7" / "report.html"
    file.rename(file.with_suffix(".away"))
    answer = server.client.get(server.page(), headers=login("viewer"))
    file.with_suffix(".away").rename(file)
    assert answer.status_code == 404
    assert answer.text.startswith(f"The report at {file} cannot be read (No such file or directory).")


def test_nobody_reads_another_pipelines_report_by_a_forged_address(server: Server) -> None:
    other = server.state / "pipeline" / "Evaluator" / "evaluation" / "9" / "report.html"
    other.parent.mkdir(parents=True)
    other.write_text('<!doctype html><meta name="pipeline" content="tickets"><p>of tickets alone')
    with report_at(server, str(other)):
        answer = server.client.get(server.page(), headers=login("admin"))
    assert answer.status_code == 403
    assert "allowed: one of the pipeline of the DAG gate, and it is another pipeline's." in answer.text
    assert "tickets" not in answer.text


def test_who_may_read_the_dag_and_not_its_tasks_does_not_see_it(server: Server) -> None:
    with only_reading_dags():
        assert server.client.get(server.page(), headers=login("viewer")).status_code == 403


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("?map_index=99999999999999999999", 422),
        ("?map_index=2147483648", 422),
        ("?map_index=-2", 422),
        ("?map_index=2147483647", 404),
        ("%00", 404),
    ],
)
def test_no_address_makes_the_database_fail(server: Server, change: str, code: int) -> None:
    answer = server.client.get(server.page() + change, headers=login("viewer"))
    assert answer.status_code == code
    in_run = server.client.get(f"/bert_service/reports/gate/a%00b/Trainer{change}", headers=login("viewer"))
    assert (in_run.status_code, "null character" in in_run.text) == (404, True)


def test_an_address_outside_of_the_pipelines_folder_is_refused(server: Server) -> None:
    secret = server.state / "report.html"
    secret.write_text("secret")
    answers = []
    for uri in (str(secret), f"{server.state}/pipeline/../report.html", "/etc/passwd"):
        with report_at(server, uri):
            answers.append(server.client.get(server.page(), headers=login("admin")))
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert all("is not shown; allowed: a report.html in" in answer.text for answer in answers)
