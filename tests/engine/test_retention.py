"""Finished jobs are deleted by the workers themselves, once the retention has passed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bide import Bide, JobContext
from bide.testing import ManualClock
from tests.support import PATIENCE, finished, quick, working


async def test_a_worker_deletes_what_finished_before_the_retention_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    clock = ManualClock()
    bide: Bide[None] = Bide(f"sqlite:///{path}", settings=quick(retention="30d"))

    @bide.job
    async def brief(ctx: JobContext) -> None: ...

    async with working(bide, path, clock):
        old = await finished(bide, await brief.enqueue())
        clock.advance("20d")
        recent = await finished(bide, await brief.enqueue())
        assert {job.id for job in await bide.list()} == {old.id, recent.id}
    clock.advance("20d")
    async with working(bide, path, clock):
        async with asyncio.timeout(PATIENCE):
            while old.id in {job.id for job in await bide.list()}:  # noqa: ASYNC110 - the database is what is asked
                await asyncio.sleep(0.01)
        assert [job.id for job in await bide.list()] == [recent.id]
