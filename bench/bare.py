"""The bare loops: what sqlite3 itself can do on this machine, at the same durability, with no framework around it.

Two shapes of a job. *Narrow*: 13 columns, one index, no history; the least a queue can store. *Full*: the columns and
indexes that a job with an owner, a result and retries needs, and a numbered history in a table of its own.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import uuid_utils

from bench.measure import Metrics, quantiles

T = TypeVar("T")

BATCH = 200
"""Jobs a transaction claims: as many as a worker of Bide has slots."""

NARROW = """
create table job (
    id integer primary key, queue text not null default 'default', task text not null default 'noop',
    state integer not null default 0, priority integer not null default 0, attempt integer not null default 0,
    run_at real not null default 0, created_at real not null default 0, started_at real, finished_at real,
    worker text, args text not null default '{}', result text
);
create index job_fetch on job (queue, priority, id) where state = 0;
"""

NARROW_CLAIM = """
update job set state = 1, attempt = attempt + 1, started_at = ?, worker = 'w' where id in (
    select id from job where queue = 'default' and state = 0 and run_at <= ? order by priority, id limit ?
) returning id, args
"""

NARROW_SETTLE = "update job set state = 2, finished_at = ?, result = ? where id = ? and state = 1"

FULL = """
create table job (
    id text primary key, type text not null, type_version integer not null, queue text not null,
    priority integer not null, rank integer not null, status text not null, ready integer not null, reason text,
    due_at integer, attempt integer not null, max_attempts integer not null, lease integer not null, worker text,
    seq integer not null, owner text not null, input text, result text, error text, progress text,
    created_at integer not null, started_at integer, finished_at integer, idempotency_key text
) strict;
create table event (
    pos integer primary key, job text not null, seq integer not null, at integer not null, kind text not null,
    attempt integer not null, lease integer not null, data text
) strict;
create table step (
    job text not null, name text not null, key text not null, result text, at integer not null,
    primary key (job, name, key)
) strict;
create index job_claim on job (queue, priority desc, rank, id) where status = 'pending' and ready = 1;
create index job_worker on job (worker) where worker is not null;
create index job_owner on job (owner, id);
create index job_finished on job (finished_at) where finished_at is not null;
create unique index event_seq on event (job, seq);
"""

FULL_INSERT = """
insert into job (id, type, type_version, queue, priority, rank, status, ready, attempt, max_attempts, lease, seq, owner,
    input, created_at)
values (?, 'noop', 1, 'default', 0, ?, 'pending', 1, 0, 3, 0, 1, '', ?, ?)
"""

FULL_CLAIM = """
update job set status = 'running', ready = 0, attempt = attempt + 1, lease = lease + 1, seq = seq + 1, started_at = ?,
    worker = 'w'
where id in (
    select id from job where queue = 'default' and status = 'pending' and ready = 1
    order by priority desc, rank, id limit ?
) returning id, input, attempt, lease, seq
"""

FULL_SETTLE = """
update job set status = 'completed', seq = seq + 1, finished_at = ?, result = ?, worker = null, lease = lease + 1
where id = ? and lease = ? and status = 'running'
"""

FULL_EVENT = "insert into event (job, seq, at, kind, attempt, lease) values (?, ?, ?, ?, ?, ?)"

FULL_STEP = "insert into step (job, name, key, result, at) values (?, ?, '', ?, ?)"


def connect(folder: Path, schema: str | None = None) -> sqlite3.Connection:
    """A connection to the folder's database: WAL, and every commit on the disk. Creates it where a schema is given."""
    db = sqlite3.connect(
        folder / "bare.db", isolation_level=None, timeout=60, cached_statements=256, check_same_thread=False
    )
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    assert db.execute("pragma synchronous").fetchone() == (2,), "the bare loop must be as durable as Bide"
    if schema is not None:
        db.executescript(schema)
    return db


# ── Drain ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def noop(payload: Any) -> Any:
    return payload


async def run_all(payloads: Sequence[str]) -> list[str]:
    """One `asyncio.Task` a job."""
    tasks = [asyncio.create_task(noop(json.loads(payload))) for payload in payloads]
    return [json.dumps(await task) for task in tasks]


def fill_narrow(folder: Path, count: int) -> sqlite3.Connection:
    db = connect(folder, NARROW)
    db.execute("begin immediate")
    db.executemany("insert into job (args) values (?)", ((f'{{"n":{n}}}',) for n in range(count)))
    db.execute("commit")
    db.execute("pragma wal_checkpoint(truncate)")
    return db


def drain_narrow(folder: Path, count: int) -> Metrics:
    """Settle and claim in one transaction, one `asyncio.Task` a job; no history."""
    with closing(fill_narrow(folder, count)) as db:
        ended: list[tuple[float, str, int]] = []
        with asyncio.Runner() as runner:
            runner.get_loop()
            began = time.perf_counter()
            while True:
                now = time.time()
                db.execute("begin immediate")
                db.executemany(NARROW_SETTLE, ended)
                rows = db.execute(NARROW_CLAIM, (now, now, BATCH)).fetchall()
                db.execute("commit")
                if not rows:
                    break
                results = runner.run(run_all([args for _, args in rows]))
                ended = [(now, result, job) for (job, _), result in zip(rows, results, strict=True)]
            elapsed = time.perf_counter() - began
        assert db.execute("select count(*) from job where state = 2 and result is not null").fetchone() == (count,)
        return {"rate": count / elapsed}


def fill_full(folder: Path, count: int) -> sqlite3.Connection:
    db = connect(folder, FULL)
    db.execute("begin immediate")
    insert_full(db, [f'{{"n":{n}}}' for n in range(count)])
    db.execute("commit")
    db.execute("pragma wal_checkpoint(truncate)")
    return db


def insert_full(db: sqlite3.Connection, inputs: Sequence[str]) -> None:
    now = _now()
    ids = [str(uuid_utils.uuid7()) for _ in inputs]
    db.executemany(FULL_INSERT, [(job, now, text, now) for job, text in zip(ids, inputs, strict=True)])
    db.executemany(FULL_EVENT, [(job, 1, now, "job.enqueued", 0, 0) for job in ids])


class FullLoop:
    """One process of the full loop: the settles of the last batch travel with the next claim."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._claimed: list[tuple[str, str, int, int, int]] = []
        self._results: list[str] = []

    def turn(self) -> int:
        """Settle what ran and claim what is next, in one transaction; returns how many were claimed."""
        db, now = self._db, _now()
        jobs = list(zip(self._claimed, self._results, strict=True))
        db.execute("begin immediate")
        db.executemany(FULL_SETTLE, [(now, result, job, lease) for (job, _, _, lease, _), result in jobs])
        db.executemany(
            FULL_EVENT,
            [(job, seq + 1, now, "job.completed", attempt, lease) for (job, _, attempt, lease, seq), _ in jobs],
        )
        self._claimed = db.execute(FULL_CLAIM, (now, BATCH)).fetchall()
        db.executemany(
            FULL_EVENT,
            [(job, seq, now, "job.started", attempt, lease) for job, _, attempt, lease, seq in self._claimed],
        )
        db.execute("commit")
        return len(self._claimed)

    def execute(self, runner: asyncio.Runner) -> None:
        self._results = runner.run(run_all([payload for _, payload, _, _, _ in self._claimed]))

    def record(self, step: str) -> None:
        """Remember one step of each job of the batch, with its event, in one transaction."""
        db, now = self._db, _now()
        db.execute("begin immediate")
        db.executemany(FULL_STEP, [(job, step, "1", now) for job, *_ in self._claimed])
        self._claimed = [(job, payload, attempt, lease, seq + 1) for job, payload, attempt, lease, seq in self._claimed]
        db.executemany("update job set seq = ? where id = ?", [(seq, job) for job, _, _, _, seq in self._claimed])
        db.executemany(
            FULL_EVENT,
            [(job, seq, now, "step.completed", attempt, lease) for job, _, attempt, lease, seq in self._claimed],
        )
        db.execute("commit")


def drain_full(folder: Path, count: int, steps: int = 0) -> Metrics:
    """As `drain_narrow`, with all columns, text ids, results, three events a job; and an optional number of steps."""
    with closing(fill_full(folder, count)) as db:
        loop = FullLoop(db)
        with asyncio.Runner() as runner:
            runner.get_loop()
            began = time.perf_counter()
            while loop.turn():
                for n in range(steps):
                    loop.record(f"step-{n}")
                loop.execute(runner)
            elapsed = time.perf_counter() - began
        assert db.execute("select count(*) from job where status = 'completed'").fetchone() == (count,)
        assert db.execute("select count(*) from event").fetchone() == (count * (3 + steps),)
        return {"rate": count / elapsed}


# ── Enqueue ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Coalescer:
    """Callers await one insert each; everything that waits is written as one transaction."""

    def __init__(self, write: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def insert(self, text: str) -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting.append((text, done))
        if self._flusher is None:
            self._flusher = loop.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._write([text for text, _ in batch])
            for _, done in batch:
                done.set_result(None)
        self._flusher = None


def write_narrow(db: sqlite3.Connection, texts: Sequence[str]) -> None:
    db.execute("begin immediate")
    db.executemany("insert into job (args) values (?)", [(text,) for text in texts])
    db.execute("commit")


def write_full(db: sqlite3.Connection, texts: Sequence[str]) -> None:
    db.execute("begin immediate")
    insert_full(db, texts)
    db.execute("commit")


def coalesced(folder: Path, count: int, callers: int, *, full: bool) -> Metrics:
    """`callers` coroutines insert `count` rows, each awaiting that its row is on the disk; a thread commits them."""
    with closing(connect(folder, FULL if full else NARROW)) as db, ThreadPoolExecutor(1) as thread:
        write = write_full if full else write_narrow

        async def measured() -> Metrics:
            loop = asyncio.get_running_loop()
            coalescer = Coalescer(lambda texts: loop.run_in_executor(thread, write, db, texts))
            return await from_callers(coalescer.insert, [f'{{"n":{n}}}' for n in range(count)], callers)

        metrics = asyncio.run(measured())
        assert db.execute("select count(*) from job").fetchone() == (count,)
        return metrics


async def from_callers(accept: Callable[[T], Any], items: Sequence[T], callers: int) -> Metrics:
    """Rate and latencies of `callers` coroutines that share the items, each awaiting one before the next."""
    shared = iter(items)
    latencies: list[float] = []

    async def caller() -> None:
        for item in shared:
            began = time.perf_counter()
            await accept(item)
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return {"rate": len(items) / (time.perf_counter() - began), **quantiles(latencies)}


def bulk(folder: Path, count: int, *, full: bool) -> Metrics:
    """All rows at hand in one list, written in transactions of 1,000."""
    with closing(connect(folder, FULL if full else NARROW)) as db:
        write = write_full if full else write_narrow
        texts = [f'{{"n":{n}}}' for n in range(count)]
        began = time.perf_counter()
        for start in range(0, count, 1_000):
            write(db, texts[start : start + 1_000])
        elapsed = time.perf_counter() - began
        assert db.execute("select count(*) from job").fetchone() == (count,)
        return {"rate": count / elapsed}


# ── Latency ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def commit_from_thread(folder: Path, count: int, pause: float) -> Metrics:
    """One narrow row, committed by a thread while the event loop awaits it, `pause` seconds apart."""
    with closing(connect(folder, NARROW)) as db:
        return asyncio.run(_commit_from_thread(db, count, pause))


async def _commit_from_thread(db: sqlite3.Connection, count: int, pause: float) -> Metrics:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    with ThreadPoolExecutor(1) as thread:
        for n in range(count):
            await asyncio.sleep(pause)
            began = time.perf_counter()
            await loop.run_in_executor(thread, write_narrow, db, (f'{{"n":{n}}}',))
            latencies.append(time.perf_counter() - began)
    return quantiles(latencies)


def _now() -> int:
    return time.time_ns() // 1_000
