"""The app that is soaked, the same in every process, and a worker of it: `python -m tests.soak.jobs folder url`."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bide import Bide, Confirm, JobContext, JobType, Retry, Settings, current_step
from bide.errors import StoreUnavailable
from bide.job import JobStatus
from tests.witness import Witness

log = logging.getLogger(__name__)

ATTEMPTS = 300
"""More than there are kills: that a job runs out of attempts is another test's affair."""

SETTINGS = Settings(lease=3.0, poll=0.2, drain=10.0, slots=100)

UNWANTED = "cancel me"
"""The key of a question that is answered by a cancel."""


class Kind(NamedTuple):
    share: int
    """Of a hundred jobs."""
    end: JobStatus
    delay: float = 0.0


KINDS = {
    "plain": Kind(58, JobStatus.COMPLETED),
    "stepping": Kind(24, JobStatus.COMPLETED),
    "asking": Kind(5, JobStatus.COMPLETED),
    "sleeping": Kind(3, JobStatus.COMPLETED),
    "retrying": Kind(3, JobStatus.COMPLETED),
    "delayed": Kind(4, JobStatus.COMPLETED, 0.3),
    "unwanted": Kind(1, JobStatus.CANCELLED),
    "endless": Kind(2, JobStatus.CANCELLED),
}


def make(folder: Path, url: str) -> tuple[Bide[None], dict[str, JobType[[], Any]]]:
    """The app, and its job types by name."""
    bide = Bide(url, settings=SETTINGS)
    witness = Witness(folder / "witness.jsonl")

    async def effect(job: str, name: str) -> str:
        step = current_step()
        witness.write("ran", job=job, step=name, key=step.idempotency_key)
        return name

    async def do(ctx: JobContext[None], name: str) -> None:
        job = str(ctx.job_id)
        value = await ctx.options(name=name).step(effect, job, name)
        witness.write("remembered", job=job, step=name, value=value)

    async def once(ctx: JobContext[None]) -> None:
        witness.write("body", job=str(ctx.job_id), attempt=ctx.attempt)

    async def plain(ctx: JobContext[None]) -> str:
        await once(ctx)
        return "done"

    async def delayed(ctx: JobContext[None]) -> str:
        await once(ctx)
        return "done"

    async def endless(ctx: JobContext[None]) -> None:
        await once(ctx)
        ctx.progress(50, "Waiting for the end")
        await asyncio.Event().wait()

    async def stepping(ctx: JobContext[None]) -> str:
        for name in ("first", "second", "last"):
            await do(ctx, name)
        return "done"

    async def asking(ctx: JobContext[None]) -> str:
        await do(ctx, "first")
        await ctx.ask("go on", Confirm(summary="Shall I?"))
        await do(ctx, "last")
        return "done"

    async def unwanted(ctx: JobContext[None]) -> str:
        await do(ctx, "first")
        await ctx.ask(UNWANTED, Confirm(summary="Shall I not?"))
        return "done"

    async def sleeping(ctx: JobContext[None]) -> str:
        await do(ctx, "first")
        await ctx.sleep("200ms")
        await do(ctx, "last")
        return "done"

    async def retrying(ctx: JobContext[None]) -> str:
        await do(ctx, "first")
        if ctx.attempt == 1:
            raise Retry("once more", after="100ms")
        await do(ctx, "last")
        return "done"

    job = bide.job(max_attempts=ATTEMPTS)
    types = [job(each) for each in (plain, stepping, asking, sleeping, retrying, delayed, unwanted, endless)]
    return bide, {job_type.name: job_type for job_type in types}


async def work(folder: Path, url: str) -> None:
    """What a supervisor sees to: begin again where the database is not there yet."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    witness = Witness(folder / "workers.jsonl")
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    while not told.is_set():
        bide, _ = make(folder, url)
        try:
            async with bide.worker():
                witness.write("ready")
                await told.wait()
        except StoreUnavailable as error:
            log.warning("beginning again: %s", error)
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2]))
