"""The client, over both protocols, against a real server process."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.tfx_modules.serving.models import MODEL
from tfx_modules.serving.ask import main
from tfx_modules.serving.process import ModelServerProcess

EXPECTED = "positive  0.900  a good film\nnegative  0.100  a bad film\n"


def rest_port(server: ModelServerProcess) -> str:
    return f"--rest_api_port={server.rest_url.rpartition(':')[2]}"


def grpc_port(server: ModelServerProcess) -> str:
    return f"--port={server.grpc_address.rpartition(':')[2]}"


def ask(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tfx_modules.serving.ask", f"--model_name={MODEL}", *arguments]
    # Other tests' imports set TensorFlow's log level for this process; a user's shell does not have it.
    environ = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environ)


@pytest.mark.parametrize("port", [rest_port, grpc_port])
def test_it_prints_a_line_per_answer_and_nothing_else(server: ModelServerProcess, port: object) -> None:
    assert callable(port)
    done = ask(port(server), "a good film", "a bad film")
    assert (done.returncode, done.stdout, done.stderr) == (0, EXPECTED, "")


def test_only_the_start_of_a_long_text_is_shown(server: ModelServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([rest_port(server), f"--model_name={MODEL}", "good\n" * 100]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("positive  0.900  good good")
    assert line.endswith("...")


@pytest.mark.parametrize("protocol", [rest_port, grpc_port])
def test_an_unknown_model_is_one_line_of_error(
    server: ModelServerProcess, protocol: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(protocol)
    assert main([protocol(server), "--model_name=other", "x"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ask: ")
    assert "Servable not found for request: Latest(other)" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rest_api_port=1", "--model_name=m", "x"], "no answer from http://127.0.0.1:1: ConnectionRefusedError"),
        (["--port=1", "--model_name=m", "x"], "127.0.0.1:1 answered UNAVAILABLE"),
        (["--model_name=m", "x"], "one of the arguments --rest_api_port --port is required"),
        (["--rest_api_port=1", "--model_name=m"], "the following arguments are required: text"),
    ],
)
def test_what_went_wrong_is_one_line(
    arguments: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
