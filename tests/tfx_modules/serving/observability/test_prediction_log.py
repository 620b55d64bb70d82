"""A sample of the predictions, as JSON lines, with as much of the texts as the flag says."""

import hashlib
import json
import logging
import stat
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.load import until
from tfx_modules.serving.client import Model, ModelClient, Server
from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.operations_flags import LoggedText, PredictionLogFlags
from tfx_modules.serving.observability.prediction_log import PredictionLog
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.serving.specs import Computed, ModelSpec, PredictCall, bytes_array


def computed(*texts: str, echo: bool = False) -> Computed:
    inputs = bytes_array([text.encode() for text in texts], (len(texts),))
    labels = inputs if echo else bytes_array([b"positive"] * len(texts), (len(texts),))
    outputs = {"label": labels, "score": np.full(len(texts), 0.5, np.float32)}
    return Computed(ModelSpec("m", 3), PredictCall("serving_default", {"text": inputs}), outputs, 0.0125)


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def logged(file: Path, *all_done: Computed, **settings: Any) -> list[Any]:
    log = PredictionLog(PredictionLogFlags(file, **settings))
    log.start()
    for done in all_done:
        log.add(done)
    log.stop()
    assert log.count_dropped() == 0
    return lines(file)


def test_a_line_tells_what_was_asked_of_which_version_and_what_it_said(tmp_path: Path) -> None:
    (line,) = logged(tmp_path / "log", computed("a", "b"), text=LoggedText.PLAIN)
    assert line.pop("time").startswith("20")
    assert line == {
        "model": "m",
        "version": 3,
        "signature": "serving_default",
        "milliseconds": 12.5,
        "rows": {"text": 2},
        "inputs": {"text": ["a", "b"]},
        "outputs": {"label": ["positive", "positive"], "score": [0.5, 0.5]},
    }


@pytest.mark.parametrize("echo", [False, True])
def test_texts_are_left_out_unless_they_are_asked_for(tmp_path: Path, echo: bool) -> None:
    (line,) = logged(tmp_path / "log", computed("my words", echo=echo))
    assert "inputs" not in line
    assert "my words" not in (tmp_path / "log").read_text()
    assert line["outputs"] == {"label": None if echo else ["positive"], "score": [0.5]}


def test_a_hash_tells_only_whether_two_texts_are_the_same(tmp_path: Path) -> None:
    first, second = logged(tmp_path / "log", computed("träge", echo=True), computed("träge"), text=LoggedText.HASH)
    expected = [hashlib.sha256("träge".encode()).hexdigest()]
    assert first["inputs"] == second["inputs"] == {"text": expected}
    assert first["outputs"]["label"] == expected
    assert "träge" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("rate", "least", "most"), [(0.0, 0, 0), (0.25, 150, 350), (1.0, 1000, 1000)])
def test_a_sample_is_a_share(tmp_path: Path, rate: float, least: int, most: int) -> None:
    log = PredictionLog(PredictionLogFlags(tmp_path / "log", rate), queued=1000)
    for _ in range(1000):
        log.add(computed("x"))
    log.start()
    log.stop()
    assert least <= len(lines(tmp_path / "log")) <= most


def test_what_the_disk_is_too_slow_for_is_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = PredictionLog(PredictionLogFlags(tmp_path / "log"), queued=10)
    began = time.monotonic()
    for _ in range(25):  # nobody writes yet
        log.add(computed("x"))
    assert time.monotonic() - began < 1
    assert log.count_dropped() == 15
    log.start()
    log.stop()
    assert len(lines(tmp_path / "log")) == 10
    assert "15 predictions were not logged" in caplog.text


def test_a_disk_that_fails_is_told_once_and_requests_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    folder = tmp_path / "folder"
    folder.mkdir()
    log = PredictionLog(PredictionLogFlags(folder / "log"))
    (folder / "log").unlink()
    folder.rmdir()
    log.start()
    for _ in range(3):
        log.add(computed("x"))
    until(lambda: log.count_dropped() == 3)
    folder.mkdir()
    log.add(computed("x"))
    log.stop()
    assert len(lines(folder / "log")) == 1
    assert caplog.text.count("cannot write") == 1


def test_only_the_servers_user_may_read_it(tmp_path: Path) -> None:
    logged(tmp_path / "log", computed("x"))
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o400, 0o777])
def test_a_file_that_was_there_before_is_closed_to_others(tmp_path: Path, mode: int) -> None:
    (tmp_path / "log").touch()
    (tmp_path / "log").chmod(mode)
    logged(tmp_path / "log", computed("x"))
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_a_file_that_somebody_opens_to_others_meanwhile_is_closed_again(tmp_path: Path) -> None:
    log = PredictionLog(PredictionLogFlags(tmp_path / "log"))
    (tmp_path / "log").chmod(0o644)
    log.start()
    log.add(computed("x"))
    log.stop()
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


ODD: list[Any] = [
    np.array([np.nan, np.inf, -np.inf, 1.5], np.float32),
    np.array(float("nan")),
    np.array([1 + 2j]),
    np.array([b"\xff\x00", b""], object),
    np.array([b"\xff\x00", b"ab"]),
    np.array([None, b"x"], object),
    np.array(["2020-01-01"], "datetime64[D]"),
    np.array([True]),
    np.array([2**63], np.uint64),
    np.array([1.5], tf.bfloat16.as_numpy_dtype),
    np.array([["\udc80", 'a"\n']], object),
]


@pytest.mark.parametrize("array", ODD, ids=repr)
@pytest.mark.parametrize("text", LoggedText)
def test_whatever_a_tensor_holds_its_line_is_json_and_others_follow(
    tmp_path: Path, array: Any, text: LoggedText
) -> None:
    odd = Computed(ModelSpec("m", 3), PredictCall("s", {"in": array}), {"out": array}, 0.0125)
    log = PredictionLog(PredictionLogFlags(tmp_path / "log", text=text))
    log.start()
    for done in (odd, computed("x")):
        log.add(done)
    log.stop()
    assert log.count_dropped() == 0
    first, second = [strict(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert first["signature"] == "s"
    assert second["signature"] == "serving_default"


def test_not_a_number_is_logged_by_its_name(tmp_path: Path) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 1.5], np.float32)
    odd = Computed(ModelSpec("m", 3), PredictCall("s", {}), {"out": values}, 0.0125)
    (line,) = logged(tmp_path / "log", odd)
    assert line["outputs"] == {"out": ["NaN", "Infinity", "-Infinity", 1.5]}


def test_a_prediction_that_cannot_be_logged_is_counted_and_the_next_ones_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Computed(ModelSpec("m", 3), PredictCall("s", {}), {"out": np.array([[b"x"], {}], object)}, 0.0125)
    log = PredictionLog(PredictionLogFlags(tmp_path / "log"))
    log.start()
    for done in (broken, computed("x")):
        log.add(done)
    log.stop()
    assert log.count_dropped() == 1
    assert len(lines(tmp_path / "log")) == 1
    assert "unhashable" in caplog.text


def test_what_waits_for_the_disk_is_bounded_in_bytes(tmp_path: Path) -> None:
    log = PredictionLog(PredictionLogFlags(tmp_path / "log"), queued_bytes=100_000)
    for _ in range(25):  # nobody writes yet
        log.add(computed("x" * 20_000))
    log.add(computed("x" * 200_000))
    assert log.count_dropped() == 22
    log.start()
    until(lambda: len(lines(tmp_path / "log")) == 4)
    log.add(computed("x" * 20_000))
    log.stop()
    assert len(lines(tmp_path / "log")) == 5


def test_a_file_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match=r"--prediction_log_file=.* cannot be written: Is a directory"):
        PredictionLog(PredictionLogFlags(tmp_path))


def test_a_server_logs_both_protocols_and_writes_the_rest_at_its_end(tmp_path: Path, publish: Publish) -> None:
    publish(tmp_path, 1)
    file = tmp_path / "log"
    flags = [f"--prediction_log_file={file}", "--prediction_log_text=plain"]
    with ModelServerProcess(model_base_path=tmp_path, model_name=MODEL, flags=flags) as server:
        for where in (Server.rest(server.rest_url.removeprefix("http://")), Server.grpc(server.grpc_address)):
            with ModelClient(where, Model(MODEL)) as client:
                client.predict(["a good film", "bad"])
    first, second = lines(file)
    for line in (first, second):
        assert (line["model"], line["version"]) == (MODEL, 1)
        assert line["inputs"] == {"text": ["a good film", "bad"]}
        assert line["outputs"]["label"] == ["positive", "negative"]
