"""Who waits for a job when the app is closed is told so, and does not wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bide import Bide, Job, JobContext
from bide.errors import NotStarted


async def read_result(bide: Bide[None], job: Job[None]) -> None:
    await bide.result(job)


async def read_events(bide: Bide[None], job: Job[None]) -> None:
    async for _ in bide.events(job):
        pass


@pytest.mark.parametrize("read", [read_result, read_events])
@pytest.mark.parametrize("again", [False, True], ids=["closed", "closed and opened again"])
async def test_closing_ends_the_wait_for_a_job(
    read: Callable[[Bide[None], Job[None]], Coroutine[Any, Any, None]], again: bool, bide: Bide[None]
) -> None:
    @bide.job
    async def later(ctx: JobContext) -> None: ...

    async with bide:
        job = await later.options(delay="1h").enqueue()
        tasks = [asyncio.create_task(read(bide, job)) for _ in range(3)]
        async for _ in bide.events(job):  # once it has an event, those who began before it wait for the next
            break
        await bide.get(job)
    if again:
        await bide.__aenter__()
    try:
        for task in tasks:
            with pytest.raises(NotStarted):
                await task
    finally:
        if again:
            await bide.shut()
