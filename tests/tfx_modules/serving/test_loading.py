"""``auto`` measures once which engine is the fastest, remembers it, and never serves with files that cannot be used."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tfx_modules.serving.engine_versions import Exported, written_by
from tfx_modules.engines import description
from tfx_modules.serving.exceptions import ModelLoadError
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.loading import Loader, Measure, milliseconds_of
from tfx_modules.serving.models.engines.engine import TENSORFLOW, Engine
from tfx_modules.serving.models.engines.saved_model import DEFAULT_THREADS
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.specs import PredictCall, bytes_array
from tfx_modules.serving.warmup import PLACE, warm_up

OPENVINO = Engine(EngineChoice.OPENVINO, "float32")


class Clock:
    """Says how long each engine takes, and remembers what was measured."""

    def __init__(self, tensorflow: float, openvino: float) -> None:
        self._says = {TENSORFLOW: tensorflow, OPENVINO: openvino}
        self.measured: list[Engine] = []
        self.sizes: list[int] = []
        self.enough = 0.0

    def __call__(self, model: ServedModel, calls: Sequence[PredictCall], enough: float) -> float:
        self.enough = enough
        self.measured.append(model.engine)
        self.sizes = [sum(map(len, call.inputs["text"])) for call in calls]
        return self._says[model.engine]


def loader_of(choice: EngineChoice, clock: Measure) -> Loader:
    return Loader(choice, DEFAULT_THREADS, warm_up=warm_up, measure=clock)


@pytest.mark.parametrize(
    ("clock", "engine"), [(Clock(20.0, 5.0), OPENVINO), (Clock(5.0, 20.0), TENSORFLOW)], ids=["openvino", "tensorflow"]
)
def test_auto_takes_the_fastest_and_remembers_it(
    tmp_path: Path, with_openvino: Exported, clock: Clock, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    loader = loader_of(EngineChoice.AUTO, clock)
    with caplog.at_level(logging.INFO):
        assert loader.load(with_openvino.publish(tmp_path, 1)).engine == engine
        assert loader.load(with_openvino.publish(tmp_path, 2)).engine == engine
    assert sorted(map(str, clock.measured)) == ["OpenVINO (float32)", "TensorFlow (as exported)"]
    times = r"OpenVINO \(float32\) \d+\.0 ms, TensorFlow \(as exported\) (over 20|5)\.0 ms"
    first, second = [message for message in caplog.messages if "is served by" in message]
    assert f"is served by {engine}: a short and a long warm-up request" in first
    assert re.search(times, first)
    assert f"is served by {engine}: an earlier version of this base path was measured" in second


def test_models_of_another_base_path_are_measured_anew(tmp_path: Path, with_openvino: Exported) -> None:
    clock = Clock(20.0, 5.0)
    loader = loader_of(EngineChoice.AUTO, clock)
    loader.load(with_openvino.publish(tmp_path / "a", 1))
    loader.load(with_openvino.publish(tmp_path / "b", 1))
    assert len(clock.measured) == 4


def test_a_short_and_a_long_request_are_measured(tmp_path: Path, with_openvino: Exported) -> None:
    clock = Clock(20.0, 5.0)
    loader_of(EngineChoice.AUTO, clock).load(with_openvino.publish(tmp_path, 1))
    shortest, longest = clock.sizes
    assert shortest < longest


def test_a_slower_engine_is_not_asked_further_than_that_is_known(tmp_path: Path, with_openvino: Exported) -> None:
    clock = Clock(20.0, 5.0)
    model = loader_of(EngineChoice.AUTO, clock).load(with_openvino.publish(tmp_path, 1))
    assert clock.enough == 5.0
    calls = [PredictCall("serving_default", {"text": bytes_array([b"a"], (1,))})]
    whole = milliseconds_of(model, calls * 3)
    assert 0 < milliseconds_of(model, calls * 3, 0.0) < whole


def test_the_clock_measures_real_engines(tmp_path: Path, with_openvino: Exported) -> None:
    model = loader_of(EngineChoice.OPENVINO, milliseconds_of).load(with_openvino.publish(tmp_path, 1))
    assert loader_of(EngineChoice.AUTO, milliseconds_of).load(tmp_path / "1").engine in (TENSORFLOW, OPENVINO)
    assert model.engine == OPENVINO


def test_without_warm_up_requests_auto_takes_what_the_pipeline_found_fastest(
    tmp_path: Path, with_openvino: Exported, caplog: pytest.LogCaptureFixture
) -> None:
    folder = with_openvino.publish(tmp_path, 1)
    (folder / PLACE).unlink()
    clock = Clock(5.0, 20.0)
    with caplog.at_level(logging.INFO):
        assert loader_of(EngineChoice.AUTO, clock).load(folder).engine == OPENVINO
    assert clock.measured == []
    assert "there are no warm-up requests to measure with" in caplog.text


def test_a_version_that_carries_nothing_is_served_by_tensorflow(
    tmp_path: Path, with_openvino: Exported, caplog: pytest.LogCaptureFixture
) -> None:
    folder = with_openvino.publish(tmp_path, 1, openvino=False)
    with caplog.at_level(logging.INFO):
        assert loader_of(EngineChoice.AUTO, Clock(20.0, 5.0)).load(folder).engine == TENSORFLOW
    assert "is served by TensorFlow (as exported): it carries nothing for another engine" in caplog.text
    with pytest.raises(ModelLoadError, match=r"as --engine asks: .* carries nothing for OpenVINO"):
        loader_of(EngineChoice.OPENVINO, Clock(20.0, 5.0)).load(folder)


@pytest.mark.parametrize("is_remembered", [False, True])
def test_unusable_files_mean_tensorflow_and_a_warning_that_says_why(
    tmp_path: Path, with_openvino: Exported, caplog: pytest.LogCaptureFixture, *, is_remembered: bool
) -> None:
    loader = loader_of(EngineChoice.AUTO, Clock(20.0, 5.0))
    if is_remembered:
        assert loader.load(with_openvino.publish(tmp_path, 1)).engine == OPENVINO
    damaged, foreign, last = (with_openvino.publish(tmp_path, version) for version in (2, 3, 4))
    (damaged / description.PLACE / "float32.xml").write_text("<net")
    written_by(foreign, "2019.1.0")
    assert loader.load(damaged).engine == TENSORFLOW
    assert loader.load(foreign).engine == TENSORFLOW
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert ["so TensorFlow serves it" in warning for warning in warnings] == [True, True]
    assert "OpenVINO cannot use" in warnings[0]
    assert "of OpenVINO 2019.1.0" in warnings[1]
    assert loader.load(last).engine == OPENVINO
    for folder in (damaged, foreign):
        with pytest.raises(ModelLoadError, match="as --engine asks"):
            loader_of(EngineChoice.OPENVINO, Clock(20.0, 5.0)).load(folder)


def test_tensorflow_looks_at_no_files_of_another_engine(
    tmp_path: Path, with_openvino: Exported, caplog: pytest.LogCaptureFixture
) -> None:
    folder = with_openvino.publish(tmp_path, 1)
    (folder / description.PLACE / description.DESCRIPTION).write_text("{")
    with caplog.at_level(logging.INFO):
        assert loader_of(EngineChoice.TENSORFLOW, Clock(20.0, 5.0)).load(folder).engine == TENSORFLOW
    assert "is served by TensorFlow (as exported): --engine asks for it" in caplog.text
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
