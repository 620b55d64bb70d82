"""Answers requests independently of a protocol. The frontends call this module and nothing below it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from tfx_modules.serving.batching.batcher import Batcher
from tfx_modules.serving.batching.merging import join, parts_of, rows_of
from tfx_modules.serving.exceptions import DrainingError
from tfx_modules.serving.flags.batching_flags import BatchingParameters, cores
from tfx_modules.serving.flags.request_flags import DEFAULT_BOUNDS, RequestFlags
from tfx_modules.serving.inference.classify_regress import Result, Task, conclude, prepare
from tfx_modules.serving.inference.rows import check_rows
from tfx_modules.serving.inference.workers import Workers
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.models.registry import Registry, ServableHandle
from tfx_modules.serving.security.admission import deadline
from tfx_modules.serving.security.bytes_under_way import BytesUnderWay
from tfx_modules.serving.specs import Arrays, Computed, ModelSpec, PredictCall, TimeLimit, VersionStatus

P = ParamSpec("P")
T = TypeVar("T")

# Moving less than this to a thread takes longer than converting it.
INLINE_BYTES = 64 * 1024
# A thread per core keeps the cores busy, since TensorFlow releases the GIL; two at least, for a short request beside
# a long one.
WORKERS = max(2, cores())
CONVERTERS = 2


class DataPlane:
    """Answers requests on a bounded number of threads, so that the event loop stays free."""

    def __init__(
        self,
        registry: Registry,
        *,
        workers: int = WORKERS,
        limits: RequestFlags = DEFAULT_BOUNDS,
        batching: BatchingParameters | None = None,
        observe: Callable[[Computed], None] | None = None,
        observe_batch: Callable[[int], None] | None = None,
    ) -> None:
        """Prepare.

        Args:
            registry: the versions that there are.
            workers: how many requests are computed at the same time; the others wait in order of arrival.
            limits: what one request may cost.
            batching: how requests are computed together, on threads of their own; None = each by itself.
            observe: called with each call that was answered; must return at once.
            observe_batch: called with the number of rows of each batch; must return at once.
        """
        self._registry = registry
        self._observe = observe
        self.limits = limits
        self.bytes_under_way = BytesUnderWay(limits.max_bytes_under_way)
        self._workers = Workers(workers)
        # Few, and apart: conversions keep the interpreter busy, which the event loop needs, too.
        self._converters = ThreadPoolExecutor(CONVERTERS, thread_name_prefix="convert")
        self._batcher = None if batching is None else Batcher(batching, observe_batch)
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    @asynccontextmanager
    async def servable_handle(self, spec: ModelSpec) -> AsyncIterator[ServableHandle]:
        """Open a servable handle for the time of one request.

        Raises:
            NotServedError: no such model or version.
            DrainingError: the server is stopping.
        """
        if self._draining:
            raise DrainingError("the server is stopping; ask again when it is back, or another one")
        with self._registry.servable_handle(spec) as handle:
            self._under_way += 1
            self._idle.clear()
            try:
                yield handle
            finally:
                self._under_way -= 1
                if not self._under_way:
                    self._idle.set()

    async def predict(self, handle: ServableHandle, call: PredictCall, *, api: str = "Predict") -> Arrays:
        """Return the outputs of a signature.

        Raises:
            InvalidRequestError: too many rows, or too long ones.
            RequestError: see ``ServedModel.predict``.
            DrainingError: the server's deadline for stopping passed before the model was done.
        """
        check_rows(call, self.limits)
        began = time.perf_counter()
        try:
            outputs = await self._compute(handle.model, call)
        except asyncio.CancelledError:
            if not self._draining:
                raise
            raise DrainingError("the server had to stop before this request was done; ask another one") from None
        if self._observe is not None:
            self._observe(Computed(handle.spec, call, outputs, time.perf_counter() - began, api))
        return outputs

    async def infer(self, handle: ServableHandle, tasks: Sequence[Task], examples: Sequence[bytes]) -> list[Result]:
        """Return each task's answer about the same serialised tf.Examples.

        Raises:
            RequestError: a task does not fit the model (then nothing is computed), or as ``predict``.
            DrainingError: as ``predict``.
        """
        calls = [prepare(task, handle.model.signatures, examples) for task in tasks]
        api = tasks[0].api if len(tasks) == 1 else "MultiInference"
        outputs = [await self.predict(handle, call, api=api) for call in calls]
        return [conclude(task, arrays, len(examples)) for task, arrays in zip(tasks, outputs, strict=True)]

    async def convert(self, size: int, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Run a frontend's conversion of ``size`` bytes: here when it is small, else in a thread."""
        if size <= INLINE_BYTES:
            return work(*arguments, **options)
        done = partial(work, *arguments, **options)
        return await asyncio.get_running_loop().run_in_executor(self._converters, done)

    def statuses(self, spec: ModelSpec) -> list[VersionStatus]:
        """Return the state of a version or of all versions, newest first.

        Raises:
            NotServedError: no such model or version was ever seen.
        """
        return self._registry.statuses(spec)

    async def drain(self, seconds: float) -> bool:
        """Refuse new requests and wait for those under way; say whether all were done in time."""
        self._draining = True
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Shut the threads down, without waiting for them."""
        self._workers.close()
        self._converters.shutdown(wait=False, cancel_futures=True)
        if self._batcher is not None:
            self._batcher.close()

    async def _compute(self, model: ServedModel, call: PredictCall) -> Arrays:
        milliseconds = self.limits.max_compute_time_in_ms
        limit = TimeLimit(deadline(), milliseconds / 1000 if milliseconds else None)
        if self._batcher is not None:
            return await self._batcher.compute(model, call, limit)
        most = self.limits.max_rows_per_run
        rows = rows_of(model.check(call), call) if most else None
        # One after the other, so that others get their turn, and nothing more is computed for a client who has left.
        parts = [call] if rows is None else parts_of(call, rows, most)
        return join([await self._workers.run(partial(model.predict, part, limit)) for part in parts])
