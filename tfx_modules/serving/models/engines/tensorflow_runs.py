"""Computes signatures with the SavedModel's graph, in a session as TensorFlow Serving does."""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import tensorflow as tf

from tfx_modules.serving.exceptions import DeadlineError, InferenceError, InvalidRequestError
from tfx_modules.serving.models.engines.engine import TENSORFLOW
from tfx_modules.serving.models.engines.saved_model import POOLS, SignatureDefs
from tfx_modules.serving.models.engines.signature_run import SignatureRun
from tfx_modules.serving.specs import Array, TimeLimit

_v1: Any = tf.compat.v1


class ThreadPools:
    """The pools of threads in which TensorFlow begins operations, by their numbers.

    Each run of a model gets one of its own, so that no run's operations wait behind those of another.

    Attributes:
        count: how many there are. More runs than that share them.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._lock = threading.Lock()
        self._runs = [0] * count

    @contextmanager
    def least_busy(self) -> Iterator[int]:
        """Use the pool that has the fewest runs for as long as the block lasts; yield its number."""
        with self._lock:
            number = min(range(self.count), key=self._runs.__getitem__)
            self._runs[number] += 1
        try:
            yield number
        finally:
            with self._lock:
                self._runs[number] -= 1


_POOLS = ThreadPools(POOLS)
_THIS_THREAD = -1
"""The number by which ``RunOptions`` mean the thread that asks."""


class TensorFlowRuns:
    """A graph in a session. TensorFlow releases the GIL while it computes.

    Functions of TensorFlow 2, which are the other way, hold many copies of a graph's constants, and are never freed as
    a whole.
    """

    engine = TENSORFLOW

    def __init__(self, session: Any, signature_defs: SignatureDefs) -> None:
        """Prepare the signatures.

        Raises:
            KeyError, ValueError: the graph lacks a tensor that a signature names.
        """
        self._runs = {name: SignatureRun(session, proto) for name, proto in signature_defs.items()}

    def run(self, signature: str, given: Sequence[Array], limit: TimeLimit) -> Sequence[Array | bytes]:
        """Compute a signature; see ``engine.Runs``."""
        return self.run_part(signature, given, limit, of=signature)

    def run_part(
        self, part: str, given: Sequence[Array], limit: TimeLimit, *, of: str, is_short: bool = False
    ) -> Sequence[Array | bytes]:
        """Compute a signature that is a part of another one, which errors name.

        Args:
            part: its name.
            given: the inputs, in the order of their names.
            limit: when to end.
            of: the name of the other one.
            is_short: it takes a few milliseconds at most. It is then computed in this thread, which saves the time to
                wake others; once begun, it is not ended by the limit.

        Raises:
            RequestError: as ``run``.
        """
        seconds = left(limit, of)
        milliseconds = 0 if seconds is None else math.ceil(seconds * 1000)
        try:
            with nullcontext(_THIS_THREAD) if is_short else _POOLS.least_busy() as pool:
                options = _v1.RunOptions(timeout_in_ms=milliseconds, inter_op_thread_pool=pool)
                return self._runs[part](given, options)
        except tf.errors.DeadlineExceededError as error:
            raise ended(of, seconds or 0.0) from error
        except (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError) as error:
            raise InvalidRequestError(f"signature {of!r} rejects the input: {_reason(error.message)}") from error
        except UnicodeDecodeError as error:  # an op quotes bytes of the input
            said = error.object.decode(errors="backslashreplace")
            raise InvalidRequestError(f"signature {of!r} rejects the input: {_reason(said)}") from error
        except tf.errors.OpError as error:
            raise InferenceError(f"signature {of!r} failed: {_reason(error.message)}") from error


def left(limit: TimeLimit, signature: str) -> float | None:
    """Return the seconds that a signature's run has which begins now; None for any number.

    Raises:
        DeadlineError: there are none.
    """
    seconds = limit.left()
    if seconds is not None and seconds <= 0:
        raise DeadlineError(f"the request's time was over before signature {signature!r} was begun; ask less at a time")
    return seconds


def ended(signature: str, seconds: float) -> DeadlineError:
    """Return the error of a run that was ended after this time."""
    return DeadlineError(
        f"signature {signature!r} was ended after {seconds:.3g} s, when the request's time was over (its deadline, "
        "--rest_api_timeout_in_ms or --max_compute_time_in_ms); ask less at a time"
    )


def _reason(message: str) -> str:
    """Return what an op said, on one line, without the names of nodes after it."""
    return " ".join(message.partition("\n\t [[")[0].split()) or "TensorFlow gave no reason"
