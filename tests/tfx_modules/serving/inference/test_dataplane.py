"""Requests are computed beside the event loop, a bounded number at a time, and are let finish when the server stops."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from tfx_modules.serving.exceptions import DrainingError
from tfx_modules.serving.inference.dataplane import INLINE_BYTES, DataPlane
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.models.registry import Registry
from tfx_modules.serving.specs import Arrays, ModelSpec, PredictCall, VersionState

SPEC = ModelSpec("reviews")
QUICK, SLOW = (PredictCall("slow", {"rounds": np.array([rounds], dtype=np.int32)}) for rounds in (1, 1500))


@pytest.fixture
def registry(served_model: ServedModel) -> Registry:
    made = Registry()
    made.begin(SPEC.name, 1)
    made.publish(SPEC.name, 1, served_model)
    return made


async def predict(data_plane: DataPlane, call: PredictCall) -> Arrays:
    async with data_plane.servable_handle(SPEC) as handle:
        return await data_plane.predict(handle, call)


async def started(work: Coroutine[Any, Any, Arrays]) -> "asyncio.Task[Arrays]":
    task = asyncio.create_task(work)
    await asyncio.sleep(0.02)
    return task


def test_the_event_loop_goes_on_while_a_model_computes(registry: Registry) -> None:
    async def ticks_during(call: PredictCall) -> int:
        task, ticks = await started(predict(DataPlane(registry), call)), 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(ticks_during(SLOW)) > 5


def test_no_more_requests_are_computed_at_once_than_there_are_workers(registry: Registry) -> None:
    async def threads_for(requests: int) -> set[str]:
        data_plane = DataPlane(registry, workers=2)
        await asyncio.gather(*(predict(data_plane, QUICK) for _ in range(requests)))
        return {thread.name for thread in threading.enumerate() if thread.name.startswith("predict")}

    before = {thread.name for thread in threading.enumerate()}
    assert len(asyncio.run(threads_for(20)) - before) <= 2


def test_large_conversions_leave_the_event_loops_thread(registry: Registry) -> None:
    async def convert(size: int) -> int:
        return await DataPlane(registry).convert(size, threading.get_ident)

    assert asyncio.run(convert(INLINE_BYTES)) == threading.get_ident()
    assert asyncio.run(convert(INLINE_BYTES + 1)) != threading.get_ident()


def test_a_version_that_is_replaced_meanwhile_still_answers(registry: Registry, served_model: ServedModel) -> None:
    async def replace() -> tuple[VersionState, VersionState]:
        task = await started(predict(DataPlane(registry), SLOW))
        registry.begin(SPEC.name, 2)
        registry.publish(SPEC.name, 2, served_model)
        registry.retire(SPEC.name, 1)
        meanwhile = registry.statuses(ModelSpec(SPEC.name, 1))[0].state
        assert (await task)["done"].tolist() == [1500.0]
        return meanwhile, registry.statuses(ModelSpec(SPEC.name, 1))[0].state

    assert asyncio.run(replace()) == (VersionState.UNLOADING, VersionState.END)


def test_draining_waits_for_requests_under_way_and_takes_no_new_ones(registry: Registry) -> None:
    async def drain() -> bool:
        data_plane = DataPlane(registry)
        task = await started(predict(data_plane, SLOW))
        draining = asyncio.create_task(data_plane.drain(30))
        await asyncio.sleep(0)
        with pytest.raises(DrainingError, match="the server is stopping; ask again when it is back"):
            await predict(data_plane, QUICK)
        return await draining and task.done()

    assert asyncio.run(drain())


def test_a_request_that_outlasts_the_deadline_is_told_so(registry: Registry) -> None:
    async def drain() -> None:
        data_plane = DataPlane(registry)
        task = await started(predict(data_plane, SLOW))
        assert not await data_plane.drain(0.01)
        task.cancel()  # what both frontends do then
        with pytest.raises(DrainingError, match="had to stop before this request was done"):
            await task

    asyncio.run(drain())
