"""The client, over both protocols, against a real server process."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.tfx_modules.serving.exported_models import MODEL
from tfx_modules.serving.client import ClientError, Model, ModelClient, RetryPolicy, Server, VersionReport
from tfx_modules.serving.client.command import main
from tfx_modules.serving.process import ModelServerProcess

PROTOCOLS = ["rest", "grpc"]


def where(server: ModelServerProcess, protocol: str) -> Server:
    if protocol == "rest":
        return Server.rest(server.rest_url.removeprefix("http://"))
    return Server.grpc(server.grpc_address)


def flags(server: ModelServerProcess, protocol: str) -> list[str]:
    return [f"--{protocol}={where(server, protocol).address}", f"--model_name={MODEL}"]


def predict(server: ModelServerProcess, protocol: str, *arguments: str) -> int:
    return main(["predict", *flags(server, protocol), *arguments])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_prints_a_line_per_answer_and_nothing_else(server: ModelServerProcess, protocol: str) -> None:
    command = [sys.executable, "-m", "tfx_modules.serving.client", "predict", *flags(server, protocol)]
    # Other tests' imports set TensorFlow's log level for this process; a user's shell does not have it.
    environ = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [*command, "--", "a good film", "a bad film"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environ,
    )
    assert done.stdout == "positive  0.900  a good film\nnegative  0.100  a bad film\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_only_the_start_of_a_long_text_is_shown(server: ModelServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(server, "rest", "good\n" * 100) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("positive  0.900  good good")
    assert line.endswith("...")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_class_gives_labels_and_scores(server: ModelServerProcess, protocol: str) -> None:
    texts = ["a good film", "träge ☹"]
    with ModelClient(where(server, protocol), Model(MODEL)) as client:
        predictions = client.predict(texts)
    assert [(p.text, p.label) for p in predictions] == [(texts[0], "positive"), (texts[1], "negative")]
    assert [p.score for p in predictions] == pytest.approx([0.9, 0.1])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_version_and_signature_can_be_chosen(server: ModelServerProcess, protocol: str) -> None:
    with ModelClient(where(server, protocol), Model(MODEL, 1, signature_name="which_version")) as client:
        (prediction,) = client.predict(["x"])
    assert list(prediction.outputs.values()) == [1]
    with pytest.raises(ClientError, match="the answer lacks 'label'; it has "):
        _ = prediction.label


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_status_is_told(server: ModelServerProcess, protocol: str, capsys: pytest.CaptureFixture[str]) -> None:
    with ModelClient(where(server, protocol), Model(MODEL)) as client:
        assert client.status() == [VersionReport(1, "AVAILABLE")]
    assert main(["status", *flags(server, protocol)]) == 0
    assert capsys.readouterr().out == "1  AVAILABLE\n"
    assert main(["status", "--json", *flags(server, protocol)]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "state": "AVAILABLE", "error": ""}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_metadata_are_told(server: ModelServerProcess, protocol: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metadata", *flags(server, protocol)]) == 0
    expected = "serving_default: text DT_STRING [-1] -> label DT_STRING [-1], score DT_FLOAT [-1]"
    assert expected in capsys.readouterr().out.splitlines()
    assert main(["metadata", "--json", *flags(server, protocol)]) == 0
    assert "serving_default" in json.loads(capsys.readouterr().out)


FILES = {
    "reviews.txt": "a good film\n\na bad film\r\n",
    "reviews.csv": '\ufeffid,text\n1,a good film\n2,"a bad\nfilm"\n',
    "reviews.jsonl": '{"text": "a good film"}\n\n{"text": "a bad film", "id": 7}\n',
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("batch_size", ["1", "32"])
def test_a_file_is_asked_about_in_batches(
    server: ModelServerProcess, name: str, batch_size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_text(FILES[name], encoding="utf-8", newline="")
    assert predict(server, "rest", f"--file={path}", f"--batch_size={batch_size}", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["outputs"]["label"] for row in rows] == ["positive", "negative"]
    assert [row["text"].replace("\n", " ") for row in rows] == ["a good film", "a bad film"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", "", r"is not a file of texts that can be read; give one of .txt, .csv, .jsonl"),
        ("a.csv", "review\nx\n", "no column 'text'; it has review; choose with --column"),
        ("a.csv", "id,text\n1\n", "row 1 has 1 values, and the header has 2 columns"),
        ("a.csv", "id,text\n1,fine\n2,long, but good\n", "row 2 has 3 values, .* a text with a comma needs quotes"),
        ("a.csv", "id,text,text\n1,a,b\n", "column 'text' is there 2 times; the header is id, text, text; rename one"),
        ("a.csv", ",review\n0,fine\n", "no column 'text'; it has '', review; choose with --column"),
        (
            "a.csv",
            'id,text\n1,a\n2,"He said \\"great\\" and left"\n',
            r"row 2 is no CSV: .*; a quote within .* is doubled",
        ),
        ("a.csv", "id,text\n1,a\n2,b\0c\n", "row 2 has the character NUL; take it out"),
        ("a.jsonl", '{"text": "a", "text": "b"}', "line 1: the key 'text' is there twice; rename one"),
        ("a.jsonl", "{", "line 1 is not JSON"),
        ("a.jsonl", '{"text": 1}', "line 1 is not an object with a text in 'text'"),
        ("missing.txt", None, "cannot read .*missing.txt: No such file"),
        ("latin.txt", b"\xe4", "it must be UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_of_error(
    name: str, content: str | bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["predict", f"--file={path}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("client: ")
    assert re.search(message, line)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_unknown_model_is_one_line_of_error_and_not_asked_for_again(
    server: ModelServerProcess, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", flags(server, protocol)[0], "--model_name=other", "--retries=1000", "x"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("client: ")
    assert "Servable not found for request: Latest(other)" in line


@pytest.mark.parametrize("make", [Server.rest, Server.grpc])
def test_an_answer_that_does_not_come_in_time_is_an_error_with_a_code(make: Callable[[str], Server]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says anything
        server = make(f"127.0.0.1:{silent.getsockname()[1]}")
        with (
            ModelClient(server, Model(MODEL), RetryPolicy(timeout_seconds=0.3)) as client,
            pytest.raises(ClientError) as caught,
        ):
            client.predict(["good"])
    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_a_text_that_is_not_unicode_is_refused(server: ModelServerProcess) -> None:
    with (
        ModelClient(where(server, "rest"), Model(MODEL)) as client,
        pytest.raises(ClientError, match="text 2 is not valid Unicode: surrogates not allowed at 1"),
    ):
        client.predict(["good", "x\udcff"])


def test_no_texts_are_no_request() -> None:
    with ModelClient(Server.rest("127.0.0.1:1"), Model(MODEL)) as client:
        assert client.predict([]) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["predict", "--rest=127.0.0.1:1", "--retries=0", "x"], 1, "no answer from http://127.0.0.1:1: ConnectionRefu"),
        (["predict", "--grpc=127.0.0.1:1", "--retries=0", "x"], 1, "127.0.0.1:1 answered UNAVAILABLE"),
        (["predict"], 2, "give texts to ask about, or --file"),
        (["predict", "x", "--file=a.txt"], 2, "give texts to ask about, or --file"),
        (["predict", "--rest=a:1", "--grpc=a:1", "x"], 2, "not allowed with argument"),
        (["predict", "--rest=8501", "x"], 2, "'8501' is not an address; give HOST:PORT, like 127.0.0.1:8501"),
        (["predict", "--version=1", "--label=stable", "x"], 2, "both choose a version; give one"),
        (["predict", "--batch_size=0", "x"], 2, "'0' is not a number of 1 or more"),
        (["predict", "--timeout_seconds=nan", "x"], 2, "is not a number of seconds above 0"),
        (["predict", "--ca_file=a.pem", "x"], 2, "are for --tls; give it too"),
        (["predict", "--tls", "--key_file=a.pem", "x"], 2, "go together; give both files or neither"),
        (["predict", "--tls", "--ca_file=/none.pem", "x"], 1, "cannot use the certificates and key in /none.pem"),
        (["predict", "--api_key_env=NO_SUCH", "x"], 2, "--api_key_env=NO_SUCH: there is no such environment variable"),
    ],
)
def test_what_went_wrong_is_one_line(
    arguments: Sequence[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
