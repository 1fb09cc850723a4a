"""Connections of synchronous code: they are used in the thread that lent them, which some drivers insist on."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeAlias

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from bide import Bide, Job, JobContext, JobType
from bide.errors import IdempotencyConflict, JobWasCancelled
from tests.on.hosts import POSTGRES, SQLITE, Place
from tests.support import holds, quick

Lent: TypeAlias = "sqlite3.Connection | psycopg.Connection"

WRITE = "insert into note (n) values (1)"


def job_type(bide: Bide[None]) -> JobType[[int], int]:
    @bide.job
    async def double(ctx: JobContext, n: int) -> int:
        return 2 * n

    return double


def by_driver(bide: Bide[None], place: Place, keep: bool) -> Job[int]:
    double = job_type(bide)
    path = place.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path) if place.way in SQLITE else psycopg.connect(place.url)) as db:
        db.execute(WRITE)
        job = bide.run(double.options(on=db).enqueue(21))
        (db.commit if keep else db.rollback)()
    return job


def by_session(bide: Bide[None], place: Place, keep: bool) -> Job[int]:
    double = job_type(bide)
    engine = create_engine(place.url if place.way in SQLITE else place.url.replace(":", "+psycopg:", 1))
    with Session(engine) as session:
        session.execute(text(WRITE))
        job = bide.run(double.options(on=session).enqueue(21))
        (session.commit if keep else session.rollback)()
    engine.dispose()
    return job


@pytest.mark.ways(SQLITE[0], POSTGRES[0])
@pytest.mark.parametrize("write", [by_driver, by_session])
@pytest.mark.parametrize("keep", [True, False])
async def test_an_endpoint_in_a_thread_enqueues_in_its_own_transaction(
    bide: Bide[None], place: Place, write: Callable[[Bide[None], Place, bool], Job[int]], keep: bool
) -> None:
    async with bide.worker():
        job = await asyncio.to_thread(write, bide, place, keep)
        if keep:
            assert await bide.result(job, timeout="30s") == 42
        else:
            assert list(await bide.list()) == []
    assert place.notes() == ([1] if keep else [])


@pytest.mark.ways(SQLITE[0], POSTGRES[0])
@pytest.mark.parametrize("write", [by_driver, by_session])
async def test_a_script_enqueues_in_its_own_transaction(
    bide: Bide[None], place: Place, write: Callable[[Bide[None], Place, bool], Job[int]]
) -> None:
    def script() -> bool:
        job = write(bide, place, True)
        try:
            return bide.run(bide.get(job)).id == job.id
        finally:
            bide.close()

    assert await asyncio.to_thread(script)
    assert place.notes() == [1]


@pytest.mark.ways(SQLITE[0], POSTGRES[0])
async def test_a_job_in_a_thread_enqueues_on_a_connection_of_that_thread(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)

    @bide.job
    def parent(ctx: JobContext) -> int:
        path = place.url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path) if place.way in SQLITE else psycopg.connect(place.url)) as db:
            db.execute(WRITE)
            job = ctx.run(double.options(on=db, idempotency_key="once").enqueue(3))
            db.commit()
        return ctx.run(bide.result(job, timeout="30s"))

    async with bide.worker():
        assert await bide.result(await parent.enqueue(), timeout="30s") == 6
    assert place.notes() == [1]


@pytest.mark.ways(SQLITE[0], POSTGRES[0])
async def test_a_def_step_uses_its_connection_in_threads_only(bide: Bide[None], place: Place) -> None:
    def write(db: Lent) -> int:
        db.execute(WRITE)
        return 1

    @bide.job
    def keep(ctx: JobContext) -> int:
        with closing(lent(place)) as db:
            return ctx.run(ctx.options(on=db).step(write, db))

    async with bide.worker():
        assert await bide.result(await keep.enqueue(), timeout="30s") == 1
    assert place.notes() == [1]


@pytest.mark.ways(POSTGRES[0])
async def test_what_a_thread_waits_for_does_not_hold_up_the_event_loop(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)

    def want() -> Job[int]:
        with closing(psycopg.connect(place.url)) as db:
            return bide.run(double.options(on=db, idempotency_key="k").enqueue(1))

    async with bide, place.connected() as host:
        await host.begin()
        held = await double.options(on=host.on, idempotency_key="k").enqueue(1)
        wanting = asyncio.create_task(asyncio.to_thread(want))
        with closing(psycopg.connect(place.url, autocommit=True)) as eye:
            # It waits for a transaction that only this event loop can end.
            waiting = (
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            )
            await holds(lambda: eye.execute(waiting).fetchone() == (1,))
        await host.commit()
        assert (await wanting).id == held.id
        with pytest.raises(IdempotencyConflict):
            await double.options(idempotency_key="k").enqueue(2)


@pytest.mark.ways(SQLITE[0], POSTGRES[0])
async def test_a_def_step_has_its_connection_until_it_ends_though_its_time_is_over(
    bide: Bide[None], place: Place
) -> None:
    begun: list[int] = []
    roots: list[asyncio.Task[Any]] = []
    go, wrote = threading.Event(), threading.Event()

    def write(db: Lent) -> int:
        begun.append(attempt := len(begun) + 1)
        assert (go if attempt == 1 else wrote).wait(30)
        db.execute(WRITE if attempt == 1 else "insert into note (n) values (2)")
        wrote.set()
        return attempt

    @bide.job
    async def keep(ctx: JobContext) -> int:
        roots.append(told_of())
        with closing(lent(place)) as db:
            return await ctx.options(on=db, max_attempts=2, timeout=0.1).step(write, db)

    async with bide.worker():
        job = await keep.enqueue()
        await holds(lambda: (bool(roots) and roots[0].cancelling() > 0) or len(begun) > 1)
        go.set()
        assert await bide.result(job, timeout="30s") == 2
    assert begun == [1, 2]
    assert place.notes() == [2]


@pytest.mark.ways(SQLITE[0], POSTGRES[0])
@pytest.mark.parametrize("abandoned", [False, True])
async def test_what_a_def_step_writes_after_its_job_was_cancelled_is_rolled_back(place: Place, abandoned: bool) -> None:
    bide = Bide(place.url, settings=quick(cancel_grace=0.02 if abandoned else 30.0))
    roots: list[asyncio.Task[Any]] = []
    seen: list[tuple[bool, bool]] = []
    begun, go = threading.Event(), threading.Event()

    def write(db: Lent) -> None:
        db.rollback()  # in SQLite, else nobody could write that it is to be cancelled
        begun.set()
        assert go.wait(30)
        db.execute(WRITE)

    @bide.job
    async def keep(ctx: JobContext) -> None:
        roots.append(told_of())
        with closing(lent(place)) as db:
            try:
                await ctx.options(on=db).step(write, db)
            finally:
                open_still = db.in_transaction if isinstance(db, sqlite3.Connection) else db.info.transaction_status
                seen.append((go.is_set(), bool(open_still)))

    async with bide, bide.worker():
        job = await keep.enqueue()
        await holds(begun.is_set)
        await bide.cancel(job)
        if abandoned:
            with pytest.raises(JobWasCancelled):
                await bide.result(job, timeout="30s")
        else:
            await holds(lambda: roots[0].cancelling() > 0 or bool(seen))
        go.set()
        await holds(lambda: bool(seen))
        with pytest.raises(JobWasCancelled):
            await bide.result(job, timeout="30s")
    assert seen == [(True, False)]
    assert place.notes() == []


def lent(place: Place) -> Lent:
    path = place.url.removeprefix("sqlite:///")
    return sqlite3.connect(path, check_same_thread=False) if place.way in SQLITE else psycopg.connect(place.url)


def told_of() -> asyncio.Task[Any]:
    """The task that this code runs in: it counts what it was told to end."""
    task = asyncio.current_task()
    assert task is not None
    return task
