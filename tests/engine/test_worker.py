"""What a worker takes on, what it hands from run to run, and who learns that it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bide import Bide, Confirm, EventKind, JobContext, JobStatus, RetryPolicy
from bide import worker as worker_module
from bide.errors import NotStarted
from bide.store.base import Store
from bide.worker import Worker
from tests.support import PATIENCE, finished, holds, quick, until


async def test_what_an_attempt_has_shown_is_no_floor_for_the_next(bide: Bide[None]) -> None:
    @bide.job(retry=RetryPolicy(max_attempts=2, base=0.0, jitter=0.0))
    async def twice(ctx: JobContext) -> None:
        if ctx.attempt == 1:
            ctx.progress(90, "first attempt")
            raise ValueError
        await ctx.ask("sure", Confirm(summary="?"))
        ctx.progress(10, "second attempt")

    async with bide.worker():
        job = await twice.enqueue()
        await until(bide, job, EventKind.WAITING)
        (prompt,) = await bide.prompts(job)
        await bide.respond(job, {"action": "proceed"}, prompt=prompt.id)
        assert (await finished(bide, job)).progress.percent == 10


async def test_a_worker_takes_the_jobs_of_every_queue_that_its_types_name(bide: Bide[None]) -> None:
    @bide.job(queue="mail")
    async def send(ctx: JobContext) -> str:
        return "sent"

    async with bide.worker():
        elsewhere = await send.options(queue="elsewhere").enqueue()
        assert (await finished(bide, await send.enqueue())).result == "sent"
        assert (await finished(bide, await send.options(queue="default").enqueue())).result == "sent"
        assert (await bide.get(elsewhere)).status is JobStatus.PENDING
    async with bide.worker(queues=["elsewhere"]):
        assert (await finished(bide, elsewhere)).result == "sent"


@pytest.mark.parametrize("waits", ["for ever", "for its end"])
async def test_where_the_worker_fails_the_block_is_cancelled_or_ends_and_is_told_why(
    bide: Bide[None], waits: str
) -> None:
    @bide.job
    async def brief(ctx: JobContext) -> None: ...

    def refuse(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        if coro.__qualname__ == "_main":  # the task of a job
            coro.close()
            raise RuntimeError("no more tasks")
        return asyncio.Task(coro, loop=loop, **options)

    async def serve() -> None:
        async with bide.worker() as worker:
            await brief.enqueue()
            await (worker.ended() if waits == "for its end" else asyncio.Event().wait())

    loop = asyncio.get_running_loop()
    loop.set_task_factory(refuse)
    try:
        with pytest.raises(RuntimeError, match="no more tasks"):
            await serve()
    finally:
        loop.set_task_factory(None)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    with pytest.raises(NotStarted):
        _ = bide.store


async def test_what_cannot_begin_while_the_database_is_at_work_is_told_at_once(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the event loop calls it, which tells nobody. The lease is long: no heartbeat finds the job missing."""
    bide = Bide(postgres_url, settings=quick(lease=600.0))

    @bide.job
    async def brief(ctx: JobContext) -> None: ...

    def refuse(*_: Any) -> Any:
        raise RuntimeError("no more tasks")

    monkeypatch.setattr(worker_module, "execute", refuse)
    patience = asyncio.timeout(PATIENCE)

    async def serve() -> None:
        async with patience, bide.worker() as worker:
            claim = bide.store.settle_and_claim

            async def claim_while_more_comes(*given: Any, **options: Any) -> Any:
                told = await claim(*given, **options)
                if told[1]:
                    await brief.enqueue()
                return told

            monkeypatch.setattr(bide.store, "settle_and_claim", claim_while_more_comes)
            await brief.enqueue()
            await worker.ended()

    with pytest.raises(RuntimeError, match="no more tasks"):
        await serve()
    assert not patience.expired()


@pytest.mark.parametrize("threaded", [False, True], ids=["async", "def"])
async def test_a_job_whose_claim_comes_after_the_drain_is_given_back_before_it_begins(
    bide: Bide[None], threaded: bool
) -> None:
    began: list[str] = []

    @bide.job(name="work")
    async def as_task(ctx: JobContext) -> None:
        began.append("async")

    @bide.job(name="work in a thread")
    def in_thread(ctx: JobContext) -> None:
        began.append("def")

    claimed, ended = asyncio.Event(), asyncio.Event()

    async with bide:
        job = await (in_thread if threaded else as_task).enqueue()
        write = bide.store.settle_and_claim

        async def answer_late(*args: Any, **options: Any) -> Any:
            settled, claims = await write(*args, **options)
            if claims:
                claimed.set()
                await ended.wait()
            return settled, claims

        setattr(bide.store, "settle_and_claim", answer_late)  # noqa: B010 - in front of the real verb
        async with bide.worker() as worker:
            await claimed.wait()
            worker.stop()
            worker.stop()
            ended.set()
        assert began == []
        assert (await bide.get(job)).status is JobStatus.PENDING
        last = (await bide.history(job))[-1]
        assert (last.kind, last.data) == (EventKind.RELEASED, {"reason": "released"})


class Held:
    """Holds back the second write of a worker's pump, and with it the jobs that were claimed by the first."""

    def __init__(self, store: Store) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.meanwhile: Callable[[], None] = lambda: None
        self._write = store.settle_and_claim
        self._writes = 0
        setattr(store, "settle_and_claim", self._held)  # noqa: B010 - in front of the real verb

    async def _held(self, *args: Any, **options: Any) -> Any:
        self._writes += 1
        if self._writes == 2:
            self.meanwhile = options["meanwhile"]
            self.begun.set()
            await self.go_on.wait()
        return await self._write(*args, **options)


async def test_what_a_worker_has_not_begun_when_it_is_taken_for_dead_it_does_not_begin(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(slots=2, lease=1))
    attempts: list[int] = []

    @bide.job
    async def work(ctx: JobContext) -> None:
        attempts.append(ctx.attempt)

    async with bide:
        held = Held(bide.store)
        job = await work.enqueue()
        async with bide.worker() as worker:
            await held.begun.wait()
            name = worker.id
            await bide.store.rescue([name])
            await holds(lambda: worker.id != name)
            held.go_on.set()
            await finished(bide, job)
    assert attempts == [2]


async def test_nothing_begins_after_the_end_of_a_worker(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(slots=2))
    ran: list[int] = []

    @bide.job
    async def work(ctx: JobContext) -> None:
        ran.append(ctx.attempt)

    async with bide:
        held = Held(bide.store)
        job = await work.enqueue()
        worker = Worker(bide.store, bide.registry, bide.settings.worker(("default",)), None)
        running = asyncio.create_task(worker.run())
        await held.begun.wait()
        running.cancel()
        await asyncio.wait([running])
        held.meanwhile()  # as the transaction does that was in flight when the worker was cut off
        for _ in range(5):
            await asyncio.sleep(0)
        assert ran == []
        assert (await bide.get(job)).status is JobStatus.PENDING
        async with bide.worker():
            assert (await finished(bide, job)).attempt == 1
    assert ran == [1]
