"""The wheel, in a stock Airflow that has nothing of the checkout: from `pip install` to a promoted model."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.parser import Parser
from pathlib import Path

import pytest
from airflow_bert_service.cli.main import SUB_COMMANDS

from tests.package.stock import ROOT, Stock, build_wheel, stock_airflow

pytestmark = pytest.mark.slow

SOURCES = ("dags", "data", "docker", "plugins", "requirements", "scripts", "tfx_modules")
FILES = ("LICENSE", "README.md", "pyproject.toml")
DAY = "2026-11-05"
NAME = "film_sentiment"
"""The pipeline's name that the user chooses: the commands, the DAG and the model server follow it."""
SECONDS = 420.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def stock(wheel: Path) -> Iterator[Stock]:
    with stock_airflow(wheel) as made:
        yield made


@pytest.fixture(scope="module")
def ready(stock: Stock) -> Stock:
    """With a database, the TFX environment, and DAG files that are compiled; what a user does once."""
    stock.run("airflow", "db", "migrate")
    stock.run("bert-service", "setup-tfx")
    stock.run("bert-service", "init")
    settings = stock.dags / "settings.toml"
    settings.write_text(own_settings(settings.read_text()))
    stock.run("bert-service", "compile")
    return stock


def own_settings(text: str) -> str:
    """The user's settings decide, not the wheel's: a model of few steps is promoted, and trained in little time."""
    text = text.replace('name = "bert_sentiment"', f'name = "{NAME}"')
    text = text.replace(
        "accuracy_floor = 0.7", "accuracy_floor = 0.0\nslice_floor = 0.0\nrecall_floor = 0.0\nbeat_majority = false"
    )
    text = text.replace("[training]", "[training]\njit_compile = false").replace("1.5e-4", "2e-4")
    return text + '\n[export]\nprecision = "float32"\n\n[encoder]\nmax_tokens = 64\n'


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_has_what_a_run_needs_and_no_tests_or_caches(wheel: Path) -> None:
    found = names(wheel)
    packaged = {name.partition("/packaged/")[2] for name in found}
    assert {
        "dags/bert_sentiment.py",
        "data/sample_reviews.csv",
        "data/holdout/sample-v1.csv",
        "data/phrases/verdicts.txt",
        "requirements/tfx.txt",
        "scripts/setup/tfx.py",
        "tfx_modules/pipeline/compile.py",
        "tfx_modules/settings.toml",
    } <= packaged
    unwanted = re.compile(r"(^|/)(tests?|test_[^/]*|__pycache__|compiled|conftest\.py)(/|$)|\.pyc$")
    assert [name for name in found if unwanted.search(name)] == []


def test_other_copies_of_the_sources_give_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "compiled")
    for name in SOURCES:
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=ignored)
    for name in FILES:
        shutil.copyfile(ROOT / name, tmp_path / "copy" / name)
    other = build_wheel(tmp_path / "copy", tmp_path / "dist")
    assert (other.name, other.read_bytes()) == (wheel.name, wheel.read_bytes())


def test_its_metadata_has_ranges_and_no_pins(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    required = metadata.get_all("Requires-Dist") or []
    assert [line for line in required if "extra" not in line] == ["apache-airflow<4,>=3.3"]
    assert all("==" not in line.partition(";")[0] for line in required)
    assert {"docker", "http", "postgres", "s3"} <= set(metadata.get_all("Provides-Extra") or [])


def test_airflow_shows_the_provider_its_settings_and_the_plugin(stock: Stock) -> None:
    providers = json.loads(last_line(stock.run("airflow", "providers", "list", "--output", "json").stdout))
    assert "airflow-bert-service" in {provider["package_name"] for provider in providers}
    plugins = stock.run("airflow", "plugins", "--output", "plain").stdout
    assert any(line.startswith("bert_service ") for line in plugins.splitlines())
    shown = stock.run("airflow", "config", "list", "--section", "bert_service", "--include-descriptions").stdout
    assert "Length of the window of days that a run trains on" in shown
    secretive = replace(stock, settings={"AIRFLOW__BERT_SERVICE__LEDGER": "postgresql://bert:sesame@db/ledger"})
    assert "sesame" not in secretive.run("airflow", "config", "list", "--section", "bert_service").stdout


@pytest.mark.parametrize("name", SUB_COMMANDS)
def test_every_sub_command_explains_itself_in_a_new_airflow(stock: Stock, tmp_path: Path, name: str) -> None:
    shown = replace(stock, home=tmp_path).run("bert-service", name, "--help").stdout
    assert shown.startswith(f"usage: bert-service {name} ")


def test_doctor_reports_what_is_missing_in_a_new_airflow(stock: Stock, tmp_path: Path) -> None:
    empty = replace(stock, home=tmp_path)
    output = empty.run("bert-service", "doctor", code=1).stdout
    assert "airflow.db does not exist. Do: run `airflow db migrate`" in output
    assert "bert_sentiment.py does not exist. Do: run `bert-service init`" in output
    assert "tfx/bin/python does not exist. Do: run `bert-service setup-tfx`" in output
    assert output.endswith("3 checks failed.\n")
    refused = empty.run("bert-service", "doctor", code=1, AIRFLOW__BERT_SERVICE__WINDOW_DAYS="0").stdout
    assert "WRONG  settings: [bert_service] window_days is 0; allowed: 1 or more" in refused


def test_set_up_leaves_somebody_elses_folder_alone(stock: Stock, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = stock.run("bert-service", "setup-tfx", str(tmp_path), code=1)
    assert "exists, and set-up has not made it" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_doctor_finds_nothing_wrong_and_dags_parse(ready: Stock) -> None:
    assert ready.run("bert-service", "doctor").stdout.endswith("Nothing is wrong.\n")
    errors = ready.run("airflow", "dags", "list-import-errors", "--local", "--output", "json").stdout
    assert last_line(errors) == "[]"
    assert [path for path in ready.packaged.rglob("*") if path.name == "var"] == []


def test_a_database_may_be_a_connection_of_airflows(ready: Stock) -> None:
    named = replace(ready, settings={"AIRFLOW__BERT_SERVICE__LEDGER": "conn:bert_ledger"})
    missing = named.run("bert-service", "models", "history", code=1).stderr
    assert "names the connection 'bert_ledger', and Airflow has none" in missing
    address = "postgres://bert:sesame@127.0.0.1:1/ledger"
    named.run("airflow", "connections", "add", "bert_ledger", "--conn-uri", address)
    output = named.run("bert-service", "doctor", code=1).stdout
    assert "WRONG  ledger: postgresql+psycopg://bert:***@127.0.0.1:1/ledger: connection failed" in output
    # Reading DAG files needs no connection.
    errors = named.run("airflow", "dags", "list-import-errors", "--local", "--output", "json").stdout
    assert last_line(errors) == "[]"


def test_changed_settings_have_to_be_compiled(ready: Stock) -> None:
    settings = ready.dags / "settings.toml"
    before = settings.read_text()
    settings.write_text(before + "\n# changed\n")
    try:
        errors = ready.run("airflow", "dags", "list-import-errors", "--local", "--output", "json", code=1).stdout
        assert "is stale" in errors
        assert "Run `bert-service compile`" in errors
        output = ready.run("bert-service", "doctor", code=1).stdout
        assert "is older than its sources or settings. Do: run `bert-service compile`" in output
    finally:
        settings.write_text(before)


def test_the_demos_dag_runs_and_its_model_is_served(ready: Stock, tmp_path: Path) -> None:
    node_socket = ready.home / "nodes" / "node.sock"
    few = {"AIRFLOW__BERT_SERVICE__WINDOW_DAYS": "4"}
    served = replace(ready, settings={"AIRFLOW__BERT_SERVICE__NODE_SOCKET": str(node_socket), **few})
    with running(served, "node-server", log=tmp_path / "nodes.log"):
        wait_for(node_socket.exists)
        assert served.run("bert-service", "doctor").stdout.endswith("Nothing is wrong.\n")
        served.run("airflow", "dags", "test", NAME, DAY, "--conf", '{"train_steps": 120}')

    told = ready.run("bert-service", "models", "history").stdout
    (live,) = json.loads(ready.run("bert-service", "models", "live", "--json").stdout) or [None]
    assert live, told
    assert live["version"] == 2026110501
    state = ready.airflow_home / "bert_service"
    assert [path.name for path in (state / "models").iterdir() if (path / "2026110501").is_dir()] == [NAME]
    rest, grpc = free_port(), free_port()
    with running(ready, "serve", f"--rest_api_port={rest}", f"--port={grpc}", log=tmp_path / "server.log"):
        address = f"http://127.0.0.1:{rest}/v1/models/{NAME}"
        wait_for(lambda: "AVAILABLE" in asked(address))
        assert '"2026110501"' in asked(address)
        texts = ready.home / "reviews.txt"
        texts.write_text("A warm, funny film.\n")
        flags = (f"--rest=127.0.0.1:{rest}", f"--file={texts.name}")
        answer = ready.run("bert-service", "client", "predict", *flags).stdout
        assert re.match(r"(positive|negative)  [01]\.\d+  A warm, funny film\.", answer)


OWN_PIPELINE = """
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import String

import words


@component
def Greeter(greeting: OutputArtifact[String], times: Parameter[int]):
    greeting.value = words.GREETING * times


def create_pipeline():
    times = tfx.dsl.experimental.RuntimeParameter("times", int, 1)
    return tfx.dsl.Pipeline("greetings", "", components=[Greeter(times=times)])
"""
OWN_DAG = """
from pathlib import Path

from airflow_bert_service import AirflowDagRunner, AirflowPipelineConfig, load_pipeline

plan = load_pipeline(Path(__file__).parent / "greetings")
dag = AirflowDagRunner(AirflowPipelineConfig({"schedule": None})).run(plan)
"""


def test_a_pipeline_of_the_users_own_runs_with_no_tfx_modules_beside_it(ready: Stock) -> None:
    own = ready.home / "own"
    own.mkdir()
    (own / "greetings.py").write_text(OWN_PIPELINE)
    (own / "words.py").write_text("GREETING = 'hello '\n")
    ready.run("bert-service", "compile", "own/greetings.py:create_pipeline", "-o", str(ready.dags / "greetings"))
    (ready.dags / "greetings_dag.py").write_text(OWN_DAG)
    shutil.rmtree(own)
    assert not (ready.airflow_home / "tfx_modules").exists()

    ready.run("airflow", "dags", "test", "greetings", "--conf", '{"times": 2}')

    made = ready.airflow_home / "bert_service" / "pipeline" / "Greeter" / "greeting"
    assert [file.read_text() for file in made.rglob("value")] == ["hello hello "]
    ready.run("airflow", "dags", "test", "greetings", "--conf", '{"times": "two"}', code=1)


@contextmanager
def running(stock: Stock, *words: str, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    process = stock.start("bert-service", *words, log=log)
    try:
        yield process
        assert process.poll() is None, log.read_text(errors="replace")
    finally:
        process.terminate()
        process.wait(60)


def asked(address: str) -> str:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it has not come up"
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_line(printed: str) -> str:
    return printed.strip().splitlines()[-1]
