"""The bare loops: what asyncpg and PostgreSQL can do on this machine, with no framework around them.

Narrow and full rows as in `bench.bare`. The full loop is the best that is known: ids in the order of time, one
statement that settles what ran, claims what is next and writes the history, and plans that are made once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from typing import Any

import uuid_utils

from bench.bare import Coalescer, from_callers, run_all
from bench.marks import Marks, until
from bench.measure import Metrics, percentile
from bench.postgres.database import Database
from bench.postgres.worker import at_work

asyncpg: Any = import_module("asyncpg")  # it has no types of its own

BATCH = 500
"""Jobs a statement claims: more gain nothing."""

CHUNK = 1_000
"""Rows a statement of the bulk inserts."""

CHANNEL = "ready"

LOOK = 0.001
"""Seconds between two looks at the marks: they say when, however late they are seen."""

NARROW = """
create table job (
    id bigserial primary key, queue text not null default 'default', task text not null default 'noop',
    state smallint not null default 0, priority smallint not null default 0, attempt smallint not null default 0,
    run_at timestamptz not null default now(), created_at timestamptz not null default now(),
    started_at timestamptz, finished_at timestamptz, worker text, args jsonb not null default '{}', result jsonb
);
create index job_fetch on job (queue, priority, id) where state = 0;
"""

NARROW_INSERT = "insert into job (args) values ($1) returning id"

NARROW_INSERT_MANY = "insert into job (args) select args from unnest($1::jsonb[]) as args returning id"

NARROW_TELL = """
with made as (insert into job (args) values ($1) returning id)
select id, pg_notify('ready', '') from made
"""

NARROW_CLAIM = """
update job set state = 1, attempt = attempt + 1, started_at = now(), worker = 'w' where id = any(array(
    select id from job where queue = 'default' and state = 0 and run_at <= now() order by priority, id limit $1
    for update skip locked
)) returning id, args
"""

NARROW_SETTLE = """
update job set state = 2, finished_at = now(), result = ended.result
from unnest($1::bigint[], $2::jsonb[]) as ended (id, result) where job.id = ended.id and job.state = 1
"""

FULL = """
create table job (
    id text collate "C" primary key, type text not null, type_version integer not null,
    queue text collate "C" not null, priority integer not null, rank bigint not null, status text collate "C" not null,
    ready boolean not null, reason text, due_at bigint, attempt integer not null, max_attempts integer not null,
    lease bigint not null, worker text collate "C", seq bigint not null, owner text collate "C" not null, input text,
    result text, error text, progress text, created_at bigint not null, started_at bigint, finished_at bigint,
    idempotency_key text
);
create table event (
    pos bigserial primary key, job text collate "C" not null, seq bigint not null, at bigint not null,
    kind text not null, attempt integer not null, lease bigint not null, data text
);
create index job_claim on job (queue, priority desc, rank, id) where status = 'pending' and ready;
create index job_worker on job (worker) where worker is not null;
create index job_owner on job (owner, id);
create index job_finished on job (finished_at) where finished_at is not null;
create unique index event_seq on event (job, seq);
"""

FULL_INSERT = """
with made as (
    insert into job (id, type, type_version, queue, priority, rank, status, ready, attempt, max_attempts, lease, seq,
        owner, input, created_at)
    select one.id, 'noop', 1, 'default', 0, $1, 'pending', true, 0, 3, 0, 1, '', one.input, $1
    from unnest($2::text[], $3::text[]) as one (id, input)
    returning id
)
insert into event (job, seq, at, kind, attempt, lease) select id, 1, $1, 'job.enqueued', 0, 0 from made
"""

FULL_TURN = """
with ended as (
    update job set status = 'completed', seq = job.seq + 1, finished_at = $1, result = one.result, worker = null,
        lease = job.lease + 1
    from unnest($2::text[], $3::bigint[], $4::text[]) as one (id, lease, result)
    where job.id = one.id and job.lease = one.lease and job.status = 'running'
    returning job.id, job.seq, job.attempt, job.lease
),
claimed as (
    update job set status = 'running', ready = false, attempt = attempt + 1, lease = lease + 1, seq = seq + 1,
        started_at = $1, worker = 'w'
    where id = any(array(
        select id from job where queue = 'default' and status = 'pending' and ready
        order by priority desc, rank, id limit $5 for update skip locked
    ))
    returning id, input, attempt, lease, seq
),
told as (
    insert into event (job, seq, at, kind, attempt, lease)
    select id, seq, $1, 'job.completed', attempt, lease from ended
    union all
    select id, seq, $1, 'job.started', attempt, lease from claimed
)
select id, input, lease from claimed
"""

PINNED = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}


"""Plans are made once, and join by nested loops."""


@asynccontextmanager
async def connected(url: str, **settings: str) -> AsyncGenerator[Any]:
    db = await asyncpg.connect(url, server_settings=settings)
    try:
        yield db
    finally:
        await db.close()


def now() -> int:
    return time.time_ns() // 1_000


def texts(count: int) -> list[str]:
    return [f'{{"n":{n}}}' for n in range(count)]


async def insert_full(db: Any, inputs: Sequence[str]) -> None:
    await db.fetch(FULL_INSERT, now(), [str(uuid_utils.uuid7()) for _ in inputs], inputs)


async def insert_narrow(db: Any, inputs: Sequence[str]) -> None:
    await db.fetch(NARROW_INSERT_MANY, inputs)


# ── Drain ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def drain(database: Database, count: int, processes: int) -> Metrics:
    """So many processes run the full loop until nothing is left."""
    asyncio.run(_fill(database.url, count))
    with at_work("bare", database, processes) as children:
        began = time.perf_counter()
        for child in children:
            child.go()
        for child in children:
            child.until("ended")
        elapsed = time.perf_counter() - began
        resident = max(child.resident for child in children)
    asyncio.run(_verify(database.url, count))
    return {"rate": count / elapsed, "resident": resident}


async def _fill(url: str, count: int) -> None:
    async with connected(url) as db:
        await db.execute(FULL)
        inputs = texts(count)
        for start in range(0, count, CHUNK):
            await insert_full(db, inputs[start : start + CHUNK])
        await db.execute("vacuum analyze")
        await db.execute("checkpoint")


async def _verify(url: str, count: int) -> None:
    async with connected(url) as db:
        done = await db.fetchval("select count(*) from job where status = 'completed' and result is not null")
        events = await db.fetchval("select count(*) from event")
    assert (done, events) == (count, 3 * count), f"of {count} jobs {done} completed, with {events} events"


async def empty(url: str, wait: Callable[[], Awaitable[object]]) -> None:
    """The full loop, once `wait` is over: the settles of the last batch travel with the next claim."""
    async with connected(url, **PINNED) as db:
        turn = await db.prepare(FULL_TURN)
        await wait()
        ids: list[str] = []
        leases: list[int] = []
        results: list[str] = []
        while True:
            rows = await turn.fetch(now(), ids, leases, results, BATCH)
            if not rows:
                return
            ids, leases = [row[0] for row in rows], [row[2] for row in rows]
            results = await run_all([row[1] for row in rows])


# ── Enqueue ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def single(database: Database, count: int) -> Metrics:
    """One narrow row a statement, each awaited before the next."""
    return asyncio.run(_single(database.url, count))


async def _single(url: str, count: int) -> Metrics:
    async with connected(url) as db:
        await db.execute(NARROW)
        insert = await db.prepare(NARROW_INSERT)
        measured = await from_callers(insert.fetchval, texts(count), 1)
        assert await db.fetchval("select count(*) from job") == count
        return measured


def coalesced(database: Database, count: int, callers: int, *, full: bool) -> Metrics:
    """`callers` coroutines insert `count` rows, each awaiting that its row is on the disk."""
    return asyncio.run(_coalesced(database.url, count, callers, full=full))


async def _coalesced(url: str, count: int, callers: int, *, full: bool) -> Metrics:
    async with connected(url) as db:
        await db.execute(FULL if full else NARROW)
        write = insert_full if full else insert_narrow
        coalescer = Coalescer(lambda inputs: write(db, inputs))
        measured = await from_callers(coalescer.insert, texts(count), callers)
        assert await db.fetchval("select count(*) from job") == count
        return measured


def bulk(database: Database, count: int) -> Metrics:
    """All full rows at hand in one list, CHUNK to a statement."""
    return asyncio.run(_bulk(database.url, count))


async def _bulk(url: str, count: int) -> Metrics:
    async with connected(url) as db:
        await db.execute(FULL)
        inputs = texts(count)
        began = time.perf_counter()
        for start in range(0, count, CHUNK):
            await insert_full(db, inputs[start : start + CHUNK])
        elapsed = time.perf_counter() - began
        assert await db.fetchval("select count(*) from job") == count
        return {"rate": count / elapsed}


# ── Latency ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def latency(database: Database, count: int, pause: float) -> Metrics:
    """Insert and notify in one statement; another process hears of it, claims, and settles; `pause` seconds apart."""
    # When the job ran, and when its end was on the disk.
    marks = Marks.create(database.marks, 2 * count)
    with at_work("bare listener", database) as (child,):
        child.go()
        return asyncio.run(_latency(database.url, count, pause, marks))


async def _latency(url: str, count: int, pause: float, marks: Marks) -> Metrics:
    picked_up: list[float] = []
    ended: list[float] = []
    async with connected(url) as db:
        tell = await db.prepare(NARROW_TELL)
        for n in range(count):
            await asyncio.sleep(pause)
            began = time.monotonic()
            await tell.fetch(json.dumps({"n": n}))
            await until(partial(marks.is_set, 2 * n + 1), LOOK)
            picked_up.append(marks[2 * n] - began)
            ended.append(marks[2 * n + 1] - began)
        assert await db.fetchval("select count(*) from job where state = 2") == count
    return latencies(picked_up, ended)


def latencies(picked_up: Sequence[float], ended: Sequence[float]) -> Metrics:
    return {
        "pick-up p50": percentile(picked_up, 50) * 1_000,
        "pick-up p99": percentile(picked_up, 99) * 1_000,
        "end p50": percentile(ended, 50) * 1_000,
        "end p99": percentile(ended, 99) * 1_000,
    }


async def listen(url: str, marks: Marks, wait: Callable[[], Awaitable[object]]) -> None:
    """Claim and settle whatever is told of, until `wait` is over."""
    told = asyncio.Event()
    async with connected(url) as db, connected(url) as ears:
        await db.execute(NARROW)
        await ears.add_listener(CHANNEL, _setting(told))
        claim, settle = await db.prepare(NARROW_CLAIM), await db.prepare(NARROW_SETTLE)
        over = asyncio.ensure_future(wait())
        over.add_done_callback(_setting(told))
        while not over.done():
            await told.wait()
            told.clear()
            rows = await claim.fetch(BATCH)
            numbers = [json.loads(args)["n"] for _, args in rows]
            for n in numbers:
                marks.mark(2 * n)
            await settle.fetch([row[0] for row in rows], ["null"] * len(rows))
            for n in numbers:
                marks.mark(2 * n + 1)


def _setting(event: asyncio.Event) -> Callable[..., None]:
    def call(*_: object) -> None:
        event.set()

    return call


# ── Reads ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(database: Database, count: int) -> Metrics:
    """One row by its id, each awaited before the next."""
    return asyncio.run(_read(database.url, count))


async def _read(url: str, count: int) -> Metrics:
    async with connected(url) as db:
        await db.execute(FULL)
        await insert_full(db, texts(1))
        job = await db.fetchval("select id from job")
        select = await db.prepare("select * from job where id = $1")
        return await from_callers(select.fetchrow, [job] * count, 1)
