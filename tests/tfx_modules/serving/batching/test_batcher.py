"""Requests of several clients are computed together, and none pays for another."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tfx_modules.serving.batching import queues
from tfx_modules.serving.batching.batcher import Batcher
from tfx_modules.serving.exceptions import InvalidRequestError, OverloadedError, RequestError, SignatureNotFoundError
from tfx_modules.serving.flags.batching_flags import BatchingParameters
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.specs import Arrays, PredictCall, bytes_array

BUSY = PredictCall("slow", {"rounds": np.array([400], np.int32)})
"""Keeps a thread for some tenths of a second."""


def review(*texts: bytes, signature: str = "serving_default") -> PredictCall:
    return PredictCall(signature, {"text": bytes_array(list(texts), (len(texts),))})


def together(
    model: ServedModel, calls: Sequence[PredictCall], **parameters: Any
) -> tuple[list[Arrays | BaseException], list[int]]:
    """Ask all at once while the only thread is busy; return answers, and the rows of each batch after that."""
    sizes: list[int] = []

    async def ask() -> list[Arrays | BaseException]:
        batcher = Batcher(BatchingParameters(num_batch_threads=1, **parameters), sizes.append)
        busy = asyncio.create_task(batcher.compute(model, BUSY))
        await asyncio.sleep(0)
        try:
            return await asyncio.gather(*(batcher.compute(model, call) for call in calls), return_exceptions=True)
        finally:
            await busy
            batcher.close()

    return asyncio.run(ask()), sizes[1:]


def labels(answer: Arrays | BaseException) -> list[bytes]:
    assert not isinstance(answer, BaseException)
    made: list[bytes] = answer["label"].tolist()
    return made


def test_requests_that_wait_are_computed_together(served_model: ServedModel) -> None:
    answers, sizes = together(served_model, [review(b"good"), review(b"bad", b"good"), review(b"bad")])
    assert sizes == [4]
    assert list(map(labels, answers)) == [[b"positive"], [b"negative", b"positive"], [b"negative"]]


def test_each_signature_and_model_has_batches_of_its_own(served_model: ServedModel) -> None:
    answers, sizes = together(served_model, [review(b"good"), review(b"x", signature="as_bytes"), review(b"bad")])
    assert sizes == [2, 1]
    assert labels(answers[2]) == [b"negative"]


def test_a_request_with_more_rows_than_a_batch_may_have_is_computed_in_parts(served_model: ServedModel) -> None:
    (answer,), sizes = together(served_model, [review(*[b"good", b"bad"] * 5)], max_batch_size=4)
    assert sizes == [4, 4, 2]
    assert labels(answer) == [b"positive", b"negative"] * 5


def test_batches_have_allowed_sizes(served_model: ServedModel) -> None:
    answers, sizes = together(served_model, [review(b"good")] * 3, max_batch_size=8, allowed_batch_sizes=(1, 4, 8))
    assert sizes == [4]
    assert list(map(labels, answers)) == [[b"positive"]] * 3


def test_a_sum_over_all_rows_is_computed_alone(served_model: ServedModel) -> None:
    calls = [PredictCall("total", {"values": np.array([1.0, n], np.float32)}) for n in range(3)]
    answers, sizes = together(served_model, calls)
    assert sizes == [1, 1, 1]
    assert [float(answer["total"]) for answer in answers if not isinstance(answer, BaseException)] == [1, 2, 3]


def test_nobody_is_told_of_another_ones_mistake(served_model: ServedModel) -> None:
    answers, sizes = together(served_model, [review(text, signature="not_empty") for text in (b"good", b"", b"bad")])
    assert sizes == [3, 1, 1, 1]
    assert isinstance(answers[1], InvalidRequestError)
    assert [
        answer["length"].tolist() for answer in (answers[0], answers[2]) if not isinstance(answer, BaseException)
    ] == [
        [4],
        [3],
    ]


def test_a_call_that_does_not_fit_the_model_never_waits(served_model: ServedModel) -> None:
    answers, sizes = together(
        served_model, [review(b"x", signature="none"), PredictCall("serving_default", {"words": np.array([1])})]
    )
    assert sizes == []
    assert [type(answer) for answer in answers] == [SignatureNotFoundError, InvalidRequestError]


def test_more_than_may_wait_are_refused(served_model: ServedModel) -> None:
    answers, _ = together(served_model, [review(b"good")] * 4, max_batch_size=1, max_enqueued_batches=2)
    assert [isinstance(answer, OverloadedError) for answer in answers] == [False, False, True, True]


def run(use: Callable[[Batcher], Awaitable[Any]], **parameters: Any) -> list[int]:
    sizes: list[int] = []

    async def used() -> None:
        batcher = Batcher(BatchingParameters(num_batch_threads=1, **parameters), sizes.append)
        try:
            await use(batcher)
        finally:
            batcher.close()

    asyncio.run(used())
    return sizes


def test_a_client_that_goes_away_is_not_computed_for(served_model: ServedModel) -> None:
    async def leave(batcher: Batcher) -> None:
        busy = asyncio.create_task(batcher.compute(served_model, BUSY))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(batcher.compute(served_model, review(b"good"))) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.gather(busy, *waiting, return_exceptions=True)

    assert run(leave) == [1, 2]


def test_a_batch_waits_for_more_only_as_long_as_it_may(served_model: ServedModel) -> None:
    async def one_after_the_other(batcher: Batcher) -> None:
        async def later(seconds: float) -> Arrays:
            await asyncio.sleep(seconds)
            return await batcher.compute(served_model, review(b"good"))

        await asyncio.gather(later(0), later(0.05), later(0.1))
        await batcher.compute(served_model, review(b"good"))

    assert run(one_after_the_other, batch_timeout_micros=400_000) == [3, 1]


def test_clients_that_were_answered_together_are_computed_together_again(
    served_model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More time than a busy machine needs to bring them back.
    for name, value in (("RETURN_SHARE", 1e6), ("MOST_RETURN_SECONDS", 20.0), ("RETURN_GAP_SECONDS", 10.0)):
        monkeypatch.setattr(queues, name, value)

    async def ask_twice(batcher: Batcher) -> None:
        busy = asyncio.create_task(batcher.compute(served_model, BUSY))
        await asyncio.sleep(0)

        async def client(number: int) -> None:
            await batcher.compute(served_model, review(b"good"))
            await asyncio.sleep(0.05 * number)
            await batcher.compute(served_model, review(b"bad"))

        await asyncio.gather(busy, *map(client, range(3)))

    assert run(ask_twice) == [1, 3, 3]


def test_a_server_that_stops_leaves_nobody_waiting(served_model: ServedModel) -> None:
    async def close(batcher: Batcher) -> None:
        busy = asyncio.create_task(batcher.compute(served_model, BUSY))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(batcher.compute(served_model, review(b"good")))
        await asyncio.sleep(0)
        batcher.close()
        done = await asyncio.wait_for(asyncio.gather(busy, waiting, return_exceptions=True), 20)
        assert isinstance(done[0], dict)
        assert isinstance(done[1], asyncio.CancelledError | RequestError | RuntimeError)

    run(close)


@pytest.mark.parametrize("threads", [1, 2])
def test_many_clients_get_their_own_answers(served_model: ServedModel, threads: int) -> None:
    async def ask_much() -> None:
        batcher = Batcher(BatchingParameters(num_batch_threads=threads, max_batch_size=16))

        async def client(number: int) -> None:
            for turn in range(20):
                good = (number + turn) % 2 == 0
                answer = await batcher.compute(served_model, review(b"good" if good else b"bad"))
                assert answer["label"].tolist() == [b"positive" if good else b"negative"]

        await asyncio.gather(*map(client, range(16)))
        batcher.close()

    asyncio.run(ask_much())
