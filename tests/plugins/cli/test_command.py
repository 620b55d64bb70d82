"""The command's entry: which sub-commands there are, without waiting for Airflow."""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from airflow_bert_service.cli.main import SUB_COMMANDS, main

from tests.plugins.toy_project import wait_until
from tests.support.airflow_home import PROJECT_ROOT

ASK_WHAT_IS_IMPORTED = """
import sys
from importlib.util import find_spec
from airflow_bert_service.cli.main import main
main(["--help"]); main(["--version"])
print(sorted({"airflow", "sqlalchemy", "pydantic"} & set(sys.modules)))
"""


def test_help_lists_every_sub_command_and_imports_no_airflow() -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    done = subprocess.run(
        [sys.executable, "-c", ASK_WHAT_IS_IMPORTED], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(f"\n  {name} " in done.stdout for name in ("airflow", *SUB_COMMANDS))


def test_each_sub_command_has_a_module() -> None:
    assert all(find_spec(f"airflow_bert_service.cli.{item.module}") for item in SUB_COMMANDS.values())


def test_an_unknown_sub_command_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["modles"]) == 2
    assert "has no sub-command 'modles'; allowed: airflow, setup-tfx, init, compile, models" in capsys.readouterr().err


def test_without_arguments_it_tells_its_usage_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().out.startswith("usage: scripts/bert SUB-COMMAND")


def test_ctrl_c_ends_a_command_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import time\nopen('begun', 'w').close()\ntime.sleep(300)\n")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    command = [sys.executable, "-m", "airflow_bert_service.cli", "compile", "own.py:create_pipeline", "-o", "made"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            wait_until((tmp_path / "begun").exists, 120)
        finally:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the compiler below it gets it too
        told = process.communicate(timeout=100)[1]
    assert process.returncode == 130
    assert told == "scripts/bert compile was interrupted.\n"
    assert not (tmp_path / "made").exists()


def test_init_writes_dag_files_and_settings_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dags = tmp_path / "home" / "dags"
    assert main(["init", str(dags)]) == 0
    there = {path.name: path.read_text() for path in dags.iterdir()}
    assert sorted(there) == [
        "bert_sentiment.py",
        "bert_sentiment_retention.py",
        "bert_sentiment_rollback.py",
        "bert_sentiment_scoring.py",
        "settings.toml",
    ]
    assert "[gate]" in there["settings.toml"]

    (dags / "settings.toml").write_text("# mine\n")
    (dags / "bert_sentiment.py").unlink()
    assert main(["init", str(dags)]) == 1
    assert "settings.toml exists already; allowed: a folder without these files" in capsys.readouterr().err
    assert (dags / "settings.toml").read_text() == "# mine\n"
    assert not (dags / "bert_sentiment.py").exists()


def test_init_names_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file" / "dags")]) == 1
    assert "cannot be written (Not a directory); allowed: a DAGs folder that this user" in capsys.readouterr().err


def test_compile_makes_no_dags_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "dgas"
    assert main(["compile", str(missing)]) == 1
    assert f"the DAGs folder {missing} does not exist; allowed: a folder with DAG files" in capsys.readouterr().err
    assert not missing.exists()


def test_compile_finds_a_mistake_in_the_feed_that_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__SCORING_FEED", '{"feed": "kafka"}')
    assert main(["compile", str(tmp_path)]) == 1
    assert "feed is 'kafka'; allowed: sample" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["models", "serve", "client"])
def test_a_missing_tfx_environment_is_named_with_the_remedy(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__TFX_PYTHON", "/missing/python")
    assert main([name]) == 1
    assert "tfx_python is '/missing/python', which does not exist" in (message := capsys.readouterr().err)
    assert "Run `make setup`, or correct the setting" in message


def explained(words: list[str], folder: Path) -> str:
    """What a sub-command prints where there is no TFX environment, and a setting is wrong."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__BERT_SERVICE__TFX_PYTHON": "/missing/python",
        "AIRFLOW__BERT_SERVICE__WINDOW_DAYS": "0",
    }
    command = [sys.executable, "-m", "airflow_bert_service.cli", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("name", SUB_COMMANDS)
def test_help_needs_no_tfx_environment_and_no_right_settings(name: str, tmp_path: Path) -> None:
    assert explained([name, "--help"], tmp_path).startswith(f"usage: scripts/bert {name} ")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["models", "roll-back", "-h"], "--to VERSION"),
        (["models", "live", "--at", "yesterday", "--help"], "a day (2026-11-04, yesterday)"),
        (["client", "predict", "--help"], "classify the texts of a file: .txt, .csv or .jsonl"),
        (["serve", "--rest_api_port=0", "--help"], "REST port, 0 = any free one"),
    ],
)
def test_commands_of_the_tfx_side_explain_their_arguments(words: list[str], text: str, tmp_path: Path) -> None:
    assert text in " ".join(explained(words, tmp_path).split())


def test_a_text_to_classify_that_looks_like_a_flag_does_not_ask_for_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__BERT_SERVICE__TFX_PYTHON", "/missing/python")
    assert main(["client", "predict", "--", "--help"]) == 1
    assert "tfx_python is '/missing/python', which does not exist" in capsys.readouterr().err


SERVE = "-m tfx_modules.serving --host=127.0.0.1 --model_name=film_sentiment"
REPORT = """#!/bin/sh
echo "$MODEL_NAME|$PWD|$PYTHONPATH|$*"
"""


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("client", "-m tfx_modules.serving.client status --json"),
        ("serve", f"{SERVE} --model_base_path={{state}}/models/film_sentiment --max_rows_per_run=4 status --json"),
    ],
)
def test_client_and_model_server_have_the_pipelines_name_and_stay_in_the_users_folder(
    name: str, arguments: str, tmp_path: Path
) -> None:
    root, folder, python = tmp_path / "project", tmp_path / "here", tmp_path / "python"
    (root / "dags").mkdir(parents=True)
    (root / "dags" / "settings.toml").write_text('name = "film_sentiment"\n')
    folder.mkdir()
    python.write_text(REPORT)
    python.chmod(0o755)
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__BERT_SERVICE__ROOT": str(root),
        "AIRFLOW__BERT_SERVICE__STATE": str(tmp_path / "state"),
        "AIRFLOW__BERT_SERVICE__TFX_PYTHON": str(python),
    }
    command = [sys.executable, "-m", "airflow_bert_service.cli", name, "status", "--json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    model = "film_sentiment" if name == "client" else ""
    assert done.stdout == f"{model}|{folder}|{root}|{arguments.format(state=tmp_path / 'state')}\n"


def test_the_node_server_needs_a_socket(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node-server"]) == 1
    assert "node_socket is empty; allowed: the path of a Unix socket" in capsys.readouterr().err
