"""Behind a pgbouncer that shares out transactions: nothing stays in a session, and what the pooler does is survived."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from bide import Bide, EventKind, JobContext, JobStatus, JobType, Proceed
from bide.clock import alive_for
from bide.errors import StoreBusy, StoreUnavailable
from bide.job import JobStatus as S
from bide.store.base import Accepted, Completed, Hint, Settle, Settled
from bide.store.postgres import PostgresStore, wake
from bide.store.postgres.driver import Connection, connect
from bide.testing.checker import assert_sound
from bide.testing.contract.moves import claims, enqueue, new_job, register, row, wanting
from bide.testing.contract.reading import listening
from tests.pgbouncer import SIZE, Pooler
from tests.store.postgres.app import App
from tests.support import comes, finished, holds, quick, until


@pytest_asyncio.fixture
async def pooled(pooled_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(pooled_url)
    await store.open()
    yield store
    await store.close()


@asynccontextmanager
async def holding_all(pooled_url: str) -> AsyncGenerator[list[Connection]]:
    """Somebody else's transactions, on every connection that the pooler has to the server."""
    async with AsyncExitStack() as stack:
        clients: list[Connection] = []
        for _ in range(SIZE):
            db = await connect(pooled_url, cached_statements=0)
            stack.push_async_callback(db.close)
            await db.execute("begin")
            clients.append(db)
        yield clients
        for db in clients:
            await db.execute("rollback")


LEFT = """
    select 'setting', name || ' = ' || setting from pg_settings
    where source = 'session' and setting <> reset_val and name not in ('application_name', 'client_encoding')
    union all select 'lock', locktype from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
    union all select 'statement', name from pg_prepared_statements where name <> ''
    union all select 'cursor', name from pg_cursors where is_holdable
    union all select 'channel', channel from pg_listening_channels() as channel
    union all select 'table', relname from pg_class where relnamespace = pg_my_temp_schema()
"""


async def left(pooled_url: str) -> dict[int, list[Any]]:
    """By session of the server: what is in it that a transaction does not begin with."""
    async with holding_all(pooled_url) as clients:
        return {
            (await db.fetch("select pg_backend_pid()"))[0][0]: [tuple(row) for row in await db.fetch(LEFT)]
            for db in clients
        }


async def test_nothing_stays_in_a_session(pooled_url: str) -> None:
    app = App(pooled_url, quick(retention=None))
    async with app.bide, app.bide.worker():
        jobs = await app.bide.enqueue_many([app.chain.call(n) for n in range(100)])
        asking = [await app.approved.enqueue() for _ in range(5)]
        for job in asking:
            await until(app.bide, job, EventKind.WAITING)
            (prompt,) = await app.bide.prompts(job)
            await app.bide.respond(job, Proceed(), prompt=prompt.id)
        done = await asyncio.gather(*(finished(app.bide, job) for job in [*jobs, *asking]))
        assert {job.status for job in done} == {JobStatus.COMPLETED}
        sessions = await left(pooled_url)
    assert len(sessions) == SIZE
    assert [some for some in sessions.values() if some] == []
    # And that what stays would be seen.
    db = await connect(pooled_url, cached_statements=0)
    await db.execute("set lock_timeout = 1; listen ears; create temp table crumbs (); select pg_advisory_lock(1)")
    await db.close()
    (found,) = [some for some in (await left(pooled_url)).values() if some]
    assert sorted(kind for kind, _ in found) == ["channel", "lock", "setting", "table"]


async def test_without_a_direct_way_it_looks(pooled_url: str) -> None:
    """Nobody is told anything, and everybody finds it."""
    async with AsyncExitStack() as stack:
        one, other = PostgresStore(pooled_url), PostgresStore(pooled_url)
        for store in (one, other):
            await store.open()
            stack.push_async_callback(store.close)
        with listening(one) as ear:
            await enqueue(other)
            await ear.hear(Hint.READY)


async def test_with_a_direct_way_it_is_told(
    pooled_url: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By those who have one, and by those who have none."""
    # Once it hears, only a notification can tell.
    monkeypatch.setattr(wake, "POLL", 3_600.0)
    async with AsyncExitStack() as stack:
        ears = PostgresStore(pooled_url, listen_url=postgres_url)
        others = (PostgresStore(pooled_url, listen_url=postgres_url), PostgresStore(pooled_url))
        for store in (ears, *others):
            await store.open()
            stack.push_async_callback(store.close)
        with listening(ears) as ear:
            for other in others:
                await enqueue(other)
                await ear.hear(Hint.READY)


async def test_statements_that_were_to_be_kept_are_told_with_the_remedy(pooled_url: str) -> None:
    store = PostgresStore(pooled_url, cached_statements=100, pool=1)
    await store.open()
    job = await enqueue(store)
    await row(store, job)

    async def look_in_each_session() -> None:
        async with holding_all(pooled_url) as clients:
            for db in clients:
                await db.execute("rollback")
                await row(store, job)
                await db.execute("begin")

    with pytest.raises(StoreUnavailable) as mixed:
        await look_in_each_session()
    assert "BIDE_CACHED_STATEMENTS=0" in (mixed.value.hint or "")
    await store.close()


# ── What becomes of the pooler ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_pooler_that_is_started_again_is_found_again(
    pooled: PostgresStore, pooler: Pooler, how: signal.Signals
) -> None:
    worker = await register(pooled)
    job = await enqueue(pooled)
    (run,) = await claims(pooled, worker, wanting())
    await asyncio.to_thread(pooler.stop, how)
    try:
        with pytest.raises(StoreUnavailable) as away:
            await enqueue(pooled)
        assert away.value.retryable
        with pytest.raises(StoreUnavailable):
            await pooled.beat(worker)
    finally:
        await asyncio.to_thread(pooler.start)
    assert (await pooled.beat(worker)).alive
    settled, _ = await pooled.settle_and_claim(worker, [Settle(run.id, run.lease, 1, Completed("1"))], [])
    assert list(settled) == [Settled.APPLIED]
    assert (await row(pooled, job)).status is S.COMPLETED
    await assert_sound(pooled)


@asynccontextmanager
async def told(pooler: Pooler, first: str, afterwards: str) -> AsyncGenerator[None]:
    """What an operator says on its console, before and after this block."""
    await asyncio.to_thread(pooler.tell, first)
    try:
        yield
    finally:
        await asyncio.to_thread(pooler.tell, afterwards)


async def wait_for_it(pooler: Pooler, url: str, clients: int) -> None:
    """Until so many clients of a database wait for a connection to the server."""
    name = urlsplit(url).path[1:]

    async def do() -> bool:
        pools = await asyncio.to_thread(pooler.tell, "show pools")
        return any(pool[0] == name and pool[3] >= clients for pool in pools)

    await comes(do)


async def test_while_it_pauses_calls_wait_and_are_then_done(
    pooled: PostgresStore, pooler: Pooler, pooled_url: str
) -> None:
    """As where the server is started again meanwhile."""
    worker, new = await register(pooled), new_job()
    async with told(pooler, "pause", "resume"):
        calls = asyncio.gather(pooled.insert([new]), pooled.beat(worker), pooled.get([new.id], None))
        await wait_for_it(pooler, pooled_url, 3)
        assert not calls.done()
    (answer,), beat, _ = await calls
    assert isinstance(answer, Accepted)
    assert beat.alive


async def test_where_others_have_all_connections_it_is_told_in_time_and_heals(pooled_url: str, pooler: Pooler) -> None:
    store = PostgresStore(pooled_url, patience=1.0)
    await store.open()
    worker, new = await register(store), new_job()
    calls = (
        lambda: store.insert([new]),
        lambda: store.cancel(new.id, None, None, None),
        lambda: store.get([new.id], None),
        lambda: store.beat(worker),
        lambda: store.settle_and_claim(worker, [], [wanting()]),
    )
    async with told(pooler, "set query_wait_timeout = 1", "set query_wait_timeout = 5"), holding_all(pooled_url):
        refused = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
        assert {type(error) for error in refused} <= {StoreUnavailable, StoreBusy}
    (answer,) = await store.insert([new])
    assert isinstance(answer, Accepted)
    assert (await store.beat(worker)).alive
    assert [run.id for run in await claims(store, worker, wanting())] == [new.id]
    await assert_sound(store)
    await store.close()


async def test_leases_that_end_while_others_have_all_connections_are_made_good(pooled_url: str, pooler: Pooler) -> None:
    """A heartbeat has a connection to the pooler to itself, but none to the server."""
    gate = asyncio.Event()
    began: list[int] = []
    over: list[int] = []
    late: list[str] = []

    def make() -> tuple[Bide[None], JobType[[], str]]:
        bide: Bide[None] = Bide(pooled_url, settings=quick(lease=1.0, busy_timeout=1.0))

        @bide.job(max_attempts=3)
        async def patient(ctx: JobContext) -> str:
            began.append(ctx.attempt)
            await gate.wait()
            try:
                return await ctx.step(work)
            finally:
                over.append(ctx.attempt)

        async def work() -> str:
            late.append("worked")
            return "done"

        return bide, patient

    one, patient = make()
    other, _ = make()
    async with one, one.worker() as first, other, other.worker() as second:
        job = await patient.enqueue()
        await holds(lambda: bool(began))
        async with told(pooler, "set query_wait_timeout = 1", "set query_wait_timeout = 5"), holding_all(pooled_url):
            await holds(lambda: alive_for() > max(first.lease_valid_until, second.lease_valid_until))
            gate.set()
            # As far as it knows, it may have lost the job: it does not begin the step.
            await holds(lambda: bool(over))
            assert late == []
        done = await finished(one, job)
        assert (done.status, done.result, late) == (JobStatus.COMPLETED, "done", ["worked"])
        assert done.attempt <= 2
        await assert_sound(one.store, expected=[str(job.id)], at_rest=True)
