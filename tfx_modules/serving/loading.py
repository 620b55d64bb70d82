"""Loads versions with the engine that the flags ask for; with ``auto``, with what this processor runs fastest."""

import functools
import logging
import math
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tfx_modules.engines import description
from tfx_modules.engines.description import Variant
from tfx_modules.exceptions import EngineFileError
from tfx_modules.serving.exceptions import ModelLoadError, RequestError, WarmupError
from tfx_modules.serving.flags.batching_flags import cores
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.models.engines.engine import TENSORFLOW, Engine
from tfx_modules.serving.models.engines.saved_model import Threads
from tfx_modules.serving.models.model import ServedModel, VersionFiles
from tfx_modules.serving.specs import PredictCall, size_of
from tfx_modules.serving.warmup import calls_of

RUNS = 3
"""How often a request is timed; the fastest counts, for others use the processor, too."""

_ASKED = "--engine asks for it"

_logger = logging.getLogger(__name__)

WarmUp = Callable[[ServedModel, Path], int]
Measure = Callable[[ServedModel, Sequence[PredictCall], float], float]
"""From a model, calls, and the milliseconds beyond which it need not go on, to those that they took so far."""


class Loader:
    """Loads versions, one at a time. Remembers for ``auto`` which engine was the fastest."""

    def __init__(
        self,
        choice: EngineChoice,
        threads: Threads,
        *,
        allow_side_effect_ops: bool = False,
        warm_up: WarmUp | None = None,
        measure: Measure | None = None,
    ) -> None:
        """Prepare.

        Args:
            choice: the flag's.
            threads: TensorFlow's.
            allow_side_effect_ops: see ``VersionFiles``.
            warm_up: replays a version's warm-up requests; None = they are neither replayed nor timed.
            measure: returns the milliseconds that a model takes for calls; None: by the clock.
        """
        self._load = {
            EngineChoice.AUTO: self._with_fastest,
            EngineChoice.TENSORFLOW: self._with_tensorflow,
            EngineChoice.OPENVINO: self._with_openvino,
        }[choice]
        self._threads = threads
        self._allow = allow_side_effect_ops
        self._warm_up = warm_up
        self._measure = measure or milliseconds_of
        self._remembered: dict[Hashable, Engine] = {}

    def load(self, folder: Path) -> ServedModel:
        """Load a version and warm it up.

        Raises:
            ModelLoadError: it cannot be loaded, or not with the engine that the flag asks for.
        """
        files = VersionFiles(folder, self._threads, allow_side_effect_ops=self._allow)
        return self._load(files)

    def _with_tensorflow(self, files: VersionFiles) -> ServedModel:
        _tell(files, TENSORFLOW, _ASKED)
        return self._in_tensorflow(files)

    def _in_tensorflow(self, files: VersionFiles) -> ServedModel:
        model = files.with_tensorflow()
        self._warm(model, files)
        return model

    def _with_openvino(self, files: VersionFiles) -> ServedModel:
        try:
            model = files.with_openvino(files.fastest_variant())
        except EngineFileError as error:
            raise ModelLoadError(f"cannot load {files.folder} with OpenVINO, as --engine asks: {error}") from error
        self._warm(model, files)
        _tell(files, model.engine, _ASKED)
        return model

    def _with_fastest(self, files: VersionFiles) -> ServedModel:
        try:
            model = self._fastest(files)
        except (EngineFileError, WarmupError) as error:
            _logger.warning(
                "%s carries files for OpenVINO that cannot be used, so TensorFlow serves it: %s", files.folder, error
            )
            return self._in_tensorflow(files)
        return model or self._in_tensorflow(files)

    def _fastest(self, files: VersionFiles) -> ServedModel | None:
        """Return the version, warmed up; None where it is known that TensorFlow is faster, or there is nothing else.

        Raises:
            EngineFileError: what it carries for OpenVINO cannot be used.
            WarmupError: it fails on the warm-up requests.
        """
        variants = files.variants()
        if not variants:
            _tell(files, TENSORFLOW, "it carries nothing for another engine")
            return None
        key = _key(files.folder, variants)
        if key not in self._remembered:
            return self._measured(files, variants, key)
        engine = self._remembered[key]
        model = None
        if engine != TENSORFLOW:
            (variant,) = (variant for variant in variants if variant.precision == engine.precision)
            model = files.with_openvino(variant)
            self._warm(model, files)
        _tell(files, engine, "an earlier version of this base path was measured, which carries the same")
        return model

    def _measured(self, files: VersionFiles, variants: Sequence[Variant], key: Hashable) -> ServedModel:
        models = [files.with_openvino(variant) for variant in variants]
        calls = [] if self._warm_up is None else _shortest_and_longest(models[0], files.folder)
        if not calls:
            _tell(
                files, models[0].engine, "there are no warm-up requests to measure with; it is the fastest it carries"
            )
            return models[0]
        models.append(files.with_tensorflow())
        took: dict[Engine, float] = {}
        told = []
        for model in models:
            least = min(took.values(), default=math.inf)
            took[model.engine] = self._measure(model, calls, least)
            told.append(f"{model.engine} {'over ' if took[model.engine] > least else ''}{took[model.engine]:.1f} ms")
        fastest = min(models, key=lambda model: took[model.engine])
        listed = ", ".join(told)
        why = f"a short and a long warm-up request, alone and on all cores at once, took {listed}"
        _tell(files, fastest.engine, why)
        self._remembered[key] = fastest.engine
        self._warm(fastest, files)
        return fastest

    def _warm(self, model: ServedModel, files: VersionFiles) -> None:
        if self._warm_up is not None:
            self._warm_up(model, files.folder)


def _tell(files: VersionFiles, engine: Engine, why: str) -> None:
    _logger.info("%s is served by %s: %s", files.folder, engine, why)


def _key(folder: Path, variants: Sequence[Variant]) -> Hashable:
    """Return what versions have in common for which the same engine is the fastest: the encoder's sizes, for one."""
    weights = [(folder / description.PLACE / variant.file).with_suffix(".bin") for variant in variants]
    try:
        sizes = tuple(file.stat().st_size for file in weights)
    except OSError as error:
        raise EngineFileError(f"the weights of a variant cannot be found: {error}") from error
    return folder.parent, tuple(variant.precision for variant in variants), sizes


def _shortest_and_longest(model: ServedModel, folder: Path) -> list[PredictCall]:
    """Return two of the warm-up requests' calls, one where there is no other; none where there are no requests."""
    calls = sorted((call for calls in calls_of(model, folder) for call in calls), key=_bytes)
    return calls[:1] + calls[1:][-1:]


def _bytes(call: PredictCall) -> int:
    return sum(size_of(array) for array in call.inputs.values())


def milliseconds_of(model: ServedModel, calls: Sequence[PredictCall], enough: float = math.inf) -> float:
    """Return how long calls take, each alone and, on average, each with one for each core at once.

    Args:
        model: is asked.
        calls: each is computed once before it is timed.
        enough: milliseconds; a model that has taken longer than that is not asked further.

    Raises:
        WarmupError: the model fails on one of them.
    """
    took = 0.0
    try:
        with ThreadPoolExecutor(cores(), thread_name_prefix="measure") as threads:
            for work, share in (each for call in calls for each in _timings(model, call, threads)):
                took += 1000 * _least(work) * share
                if took > enough:
                    break
    except RequestError as error:
        raise WarmupError(f"the model fails on a warm-up request, in {model.engine}: {error}") from error
    return took


def _timings(
    model: ServedModel, call: PredictCall, threads: ThreadPoolExecutor
) -> Iterator[tuple[Callable[[], object], float]]:
    """Yield what is timed for a call, and what share of the time counts."""

    def together() -> None:
        list(threads.map(model.predict, [call] * cores()))

    model.predict(call)  # what is computed first, prepares
    yield functools.partial(model.predict, call), 1.0
    yield together, 1 / cores()


def _least(work: Callable[[], object]) -> float:
    return min(_timed(work) for _ in range(RUNS))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
