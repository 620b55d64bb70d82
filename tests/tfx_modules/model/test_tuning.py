"""Each trial of a search computes as the training will that gets its values."""

from collections.abc import Iterator

import keras
import keras_tuner
import pytest

from tfx_modules.model.fitting import device
from tfx_modules.model.tuning import SentimentHyperModel
from tfx_modules.settings.settings import EncoderSettings, TrainingPrecision, TrainingSettings, TuningSettings
from tfx_modules.settings.task import BINARY_SENTIMENT


@pytest.fixture(autouse=True)
def policy() -> Iterator[None]:
    """Leave Keras' policy as it was."""
    before = keras.mixed_precision.dtype_policy()
    yield
    keras.mixed_precision.set_dtype_policy(before)


def test_trials_compute_in_the_precision_of_the_training() -> None:
    settings = TrainingSettings(precision=TrainingPrecision.BFLOAT16)
    device.strategy(settings.precision)
    made = SentimentHyperModel(EncoderSettings(), settings, TuningSettings(), BINARY_SENTIMENT)
    keras.backend.clear_session()  # as KerasTuner does before each trial
    trial = made.build(keras_tuner.HyperParameters())
    assert trial.get_layer("dropout").compute_dtype == "bfloat16"
