"""A server that ends, and answers that are lost: jobs run on, and nothing that was acknowledged is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from bide import Bide, Confirm, EventKind, JobContext, JobStatus
from bide.errors import StoreUnavailable
from bide.http import anyone
from tests.faults.app import App
from tests.faults.rows import Row, covers
from tests.postgres import End, Server, execute
from tests.store.postgres.proxy import Proxy
from tests.support import WorkerProcess, comes, finished, holds, quick, told, until

PROCEED = {"action": "proceed"}


@pytest.fixture(scope="module")
def own() -> Generator[Server]:
    """A server of these tests' own: others would miss it."""
    with Server(durable=True) as own:
        yield own


@pytest.fixture
def url(own: Server, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    own.start()  # should a test have failed while it was away
    url = own.create()
    monkeypatch.setenv("BIDE_TEST_URL", url)
    yield url
    own.drop(url)


async def end_backends(own: Server) -> None:
    ended = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid()"
    await execute(own.url(), f"{ended} and backend_type = 'client backend'")


@covers(Row.SERVER_ENDS)
@pytest.mark.parametrize("how", ["fast", "immediate", "killed"])
async def test_jobs_outlast_a_server_that_ends(how: End, own: Server, bide: Bide[None]) -> None:
    # With a poll so long that nothing would be in time without notifications.
    bide = Bide(bide.url, settings=quick(poll=600.0, lease=60.0, busy_timeout=1.0))
    began, go_on = asyncio.Event(), asyncio.Event()
    effects: list[str] = []

    async def effect(name: str) -> str:
        effects.append(name)
        began.set()
        await go_on.wait()
        return name

    @bide.job(max_attempts=1)
    async def working(ctx: JobContext) -> str:
        first = await ctx.options(name="first").step(effect, "first")
        ctx.progress(50)
        return f"{first} {await ctx.options(name='second').step(effect, 'second')}"

    @bide.job(max_attempts=1)
    async def asking(ctx: JobContext) -> str:
        return (await ctx.ask("sure", Confirm(summary="?"))).action

    app = FastAPI()
    app.include_router(bide.router(worker=False, authorize=anyone))
    api = httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://here")
    other: Bide[None] = Bide(bide.url, settings=quick())
    async with api, bide.worker() as worker:
        name = worker.id
        waiting = await asking.enqueue()
        await until(bide, waiting, EventKind.WAITING)
        (prompt,) = await bide.prompts(waiting)
        job = await working.enqueue()
        await began.wait()
        accepted = [await working.options(delay="1h", idempotency_key=f"{n}").enqueue() for n in range(5)]
        await asyncio.to_thread(own.stop, how)
        with pytest.raises(StoreUnavailable) as away:
            await asking.enqueue()
        assert away.value.retryable
        refused = await api.get("/jobs")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1"), refused.text
        go_on.set()
        await asyncio.to_thread(own.start)
        done = await finished(bide, job)
        assert (done.status, done.attempt, done.result) == (JobStatus.COMPLETED, 1, "first second")
        assert effects == ["first", "second"]
        assert {one.id for one in await bide.list(statuses=[JobStatus.PENDING])} == {one.id for one in accepted}
        # An answer that another process gives is heard of.
        async with other:
            await other.respond(waiting, PROCEED, prompt=prompt.id, by="ann")
        assert (await finished(bide, waiting)).result == "proceed"
        assert worker.id == name
        assert EventKind.RESCUED not in await told(bide, job)


@covers(Row.SERVER_ENDS)
async def test_a_worker_process_goes_on_after_all_backends_were_ended(own: Server, url: str, tmp_path: Path) -> None:
    app = App(tmp_path, quick(retention=None))
    app.open_gate("between")
    app.open_gate("second")
    settings = {"lease": 10, "poll": 600, "retention": "never"}
    async with app.bide:
        with WorkerProcess("tests.faults.app:bide", tmp_path, **settings) as worker:
            await worker.ready()
            for _ in range(5):
                jobs = [await app.chain.enqueue() for _ in range(4)]
                await end_backends(own)
                for job in jobs:
                    done = await finished(app.bide, job)
                    assert (done.result, done.attempt) == ("first second", 1)
            assert "taken for dead" not in worker.log.read_text()


@pytest_asyncio.fixture
async def proxy(url: str) -> AsyncIterator[Proxy]:
    async with Proxy(url) as proxy:
        yield proxy


@covers(Row.SERVER_COMMIT)
async def test_work_whose_answers_are_lost_again_and_again_is_done_once(url: str, proxy: Proxy) -> None:
    """Every so many messages the server does what it is told, and its answer is lost with the connection."""
    settings = quick(lease=3.0, listen_url=url, pool_size=2)
    bide: Bide[None] = Bide(proxy.url, settings=settings)
    effects: list[int] = []

    @bide.job(max_attempts=1)
    async def counting(ctx: JobContext, n: int) -> int:
        ctx.progress(10, "began")
        ctx.log("a line")
        await ctx.options(name="effect").step(effect, n)
        decision = await ctx.ask("sure", Confirm(summary="?"), timeout="1h")
        ctx.progress(90, decision.action)
        return n

    async def effect(n: int) -> int:
        effects.append(n)
        return n

    async with bide.worker():
        proxy.cut_every(53)
        jobs = [await counting.options(idempotency_key=f"key {n}").enqueue(n) for n in range(12)]
        for job in jobs:
            await until(bide, job, EventKind.WAITING)
            (prompt,) = await bide.prompts(job)
            await bide.respond(job, PROCEED, prompt=prompt.id)
        assert [(await finished(bide, job)).result for job in jobs] == list(range(12))
        proxy.cut_every(0)
        assert proxy.cuts > 10
        assert sorted(effects) == list(range(12))
        assert len(await bide.list()) == 12
        for job in jobs:
            kinds = await told(bide, job)
            once = (EventKind.ENQUEUED, EventKind.STEP_COMPLETED, EventKind.PROMPT_ANSWERED, EventKind.COMPLETED)
            assert [kinds.count(kind) for kind in (*once, EventKind.LOG)] == [1] * 5, kinds
            assert (await bide.get(job)).attempt == 1


async def drop(proxy: Proxy) -> None:
    proxy.cut_all()


async def half_open(proxy: Proxy) -> None:
    proxy.swallow()


async def half_open_from_the_beginning(proxy: Proxy) -> None:
    proxy.swallow_at("LISTEN")
    proxy.cut_all()
    await holds(lambda: not proxy.will_swallow)


@covers(Row.DEAF)
@pytest.mark.parametrize("lose", [drop, half_open, half_open_from_the_beginning])
async def test_who_does_not_hear_any_more_hears_again(
    lose: Callable[[Proxy], Awaitable[None]], url: str, proxy: Proxy
) -> None:
    deaf: Bide[None] = Bide(url, settings=quick(poll=600.0, lease=600.0, listen_url=proxy.url))
    other: Bide[None] = Bide(url, settings=quick())

    async def brief(ctx: JobContext) -> str:
        return "done"

    deaf.job(brief)
    enqueues = other.job(brief)
    async with other, deaf.worker():
        assert (await finished(other, await enqueues.enqueue())).result == "done"
        for _ in range(2):
            await holds(lambda: proxy.hands_on)
            await lose(proxy)
            assert (await finished(other, await enqueues.enqueue())).result == "done"


@covers(Row.SERVER_ENDS)
async def test_who_is_not_answered_any_more_asks_on_another_connection(
    url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a firewall has forgotten them: they stay open, and nothing comes through."""
    monkeypatch.setattr("bide.store.postgres.database.STANDSTILL", 4.0)
    monkeypatch.setattr("bide.store.postgres.database.HEARTBEAT", 0.3)
    bide: Bide[None] = Bide(proxy.url, settings=quick(lease=3.0, listen_url=url))
    other: Bide[None] = Bide(url, settings=quick(lease=3.0))
    began, go_on = asyncio.Event(), asyncio.Event()

    @bide.job(max_attempts=1)
    async def patient(ctx: JobContext) -> int:
        began.set()
        await go_on.wait()
        return await ctx.step(one)

    async def one() -> int:
        return 1

    # Another worker, which would take it for dead.
    async with other.worker(queues=["elsewhere"]), bide.worker():
        job = await patient.enqueue()
        await began.wait()
        mine = "queues like '%default%'"
        ((beats,),) = await execute(url, f"select beat from bide.worker where {mine}")
        proxy.swallow()
        # It lives on, past its lease; and what it then remembers and how it ends is written, too.
        await comes(lambda: execute(url, f"select 1 from bide.worker where {mine} and beat > {beats} + 4"))
        go_on.set()
        assert (await finished(other, job)).result == 1
        assert await execute(url, "select count(dead_at) from bide.worker") == [(0,)]


@covers(Row.DEAF)
async def test_without_any_notification_polling_is_enough(url: str, proxy: Proxy) -> None:
    proxy.refusing = True
    deaf: Bide[None] = Bide(url, settings=quick(poll=0.1, listen_url=proxy.url))
    other: Bide[None] = Bide(url, settings=quick())
    began = asyncio.Event()
    cut: list[str] = []

    async def endless(ctx: JobContext) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.append("off")

    deaf.job(endless)
    enqueues = other.job(endless)
    async with other, deaf.worker():
        job = await enqueues.enqueue()
        await began.wait()
        await other.cancel(job)
        assert (await finished(other, job)).status is JobStatus.CANCELLED
        await holds(lambda: cut == ["off"])


@covers(Row.SERVER_ENDS)
async def test_after_a_restart_all_connections_are_of_use(own: Server, bide: Bide[None]) -> None:
    """More calls than connections: none of them meets one that was lost."""
    async with bide:
        await asyncio.gather(*(bide.list() for _ in range(20)))
        await asyncio.to_thread(own.stop, "fast")
        await asyncio.to_thread(own.start)
        assert await asyncio.gather(*(bide.list() for _ in range(20))) == [[]] * 20

        async def alone() -> bool:
            count = "select count(*) from pg_stat_activity where datname = current_database()"
            return int((await execute(bide.url, count))[0][0]) <= bide.settings.pool_size + 4

        await comes(alone)
