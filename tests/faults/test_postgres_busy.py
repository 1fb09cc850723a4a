"""Others hold what is needed: rows, connections, or a level of isolation. It is waited for, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from bide import Bide, Confirm, EventKind, Job, JobContext, JobStatus
from bide.errors import StoreBusy
from bide.http import anyone
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import Connection, connect
from tests.faults.rows import Row, covers
from tests.postgres import execute
from tests.support import PATIENCE, comes, finished, holds, quick, told, until

PROCEED = {"action": "proceed"}


@asynccontextmanager
async def stranger(url: str) -> AsyncGenerator[Connection]:
    """A transaction of somebody else; taken back in the end."""
    db = await connect(url)
    try:
        await db.execute("begin")
        yield db
    finally:
        await db.close()


def row_of(job: Job[object]) -> str:
    return f"select from bide.job where id = '{job.id}' for update"


async def set_for_all(url: str, setting: str) -> None:
    """For every connection from here on."""
    ((name,),) = await execute(url, "select current_database()")
    await execute(url, f"alter database {name} set {setting}")


@covers(Row.POOL)
async def test_when_all_connections_are_in_use_calls_are_refused_and_workers_live_on(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(pool_size=2, busy_timeout=0.4, lease=0.6))
    began, go_on = asyncio.Event(), asyncio.Event()

    @bide.job(max_attempts=1)
    async def slow(ctx: JobContext) -> str:
        began.set()
        await go_on.wait()
        return "done"

    app = FastAPI()
    app.include_router(bide.router(worker=False, authorize=anyone))
    api = httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://here")
    async with api, bide.worker() as worker:
        assert isinstance(bide.store, PostgresStore)
        pool, name = bide.store.database.pool, worker.id
        job = await slow.enqueue()
        await began.wait()

        async def beats() -> int:
            ((beat,),) = await execute(bide.url, f"select beat from bide.worker where id = '{name}'")
            return int(beat)

        async with AsyncExitStack() as taken:
            for _ in range(bide.settings.pool_size):
                await taken.enter_async_context(pool.take())
            with pytest.raises(StoreBusy, match="all in use"):
                await bide.store.stats(None)
            refused = await api.get("/jobs")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1"), refused.text
            # More than a lease, in which nobody may read: the heart of the worker beats all the same.
            first = await beats()
            async with asyncio.timeout(PATIENCE):
                while await beats() < first + 4:  # noqa: ASYNC110 - a beat tells nobody
                    await asyncio.sleep(0.02)
        go_on.set()
        done = await finished(bide, job)
        assert (done.status, done.attempt, worker.id) == (JobStatus.COMPLETED, 1, name)


@covers(Row.TAKEN_BACK)
@pytest.mark.parametrize("setting", ["lock_timeout = '150ms'", "statement_timeout = '150ms'"])
async def test_a_run_waits_for_its_row_past_every_bound(setting: str, bide: Bide[None]) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    effects: list[str] = []

    async def effect() -> str:
        effects.append("once")
        return "effect"

    @bide.job(max_attempts=1)
    async def writing(ctx: JobContext) -> str:
        began.set()
        await go_on.wait()
        ctx.progress(50)
        done = await ctx.options(name="effect").step(effect)
        return f"{done} {(await ctx.ask('sure', Confirm(summary='?'))).action}"

    @bide.job
    async def brief(ctx: JobContext) -> str:
        return "done"

    await set_for_all(bide.url, setting)
    async with bide.worker(), stranger(bide.url) as db:
        job = await writing.enqueue()
        await began.wait()
        await db.execute(row_of(job))
        go_on.set()
        # What waits for that row, others do not wait for.
        assert (await finished(bide, await brief.enqueue())).result == "done"
        with pytest.raises(StoreBusy) as busy:
            await bide.cancel(job)
        assert busy.value.retryable
        await db.execute("rollback")
        await until(bide, job, EventKind.WAITING)
        (prompt,) = await bide.prompts(job)
        await bide.respond(job, PROCEED, prompt=prompt.id)
        done = await finished(bide, job)
        assert (done.result, done.attempt, effects) == ("effect proceed", 1, ["once"])
        kinds = await told(bide, job)
        assert [kinds.count(kind) for kind in (EventKind.PROGRESS, EventKind.STEP_COMPLETED)] == [1, 1]


@covers(Row.TAKEN_BACK)
async def test_a_deadlock_with_a_stranger_costs_nothing(bide: Bide[None], caplog: pytest.LogCaptureFixture) -> None:
    """An answer holds the row of its job and waits for that of the question; the stranger does it the other way."""
    caplog.set_level("INFO", logger="bide.store")

    @bide.job(max_attempts=1)
    async def asking(ctx: JobContext) -> str:
        return (await ctx.ask("sure", Confirm(summary="?"))).action

    # The one that looks for deadlocks first is taken back: it is ours.
    await set_for_all(bide.url, "deadlock_timeout = '700ms'")
    async with bide.worker():
        job = await asking.enqueue()
        await until(bide, job, EventKind.WAITING)
        (prompt,) = await bide.prompts(job)
        async with stranger(bide.url) as db:
            await db.execute("set local deadlock_timeout = '60s'")
            await db.execute(f"select from bide.prompt where id = '{prompt.id}' for update")
            answering = asyncio.create_task(bide.respond(job, PROCEED, prompt=prompt.id, by="ann"))

            async def blocked() -> bool:
                waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%prompt%'"
                return bool(await execute(bide.url, waits))

            await comes(blocked)
            await db.execute(row_of(job))
            await holds(lambda: "deadlock detected" in caplog.text)
            await db.execute("rollback")
        assert (await answering).by == "ann"
        assert (await finished(bide, job)).result == "proceed"
        kinds = await told(bide, job)
        assert [kinds.count(kind) for kind in (EventKind.PROMPT_ANSWERED, EventKind.RESUMED)] == [1, 1]


@covers(Row.TAKEN_BACK)
async def test_a_database_that_is_set_to_serialize_serializes_nothing_of_ours(
    bide: Bide[None], caplog: pytest.LogCaptureFixture
) -> None:
    """Two workers and a crowd of callers on the same rows: none of them would get far by trying again."""
    caplog.set_level("INFO", logger="bide.store")
    await set_for_all(bide.url, "default_transaction_isolation = 'serializable'")
    apps = [Bide[None](bide.url, settings=quick()) for _ in range(2)]

    async def effect(n: int) -> int:
        return n

    async def chain(ctx: JobContext, n: int) -> int:
        for key in "abc":
            ctx.progress(10)
            n = await ctx.options(key=key).step(effect, n + 1)
        return n

    one, _ = [app.job(max_attempts=1)(chain) for app in apps]
    async with apps[0].worker(), apps[1].worker():
        jobs = await asyncio.gather(*(one.enqueue(n) for n in range(40)))
        again = await asyncio.gather(*(one.options(idempotency_key="k").enqueue(0) for _ in range(10)))
        done = [await finished(apps[1], job) for job in jobs]
        assert [job.result for job in done] == [n + 3 for n in range(40)]
        assert {job.attempt for job in done} == {1}
        assert len({job.id for job in again}) == 1
        await finished(apps[1], again[0])
    assert "could not serialize" not in caplog.text


@covers(Row.TAKEN_BACK)
@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_a_turn_that_is_taken_back_is_done_again(code: str, bide: Bide[None]) -> None:
    """Every third statement that changes jobs is."""

    @bide.job(max_attempts=1)
    async def brief(ctx: JobContext, n: int) -> int:
        return n

    async with bide:
        await execute(bide.url, "create sequence failures")
        await execute(
            bide.url,
            "create function fail() returns trigger language plpgsql as $$ begin"
            f" if nextval('failures') % 3 = 0 then raise exception 'as it is to be' using errcode = '{code}'; end if;"
            " return null; end $$",
        )
        await execute(
            bide.url,
            "create trigger fail before update on bide.job for each statement execute function fail()",
        )
        async with bide.worker():
            jobs = [await brief.enqueue(n) for n in range(4)]
            done = [await finished(bide, job) for job in jobs]
            ((tries,),) = await execute(bide.url, "select last_value from failures")
    assert [(job.result, job.attempt) for job in done] == [(n, 1) for n in range(4)]
    assert tries >= 3, "nothing was taken back"
