"""Computes calls of several requests in batches, on threads of its own."""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tfx_modules.serving.batching.merging import join, kind_of, merge, parts_of, rows_of, split
from tfx_modules.serving.batching.queues import Queues
from tfx_modules.serving.exceptions import RequestError
from tfx_modules.serving.flags.batching_flags import BatchingParameters
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.specs import NO_LIMIT, Arrays, PredictCall, TimeLimit, last


@dataclass(eq=False)
class _Task:
    """A call that waits; each is itself, and equal to no other."""

    kind: Hashable
    model: ServedModel
    call: PredictCall
    rows: int
    limit: TimeLimit
    answer: "asyncio.Future[Arrays]"


class Batcher:
    """Batches calls of one signature of one version while all threads are busy, or clients are just coming back.

    A call whose rows cannot be counted (``merging.rows_of``) is computed by itself, in its turn. Where the model fails
    on a batch, each of its calls is computed by itself: no client gets an error for another one's call.
    """

    def __init__(self, parameters: BatchingParameters, noted: Callable[[int], None] | None = None) -> None:
        """Prepare.

        Args:
            parameters: sizes, waiting, threads.
            noted: called with the number of rows of each batch, in the event loop's thread.
        """
        self._parameters = parameters
        self._noted = noted
        self._queues: Queues[_Task] = Queues(parameters)
        self._pool = ThreadPoolExecutor(parameters.num_batch_threads, thread_name_prefix=parameters.thread_pool_name)
        self._free = parameters.num_batch_threads
        self._alarm: asyncio.TimerHandle | None = None

    async def compute(self, model: ServedModel, call: PredictCall, limit: TimeLimit = NO_LIMIT) -> Arrays:
        """Return the outputs of a signature, like ``ServedModel.predict``.

        Raises:
            RequestError: as that; and OverloadedError where too many rows wait.
        """
        rows = rows_of(model.check(call), call)
        if rows is None:
            return (await self._answer(object(), model, [call], [1], limit))[0]
        parts = parts_of(call, rows, self._parameters.max_batch_size)
        kind = (model, kind_of(call, padded=self._parameters.pad_variable_length_inputs))
        counts = [len(next(iter(part.inputs.values()))) for part in parts]
        self._queues.check(kind, rows)
        # As many parts at a time as there are threads, so that calls of others get their turn between them.
        at_once = self._parameters.num_batch_threads
        answers: list[Arrays] = []
        for n in range(0, len(parts), at_once):
            answers += await self._answer(kind, model, parts[n : n + at_once], counts[n : n + at_once], limit)
        return join(answers)

    def close(self) -> None:
        """Shut the threads down, without waiting for them."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _answer(
        self,
        kind: Hashable,
        model: ServedModel,
        calls: Sequence[PredictCall],
        counts: Sequence[int],
        limit: TimeLimit,
    ) -> list[Arrays]:
        loop = asyncio.get_running_loop()
        tasks = [
            _Task(kind, model, call, rows, limit, loop.create_future())
            for call, rows in zip(calls, counts, strict=True)
        ]
        for task in tasks:
            self._queues.add(kind, task, task.rows, loop.time())
        self._start_what_is_ready()
        try:
            return [await task.answer for task in tasks]
        finally:  # a client that has gone, or a call of which one part has failed, does not need the other parts
            for task in tasks:
                if task.answer.cancel() or task.answer.cancelled():
                    self._queues.remove(kind, task)

    def _start_what_is_ready(self) -> None:
        loop = asyncio.get_running_loop()
        while self._free and (batch := self._queues.next_batch(loop.time())):
            self._free -= 1
            running = loop.create_task(self._run(batch))
            running.add_done_callback(partial(self._done, batch, loop.time()))
        self._set_alarm(loop)

    def _set_alarm(self, loop: asyncio.AbstractEventLoop) -> None:
        """Schedule the next check for when a batch has waited long enough; a thread that becomes free checks, too."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        pause = self._queues.pause(loop.time()) if self._free else None
        if pause is not None:
            self._alarm = loop.call_later(pause, self._start_what_is_ready)

    def _done(self, batch: Sequence[_Task], began: float, running: "asyncio.Task[None]") -> None:
        self._free += 1
        now = asyncio.get_running_loop().time()
        self._queues.answered(batch[0].kind, len(batch), sum(task.rows for task in batch), began=began, now=now)
        error = None if running.cancelled() else running.exception()
        for task in batch:  # those that have no answer: this server has a defect, or stops
            if error is not None:
                _give(task, error)
            task.answer.cancel()
        self._start_what_is_ready()

    async def _run(self, batch: Sequence[_Task]) -> None:
        for task, answer in zip(batch, await self._answers(batch), strict=True):
            _give(task, answer)

    async def _answers(self, batch: Sequence[_Task]) -> Sequence[Arrays | RequestError]:
        try:
            return await self._in_pool(batch)
        except RequestError as error:
            if len(batch) == 1:
                return [error]
        return [await self._alone(task) for task in batch]

    async def _alone(self, task: _Task) -> Arrays | RequestError:
        if task.answer.done():  # its request has ended meanwhile
            return {}
        try:
            return (await self._in_pool([task]))[0]
        except RequestError as error:
            return error

    async def _in_pool(self, batch: Sequence[_Task]) -> list[Arrays]:
        counts = [task.rows for task in batch]
        rows = self._parameters.allowed(sum(counts))
        if self._noted is not None:
            self._noted(rows)
        limit = last([task.limit for task in batch])
        work = partial(_compute, batch[0].model, [task.call for task in batch], counts, rows, limit)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _give(task: _Task, answer: Arrays | BaseException) -> None:
    if task.answer.done():
        return
    if isinstance(answer, BaseException):
        task.answer.set_exception(answer)
    else:
        task.answer.set_result(answer)


def _compute(
    model: ServedModel, calls: Sequence[PredictCall], counts: Sequence[int], rows: int, limit: TimeLimit
) -> list[Arrays]:
    if len(calls) == 1 and rows == counts[0]:
        return [model.predict(calls[0], limit)]
    return split(model.predict(merge(calls, rows), limit), counts, rows)
