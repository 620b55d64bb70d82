"""Computes an encoder's logits with OpenVINO, on the processor."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_modules.engines.openvino_library import openvino, unusable, uses_amx
from tfx_modules.engines.passes import MOST_TOKENS, MOST_TOKENS_WITH_AMX, passes
from tfx_modules.exceptions import EngineFileError

Array = npt.NDArray[Any]

_DEVICE = "CPU"
_TRIED = np.array([[1, 2, 0], [1, 0, 0]], np.int32)


def _go_on() -> None:
    """The check of callers without a time limit."""


def most_tokens(precision: str) -> int:
    """Return how many tokens a pass in this precision has at most in this process."""
    return MOST_TOKENS_WITH_AMX if precision == "bfloat16" and uses_amx() else MOST_TOKENS


class OpenVinoEncoder:
    """An encoder in memory. Safe to call from several threads at once; OpenVINO releases the GIL while it computes.

    It is compiled twice. A pass that begins while no other one runs gets all cores, which is fastest for one client;
    one that begins beside others gets one core, so that none waits for another and no core waits for its neighbours.

    Attributes:
        classes: of a task with several, their number; 0 where there is one logit for a row.
    """

    def __init__(self, file: Path, *, precision: str = "float32", cores: int = 0) -> None:
        """Load and try it.

        Args:
            file: OpenVINO's intermediate representation, from ids int32 [rows, tokens] to logits float32 [rows] or
                [rows, classes]; its weights are in the .bin file beside it.
            precision: one of ``description.PRECISIONS``: what it is computed in. A file in INT8 says so itself.
            cores: that this process may use; 0: look.

        Raises:
            EngineFileError: OpenVINO is not installed, or cannot read, compile or run it, or not in this precision.
        """
        reason = unusable(precision)
        if reason:
            raise EngineFileError(f"{file} cannot be used: {reason}.")
        cores = cores or len(os.sched_getaffinity(0))
        computed_in = "bf16" if precision == "bfloat16" else "f32"
        core = openvino().Core()
        # A file that is mapped into memory, and that someone cuts off later, would end the process.
        core.set_property({"ENABLE_MMAP": False})
        self._most_tokens = most_tokens(precision)
        self._lock = threading.Lock()
        self._running = 0
        try:
            model = core.read_model(file)
            self.classes = _classes(model, file)
            self._alone = _Compiled(core, model, computed_in, threads=cores, streams=1)
            self._beside = (
                self._alone if cores == 1 else _Compiled(core, model, computed_in, threads=cores, streams=cores)
            )
            tried = [compiled.run(_TRIED) for compiled in (self._alone, self._beside)]
            shape = (len(_TRIED), *([self.classes] if self.classes else []))
            is_good = all(logits.shape == shape and np.isfinite(logits).all() for logits in tried)
        except EngineFileError:
            raise
        # Not RuntimeErrors alone: memory, value and type errors come, too, and no page of OpenVINO's lists them.
        except Exception as error:
            raise EngineFileError(f"OpenVINO cannot use {file}: {_last_line(error)}. Export the model anew.") from error
        if not is_good:
            raise EngineFileError(f"{file} computes no finite logits of the shape {shape}. Export the model anew.")

    def logits(self, ids: Array, go_on: Callable[[], None] = _go_on) -> Array:
        """Compute logits.

        Args:
            ids: int32 [rows, tokens], 0 is padding, at the end of a row.
            go_on: called before each pass; what it raises ends the computation.

        Returns:
            float32 [rows], or [rows, classes].

        Raises:
            RuntimeError: these are no rows of ids, or OpenVINO failed, or gave logits for another number of rows.
            MemoryError: there is too little.
        """
        if ids.ndim != 2:
            raise RuntimeError(f"the encoder needs ids [rows, tokens], and got {list(ids.shape)}")
        made = np.empty((len(ids), *([self.classes] if self.classes else [])), np.float32)
        for each in passes(ids, self._most_tokens):
            go_on()
            given = np.ascontiguousarray(ids[each.rows, : each.tokens], np.int32)
            with self._least_waiting() as compiled:
                found = compiled.run(given)
            if found.shape != (len(given), *made.shape[1:]):
                raise RuntimeError(f"the encoder gave logits {list(found.shape)} for ids {list(given.shape)}")
            made[each.rows] = found
        return made

    @contextmanager
    def _least_waiting(self) -> Iterator["_Compiled"]:
        with self._lock:
            is_alone = not self._running
            self._running += 1
        try:
            yield self._alone if is_alone else self._beside
        finally:
            with self._lock:
                self._running -= 1


class _Compiled:
    """A compiled model with its requests: OpenVINO's, each of which computes for one caller at a time."""

    def __init__(self, core: Any, model: Any, computed_in: str, *, threads: int, streams: int) -> None:
        # Without the hint, OpenVINO would compute in bfloat16 or float16 what the model has in float32 on processors
        # that can, and so answer otherwise than where its accuracy was measured.
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            "INFERENCE_PRECISION_HINT": computed_in,
            # A thread that is bound to a core waits for whatever else computes there, be another core idle or not.
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = core.compile_model(model, _DEVICE, options)
        self._streams = streams
        self._lock = threading.Lock()
        self._idle: list[Any] = []

    def run(self, ids: Array) -> Array:
        with self._lock:
            request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        try:
            if self._streams == 1:  # computes in this thread, which saves two changes of threads
                return np.array(request.infer([ids], share_inputs=True, share_outputs=True)[0])
            # infer() would bind this thread to one of the streams, be that idle or not.
            request.start_async([ids], share_inputs=True)
            request.wait()
            return np.array(request.get_output_tensor(0).data)
        finally:
            with self._lock:
                self._idle.append(request)


def _classes(model: Any, file: Path) -> int:
    """Return the number of classes; check that it is a model from ids to logits."""
    forms = [port.partial_shape for port in (*model.inputs, *model.outputs)]
    ranks = [form.rank.get_length() if form.rank.is_static else 0 for form in forms]
    if len(model.inputs) != 1 or len(model.outputs) != 1 or ranks[0] != 2 or ranks[1] not in (1, 2):
        raise EngineFileError(
            f"{file} has inputs and outputs of the shapes {', '.join(map(str, forms))}; allowed: one input [rows, "
            "tokens] and one output [rows] or [rows, classes]. Export the model anew."
        )
    return int(forms[1][1].get_length()) if ranks[1] == 2 else 0


def _last_line(error: BaseException) -> str:
    """Return an error's last line: OpenVINO's errors begin with places in its sources, and end with what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else repr(error)
