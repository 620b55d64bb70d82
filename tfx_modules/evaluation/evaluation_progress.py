"""Tells in the Evaluator's log how far it is: TFX's Evaluator calls ``custom_extractors``.

TFX names no other place for it: between reading the examples and writing the results, all is in TFMA's hands.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.constants import INPUT_KEY
from tensorflow_model_analysis.proto import config_pb2

INTERVAL_SECONDS = 10.0
_UNBATCHED = "ExtractUnbatchedInputs"
"""TFMA's name of the step that takes batches apart. Those before it have scored them."""
_STAGE = "TellProgress"

_logger = logging.getLogger(__name__)


class TellProgress(beam.DoFn):  # type: ignore[misc]
    """Passes batches on as they are, and writes a line every few seconds."""

    def __init__(self, interval: float = INTERVAL_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the seconds between two lines, and what tells them."""
        super().__init__()
        self._interval, self._clock = interval, clock

    def setup(self) -> None:
        """Begin to count; Beam calls it before the first batch is read."""
        self._examples = self._told_examples = 0
        self._told = self._clock()

    def process(self, batch: dict[str, Any]) -> Any:
        """Count a batch: TFMA's extracts of examples that have been scored."""
        self._examples += len(batch[INPUT_KEY])
        now = self._clock()
        if now - self._told >= self._interval:
            _logger.info(
                "evaluated %d examples, %.1f examples/s",
                self._examples,
                (self._examples - self._told_examples) / (now - self._told),
            )
            self._told, self._told_examples = now, self._examples
        yield batch


def custom_extractors(
    eval_shared_model: Any, eval_config: config_pb2.EvalConfig, tensor_adapter_config: Any
) -> list[tfma.extractors.Extractor]:
    """Return TFMA's own extractors, and one that counts what they have scored.

    Args:
        eval_shared_model: the candidate, or it and the baseline.
        eval_config: of the Evaluator.
        tensor_adapter_config: how TFMA reads the examples.
    """
    found = tfma.default_extractors(
        eval_shared_model=eval_shared_model, eval_config=eval_config, tensor_adapter_config=tensor_adapter_config
    )
    place = [extractor.stage_name for extractor in found].index(_UNBATCHED)
    return [*found[:place], tfma.extractors.Extractor(_STAGE, beam.ParDo(TellProgress())), *found[place:]]
