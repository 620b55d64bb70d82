"""Whoever waits for the Evaluator sees in its log how far it is."""

import logging

import apache_beam as beam
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.constants import INPUT_KEY

from tfx_modules.beam.runner import pipeline_of
from tfx_modules.evaluation.eval_config import eval_config
from tfx_modules.evaluation.evaluation_progress import TellProgress, custom_extractors
from tfx_modules.settings.gate import GateSettings

BATCHES = 6


class Clock:
    """Goes on by so many seconds each time somebody looks at it."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def told(caplog: pytest.LogCaptureFixture, seconds: float) -> list[str]:
    """Pass batches of 4 examples on, each of which takes so many seconds; return the lines."""
    caplog.set_level(logging.INFO)
    batches = [{INPUT_KEY: [b"x"] * 4, "number": number} for number in range(BATCHES)]
    step = TellProgress(interval=10, clock=Clock(seconds))
    step.setup()
    assert [passed for batch in batches for passed in step.process(batch)] == batches, "they stay as they are"
    return [record.message for record in caplog.records if record.name == "tfx_modules.evaluation.evaluation_progress"]


def test_a_line_every_ten_seconds_tells_how_many_examples_and_how_fast(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, seconds=5) == [f"evaluated {count} examples, 0.8 examples/s" for count in (8, 16, 24)]


def test_an_evaluation_of_a_few_seconds_has_no_line(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, seconds=1) == []


def test_beam_can_send_it_to_workers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pipeline_of(()) as pipeline:
        batches = pipeline | beam.Create([{INPUT_KEY: [b"x"] * 4}] * BATCHES, reshuffle=False)
        batches | beam.ParDo(TellProgress(interval=0))
    assert "evaluated 24 examples" in caplog.text


def test_it_counts_what_has_been_scored_and_not_yet_taken_apart() -> None:
    names = [found.stage_name for found in custom_extractors(None, eval_config(GateSettings()), None)]
    plain = [found.stage_name for found in tfma.default_extractors(eval_config=eval_config(GateSettings()))]
    assert [name for name in names if name != "TellProgress"] == plain
    assert names[names.index("TellProgress") + 1] == "ExtractUnbatchedInputs"
