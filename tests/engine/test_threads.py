"""`def` steps run in threads, so many at once, and one that never returns costs the others nothing."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from bide import Bide, EventKind, JobContext, JobFailed
from tests.support import PATIENCE, quick, until


@pytest.fixture
def bide(tmp_path: Path) -> Bide[None]:
    return Bide(f"sqlite:///{tmp_path}/jobs.db", settings=quick(threads=2))


def fine() -> str:
    return "fine"


async def test_steps_that_never_return_keep_no_other_step_from_running(bide: Bide[None]) -> None:
    let_go = threading.Event()

    def hang() -> None:
        let_go.wait()

    @bide.job(max_attempts=1, timeout="200ms")
    async def hanging(ctx: JobContext) -> None:
        await ctx.step(hang)

    @bide.job(max_attempts=1)
    async def healthy(ctx: JobContext) -> str:
        return await ctx.step(fine)

    async with bide.worker():
        for _ in range(2):
            with pytest.raises(JobFailed):
                await bide.result(await hanging.enqueue())
        assert await bide.result(await healthy.enqueue(), timeout=PATIENCE) == "fine"
        let_go.set()


async def test_no_more_steps_run_in_threads_at_once_than_are_set(bide: Bide[None]) -> None:
    lock, let_go = threading.Lock(), threading.Event()
    running, most = 0, 0

    def busy() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        let_go.wait()
        with lock:
            running -= 1

    async def last() -> None: ...

    @bide.job(max_attempts=1)
    async def wide(ctx: JobContext) -> None:
        await asyncio.gather(*(ctx.options(key=n).step(busy) for n in range(5)), ctx.step(last))

    async with bide.worker():
        job = await wide.enqueue()
        # It began after the others, and ended: whoever of them could begin has begun.
        await until(bide, job, EventKind.STEP_COMPLETED)
        let_go.set()
        await bide.result(job)
        assert most == 2


async def test_a_step_in_a_thread_may_raise_what_a_generator_ends_with(bide: Bide[None]) -> None:
    def spent() -> str:
        return next(iter([]))

    @bide.job(max_attempts=1)
    async def odd(ctx: JobContext) -> str:
        return await ctx.step(spent)

    async with bide.worker():
        with pytest.raises(JobFailed, match="StopIteration"):
            await bide.result(await odd.enqueue())
