"""The pages *Models* of several pipelines, each with its own ledger's events and permissions."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from airflow_bert_service.settings.settings import settings_from
from airflow_bert_service.webui.models.changes import ModelChanges
from airflow_bert_service.webui.models.pipelines import pipelines_app
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.plugins.api_server import login
from tests.plugins.ledgers import SeededState, seeded
from tests.plugins.models_pages import PAGE, see, text_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("client")]  # by its logins


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> SeededState:
    """A ledger with events of `bert_sentiment`, and the same of `stars`."""
    made = seeded(tmp_path_factory.mktemp("several"), days=5)
    with closing(sqlite3.connect(made.file)) as database, database:
        columns = [name for _, name, *_ in database.execute("PRAGMA table_info(events)")]
        changed = {"position": "position + 1000", "pipeline": "'stars'", "dag_id": "'stars'"}
        values = ", ".join(changed.get(name, name) for name in columns)
        database.execute(f"INSERT INTO events ({', '.join(columns)}) SELECT {values} FROM events")  # noqa: S608
    return made


@pytest.fixture
def pages(state: SeededState, tmp_path: Path) -> TestClient:
    """The pages of a project with two further pipelines."""
    for name in ("tickets", "stars"):
        folder = tmp_path / "dags" / "bert_pipelines" / name
        folder.mkdir(parents=True)
        (folder / "settings.toml").write_text(f'name = "{name}"\n')
    settings = settings_from({"root": str(tmp_path), "state": str(state.folder)})
    app = pipelines_app(settings, ModelChanges(settings, lambda _client: None))
    return TestClient(Starlette(routes=[Mount(PAGE.rstrip("/"), app)]))


def test_the_list_names_the_other_pipelines(pages: TestClient) -> None:
    html = see(pages)
    assert "Models of bert_sentiment Other pipelines: stars , tickets In service 2026110501" in text_of(html)
    assert 'href="of/stars/"' in html
    further = see(pages, "of/tickets/")
    assert "Models of tickets Other pipelines: bert_sentiment , stars In service No version of tickets was" in text_of(
        further
    )
    assert 'href="../../"' in further
    assert 'href="../stars/"' in further


def test_the_tab_of_a_dag_leads_to_its_own_list(pages: TestClient) -> None:
    answer = pages.get(f"{PAGE}?dag=tickets&q=some+run", headers=login("viewer"), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "of/tickets/?dag=tickets&q=some+run")
    assert pages.get(f"{PAGE}?dag=tickets").status_code == 401, "who is not logged in learns nothing"
    assert "Models of tickets" in see(pages, "?dag=tickets&q=some+run")
    assert "Models of bert_sentiment" in see(pages, "?dag=bert_sentiment")
    assert "The DAG other has no models" in text_of(see(pages, "?dag=other"))


def test_a_folder_of_the_own_pipelines_name_leads_nobody_away_from_its_list(pages: TestClient, tmp_path: Path) -> None:
    folder = tmp_path / "dags" / "bert_pipelines" / "bert_sentiment"
    folder.mkdir()
    (folder / "settings.toml").write_text('name = "bert_sentiment"\n')
    assert "Models of bert_sentiment Other pipelines: stars , tickets" in text_of(see(pages, "?dag=bert_sentiment"))
    assert pages.get(f"{PAGE}of/bert_sentiment/", headers=login("viewer")).status_code == 404


def test_links_to_airflow_hold_in_the_deeper_folder(pages: TestClient) -> None:
    assert 'href="../../dags/bert_sentiment/runs/' in see(pages)
    assert 'href="../../../../dags/stars/runs/' in see(pages, "of/stars/")
    assert 'href="../../../../../dags/stars/runs/' in see(pages, "of/stars/versions/2026110501")
    asked = see(pages, "of/stars/roll-back", role="admin")
    assert 'href="../../../../dags/stars_rollback"' in asked, "this project has no TFX environment"


@pytest.mark.parametrize("path", ["of/tickets/", "of/tickets/curves", "of/tickets/versions/1", "of/tickets/roll-back"])
def test_a_further_pipelines_pages_ask_who_wants_to_see_them(pages: TestClient, path: str) -> None:
    assert pages.get(PAGE + path).status_code == 401
    assert pages.get(PAGE + path, headers=login(None)).status_code == 403


def test_nobody_changes_another_pipeline_without_the_permission(pages: TestClient) -> None:
    form = {"version": "1", "live": "1", "reason": "x", "confirm": "yes"}
    answer = pages.post(
        f"{PAGE}of/tickets/roll-back", data=form, headers={**login("viewer"), "Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 403


def test_there_is_no_page_of_what_is_no_pipeline(pages: TestClient) -> None:
    assert pages.get(f"{PAGE}of/other/", headers=login("viewer")).status_code == 404
    assert (
        pages.get(f"{PAGE}of/tickets", headers=login("viewer"), follow_redirects=False).headers["location"]
        == "tickets/"
    )
