"""What a worker opens for its jobs: once, for all of them, and closed after the last."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bide import Bide, JobContext
from bide.testing import Harness
from tests.support import quick


class Client:
    """Something with a life."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.open = True


async def test_all_jobs_of_a_worker_share_what_it_opened_and_it_is_closed_after_them(tmp_path: Path) -> None:
    opened: list[Client] = []

    @asynccontextmanager
    async def connect() -> AsyncGenerator[Client]:
        client = Client("real")
        opened.append(client)
        yield client
        client.open = False

    bide: Bide[Client] = Bide(f"sqlite:///{tmp_path}/jobs.db", deps=connect, settings=quick())

    @bide.job
    async def on_the_loop(ctx: JobContext[Client]) -> tuple[str, bool]:
        return ctx.deps.name, ctx.deps.open

    @bide.job
    def in_a_thread(ctx: JobContext[Client]) -> tuple[str, bool]:
        return ctx.deps.name, ctx.deps.open

    async with bide.worker():
        made = [await job.enqueue() for job in (on_the_loop, in_a_thread, on_the_loop)]
        assert [await bide.result(job) for job in made] == [("real", True)] * 3
    assert [client.open for client in opened] == [False]


async def test_a_test_gives_its_own_instead(tmp_path: Path) -> None:
    opened: list[str] = []

    @asynccontextmanager
    async def connect() -> AsyncGenerator[Client]:
        opened.append("real")
        yield Client("real")

    bide: Bide[Client] = Bide(f"sqlite:///{tmp_path}/jobs.db", deps=connect)

    @bide.job
    async def which(ctx: JobContext[Client]) -> str:
        return ctx.deps.name

    async with Harness(bide, deps=Client("fake")) as jobs:
        job = await which.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "fake"
        assert opened == []
