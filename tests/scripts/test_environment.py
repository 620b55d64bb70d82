"""The stack's processes get an environment of their own making, and commands beside the stack get the same."""

from pathlib import Path

import pytest

from scripts.stack.credentials import ensure_credentials
from scripts.stack.environment import (
    Choices,
    airflow_environment,
    feed_settings,
    plain_environment,
    read_session,
    write_session,
)
from scripts.stack.lock import only_stack
from scripts.stack.paths import StackPaths
from scripts.stack.ports import Ports
from scripts.stack.services import server_address


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    (tmp_path / "state").mkdir()
    return StackPaths(tmp_path / "project", tmp_path / "state")


def test_airflow_is_pointed_to_the_projects_configuration_and_state(paths: StackPaths) -> None:
    made = airflow_environment(paths, ensure_credentials(paths.secrets), {}, {})

    assert made["AIRFLOW_CONFIG"] == str(paths.root / "airflow.cfg")
    assert made["AIRFLOW_HOME"] == str(paths.state / "airflow")
    assert (made["BERT_SERVICE_ROOT"], made["BERT_SERVICE_STATE"]) == (str(paths.root), str(paths.state))


def test_the_page_of_the_models_finds_the_model_servers_key(paths: StackPaths) -> None:
    credentials = ensure_credentials(paths.secrets)

    made = airflow_environment(paths, credentials, {}, {})

    file = Path(made["AIRFLOW__BERT_SERVICE__MODEL_SERVER_KEY_FILE"])
    assert file.read_text() == f"{credentials.model_server_key}\n"


def test_all_addresses_are_on_loopback() -> None:
    chosen = Choices(ports=Ports(ui=8081)).environment()

    assert chosen["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8081"
    assert chosen["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"


def test_what_slows_or_misleads_python_is_left_out() -> None:
    assert plain_environment({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "/x", "HOME": "/home"}) == {"HOME": "/home"}


def test_the_users_own_settings_are_kept_unless_this_start_overrides_them(paths: StackPaths) -> None:
    chosen = Choices(settings={"AIRFLOW__BERT_SERVICE__FEED": "imdb"}).environment()
    users = {"AIRFLOW__BERT_SERVICE__FEED": "sample", "AIRFLOW__BERT_SERVICE__WINDOW_DAYS": "7"}

    made = airflow_environment(paths, ensure_credentials(paths.secrets), chosen, users)

    assert (made["AIRFLOW__BERT_SERVICE__FEED"], made["AIRFLOW__BERT_SERVICE__WINDOW_DAYS"]) == ("imdb", "7")


def test_loopback_is_never_asked_for_through_a_proxy(paths: StackPaths) -> None:
    made = airflow_environment(paths, ensure_credentials(paths.secrets), {}, {"no_proxy": "example.org"})

    assert made["NO_PROXY"] == made["no_proxy"] == "example.org,127.0.0.1,localhost"


def test_make_variables_choose_the_feed() -> None:
    assert feed_settings({"FEED": "imdb", "IMDB_ARCHIVE": "reviews.tar.gz"}) == {
        "AIRFLOW__BERT_SERVICE__FEED": "imdb",
        "AIRFLOW__BERT_SERVICE__IMDB_ARCHIVE": "reviews.tar.gz",
    }
    assert feed_settings({"FEED": ""}) == {}


def test_a_command_beside_a_running_stack_uses_its_ports_and_node_server(paths: StackPaths) -> None:
    choices = Choices(ports=Ports(ui=8081), node_socket="/run/node.sock")

    with only_stack(paths):
        write_session(paths, choices)

        assert read_session(paths) == choices.environment()


def test_what_a_killed_stack_left_behind_does_not_count(paths: StackPaths) -> None:
    with only_stack(paths):
        write_session(paths, Choices(ports=Ports(ui=8081), node_socket="/run/node.sock"))

    assert read_session(paths) == Choices().environment()


def test_no_secret_is_in_the_record(paths: StackPaths) -> None:
    made = ensure_credentials(paths.secrets)

    write_session(paths, Choices())

    assert not any(secret in paths.session.read_text() for secret in [*made.environment().values(), made.password])


def test_a_rollback_waits_for_the_model_server_of_the_stack_that_runs(paths: StackPaths) -> None:
    choices = Choices(model_server=server_address(Ports(rest=18501)))

    assert choices.environment()["AIRFLOW__BERT_SERVICE__MODEL_SERVERS"] == ("http://127.0.0.1:18501")
    assert read_session(paths)["AIRFLOW__BERT_SERVICE__MODEL_SERVERS"] == ""
