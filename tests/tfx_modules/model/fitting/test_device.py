"""What a training computes in is chosen by the settings, and by what the processor is quick with."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest

from tests.tfx_modules.model.fitting.small_training import classifier
from tfx_modules.model.bert_weights import BertWeights
from tfx_modules.model.fitting import device
from tfx_modules.settings.settings import TrainingPrecision

IDS = np.array([[101, 20, 31, 20, 23, 102], [101, 66, 102, 0, 0, 0]], "int32")
LABELS = np.array([1.0, 0.0], "float32")


@pytest.fixture(autouse=True)
def policy() -> Iterator[None]:
    """Leave Keras' policy as it was."""
    before = keras.mixed_precision.dtype_policy()
    yield
    keras.mixed_precision.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("precision", "speedup", "described"),
    [
        (TrainingPrecision.AUTO, 5.0, "the CPU, mixed bfloat16"),
        (TrainingPrecision.AUTO, 1.9, "the CPU, float32"),
        (TrainingPrecision.FLOAT32, 5.0, "the CPU, float32"),
        (TrainingPrecision.BFLOAT16, 0.5, "the CPU, mixed bfloat16"),
    ],
)
def test_the_setting_chooses_or_else_the_speed(
    precision: TrainingPrecision, speedup: float, described: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "bfloat16_speedup", lambda: speedup)
    device.strategy(precision)
    assert device.description() == described
    assert device.is_one_cpu()


def test_the_speed_of_this_processor_is_measured() -> None:
    assert 0 < device.bfloat16_speedup() < 100


def test_in_bfloat16_the_weights_stay_float32_and_a_step_is_nearly_the_same() -> None:
    losses = {}
    for precision in (TrainingPrecision.FLOAT32, TrainingPrecision.BFLOAT16):
        device.strategy(precision)
        made = classifier(dropout=0.0)
        made.prepare(2, [4, 6])
        losses[precision] = [float(made.train_on_batch(IDS, LABELS)[0]) for _ in range(4)]
        assert {weight.dtype for weight in made.trainable_variables} == {"float32"}
        assert BertWeights(made).words.dtype == np.float32
    np.testing.assert_allclose(losses[TrainingPrecision.BFLOAT16], losses[TrainingPrecision.FLOAT32], atol=0.02)


def test_without_xla_one_program_is_for_all_lengths() -> None:
    made = classifier()
    made.prepare(2, [4, 6])
    programs = (made._forward, made._backward, made._update)  # noqa: SLF001 - what is traced is nobody else's business
    for length in (4, 6, 3):
        made.train_on_batch(IDS[:, :length], LABELS)
        made.test_on_batch(IDS[:, :length], LABELS)
    assert [program.experimental_get_tracing_count() for program in programs] == [1, 1, 1]
