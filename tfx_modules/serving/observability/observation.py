"""Records a server's requests in the metrics, and in the prediction log where there is one."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tfx_modules.exceptions import ServingError
from tfx_modules.serving.exceptions import ModelLoadError, status_of
from tfx_modules.serving.flags.operations_flags import PredictionLogFlags
from tfx_modules.serving.observability.metrics import Metrics, Reading
from tfx_modules.serving.observability.prediction_log import PredictionLog
from tfx_modules.serving.specs import Computed

T = TypeVar("T")


class Observation:
    """Receives the events of requests, warm-ups and loads; its methods return at once.

    Raises:
        FlagError: the prediction log cannot be written.
    """

    def __init__(self, flags: PredictionLogFlags) -> None:
        self._log = None if flags.file is None else PredictionLog(flags)
        self.metrics = Metrics()
        if self._log is not None:
            dropped = self._log.count_dropped
            self.metrics.show(Reading(":bert_service:serving:prediction_log_dropped_count", "counter", dropped))

    def start(self) -> None:
        """Start the prediction log."""
        if self._log is not None:
            self._log.start()

    def stop(self) -> None:
        """Write the rest of the prediction log."""
        if self._log is not None:
            self._log.stop()

    def computed(self, done: Computed) -> None:
        """Record a call that a model has answered."""
        self.metrics.computed(done.spec.name, done.spec.version or 0, done.api, done.seconds)
        if self._log is not None:
            self._log.add(done)

    def warming(self, warm_up: Callable[[T, Path], int]) -> Callable[[T, Path], int]:
        """Return a function that replays warm-up requests as ``warm_up`` does, and records how long that took."""

        def noted(model: T, path: Path) -> int:
            began = time.perf_counter()
            try:
                count = warm_up(model, path)
            except ServingError as error:
                self.metrics.warmed(str(path), status_of(error).code, time.perf_counter() - began)
                raise
            if count:  # else there was nothing to replay
                self.metrics.warmed(str(path), "OK", time.perf_counter() - began)
            return count

        return noted

    def loading(self, load: Callable[[Path], T]) -> Callable[[Path], T]:
        """Return a function that loads a version's folder as ``load`` does, and records whether it could."""

        def noted(path: Path) -> T:
            try:
                model = load(path)
            except ModelLoadError:
                self.metrics.loaded(str(path), success=False)
                raise
            self.metrics.loaded(str(path), success=True)
            return model

        return noted
