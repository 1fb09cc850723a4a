"""Code that was told to end, and did not: it is waited for no longer, and must do no harm from then on."""

from __future__ import annotations

import asyncio
import gc
import signal
from pathlib import Path

import pytest

from bide import Bide, Confirm, JobContext, JobStatus
from bide.testing import Harness
from tests.engine.unending import make
from tests.support import WorkerProcess


async def test_abandoned_code_is_not_collected_and_so_not_run_on_in_whatever_thread_collects(bide: Bide[None]) -> None:
    heard: list[type[BaseException]] = []
    let_go = asyncio.Event()

    @bide.job
    async def stubborn(ctx: JobContext) -> None:
        while not let_go.is_set():
            try:
                await ctx.ask("go", Confirm(summary="Go on?"))
            except BaseException as error:  # noqa: BLE001 - what it does wrong
                heard.append(type(error))

    async with Harness(bide) as jobs:
        job = await stubborn.enqueue()
        await jobs.run_until_idle()
        assert (await bide.get(job)).status is JobStatus.PENDING_HITL
        gc.collect()
        assert set(heard) == {asyncio.CancelledError}
        let_go.set()


@pytest.mark.parametrize("kind", ["stubborn", "blocked"])
async def test_a_worker_ends_although_a_call_of_a_job_does_not(kind: str, tmp_path: Path) -> None:
    bide, types = make(tmp_path)
    async with bide:
        with WorkerProcess("tests.engine.unending:bide", tmp_path, cancel_grace=0.05, drain=0.2) as worker:
            job = await types[kind].enqueue()
            async for event in bide.events(job):
                if event.kind == "job.started":
                    await bide.cancel(job)
            assert (await bide.get(job)).status is JobStatus.CANCELLED
            worker.send(signal.SIGTERM)
            assert await worker.ended() == 0
        assert "end with the process" in worker.log.read_text()
