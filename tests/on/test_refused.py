"""What cannot be lent is refused, and the error names the remedy; and what others do to a transaction is told."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import aiosqlite
import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from bide import Bide, JobContext, JobType, StepFailed
from bide.errors import StoreBusy, UnusableConnection
from tests.on.conftest import ONE_EACH
from tests.on.hosts import POSTGRES, SQLITE, Place
from tests.postgres import Server
from tests.support import quick

asyncpg: Any = import_module("asyncpg")


def job_type(bide: Bide[None]) -> JobType[[int], int]:
    @bide.job
    async def double(ctx: JobContext, n: int) -> int:
        return 2 * n

    return double


@pytest.mark.ways(*ONE_EACH)
async def test_what_is_no_connection_is_refused(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide:
        with pytest.raises(TypeError, match=r"on= takes no builtins\.str\. Hand in an AsyncSession"):
            await double.options(on="postgresql://somewhere").enqueue(1)
        assert list(await bide.list()) == []


@pytest.mark.ways(SQLITE[0], POSTGRES[0])
async def test_a_connection_to_the_other_kind_of_database_is_refused(
    bide: Bide[None], place: Place, tmp_path: Path
) -> None:
    double = job_type(bide)
    async with bide:
        with closing(sqlite3.connect(tmp_path / "other.db")) as other:
            wrong: Any = other if place.way in POSTGRES else _Fake()
            with pytest.raises(UnusableConnection, match=r"a connection of (asyncpg or psycopg|sqlite3 or aiosqlite)"):
                await double.options(on=wrong).enqueue(1)


class _Fake:
    """Known by its name, as all connections are."""


_Fake.__module__, _Fake.__name__ = "asyncpg.connection", "Connection"


@pytest.mark.ways(*SQLITE)
async def test_a_connection_to_another_file_is_refused(bide: Bide[None], place: Place, tmp_path: Path) -> None:
    double = job_type(bide)
    other = Place(f"sqlite:///{tmp_path}/other.db", place.way)
    await other.prepare()
    async with bide, other.connected() as host:
        with pytest.raises(UnusableConnection, match=r"is to .*other\.db, and the jobs are in .*jobs\.db"):
            await double.options(on=host.on).enqueue(1)
        with pytest.raises(UnusableConnection, match="a database in memory"):
            await double.options(on=sqlite3.connect(":memory:")).enqueue(1)


@pytest.mark.ways(*POSTGRES)
async def test_a_connection_to_another_database_is_refused(bide: Bide[None], place: Place, postgres: Server) -> None:
    double = job_type(bide)
    url = postgres.create()
    other = Place(url, place.way)
    async with bide, other.connected() as host:
        await host.begin()
        with pytest.raises(UnusableConnection, match=r"is not of .*, where the jobs are"):
            await double.options(on=host.on).enqueue(1)
    postgres.drop(url)


async def test_another_name_of_the_same_file_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    bide = Bide(f"sqlite:///{tmp_path}/folder/../jobs.db")
    double = job_type(bide)
    async with bide:
        (tmp_path / "link.db").symlink_to(tmp_path / "jobs.db")
        with closing(sqlite3.connect(tmp_path / "link.db")) as db:
            job = await double.options(on=db).enqueue(1)
            db.commit()
        assert (await bide.get(job)).id == job.id


@pytest.mark.ways(SQLITE[0], POSTGRES[0])
async def test_what_would_stand_at_once_is_refused(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    path = place.url.removeprefix("sqlite:///")
    lent: list[Any] = []
    closers: list[Any] = []
    if place.way in SQLITE:
        plain = sqlite3.connect(path, isolation_level=None)
        nested = await aiosqlite.connect(path, isolation_level=None)
        engine = create_engine(place.url, isolation_level="AUTOCOMMIT")
        session = Session(engine)
        lent += [plain, nested, session]
        closers += [plain.close, nested.close, session.close, engine.dispose]
    else:
        fast = await asyncpg.connect(place.url)
        sync = psycopg.connect(place.url, autocommit=True)
        engine = create_engine(place.url.replace(":", "+psycopg:", 1), isolation_level="AUTOCOMMIT")
        session = Session(engine)
        other = create_async_engine(place.url.replace(":", "+asyncpg:", 1), isolation_level="AUTOCOMMIT")
        connection = await other.connect()
        lent += [fast, sync, session, connection]
        closers += [fast.close, sync.close, session.close, engine.dispose, connection.close, other.dispose]
    async with bide:
        for on in lent:
            with pytest.raises(UnusableConnection, match=r"in no transaction.*await bide\.begin\(connection\)"):
                await double.options(on=on).enqueue(1)
        assert list(await bide.list()) == []
        for on in lent[:2]:
            await bide.begin(on)
            lost = await double.options(on=on).enqueue(1)
            ended = on.rollback() if hasattr(on, "rollback") else on.execute("rollback")
            await ended if asyncio.iscoroutine(ended) or hasattr(ended, "__await__") else None
            assert lost.id not in {job.id for job in await bide.list()}
    for close in closers:
        closed = close()
        await closed if asyncio.iscoroutine(closed) else None


@pytest.mark.ways(SQLITE[0], SQLITE[1], POSTGRES[0], POSTGRES[2], POSTGRES[3])
async def test_a_closed_connection_is_refused(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide:
        async with place.connected() as host:
            pass
        with pytest.raises(UnusableConnection, match="cannot be used"):
            await double.options(on=host.on).enqueue(1)


@pytest.mark.ways(SQLITE[0])
async def test_a_connection_of_another_thread_is_refused_unless_it_is_for_several(
    bide: Bide[None], place: Place
) -> None:
    double = job_type(bide)
    path = place.url.removeprefix("sqlite:///")
    async with bide:
        bound, free = await asyncio.to_thread(
            lambda: (sqlite3.connect(path), sqlite3.connect(path, check_same_thread=False))
        )
        with pytest.raises(UnusableConnection, match="check_same_thread=False"):
            await double.options(on=bound).enqueue(1)
        job = await double.options(on=free).enqueue(1)
        free.commit()
        assert (await bide.get(job)).id == job.id
        free.close()


@pytest.mark.ways(POSTGRES[0])
async def test_a_step_is_given_no_transaction_that_asyncpg_would_end(bide: Bide[None], place: Place) -> None:
    @bide.job(max_attempts=1)
    async def keep(ctx: JobContext) -> str:
        async with place.connected() as host:
            await host.begin()
            await host.write(1)
            with pytest.raises(StepFailed, match="Hand it in without one"):
                await ctx.options(on=host.on).step(host.write, 2)
            await host.commit()
        return "refused"

    async with bide.worker():
        assert await bide.result(await keep.enqueue(), timeout="30s") == "refused"
    assert place.notes() == [1]


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.ways(SQLITE[0], SQLITE[4])
async def test_who_enqueues_elsewhere_while_a_transaction_is_open_is_told_of_on(place: Place) -> None:
    bide = Bide(place.url, settings=quick(busy_timeout=0.3))
    double = job_type(bide)
    async with bide, place.connected() as host, place.connected() as other:
        await bide.begin(host.on)
        for _ in range(2):
            with pytest.raises(StoreBusy, match=r"options\(on=…\)"):
                await double.enqueue(1)
        with pytest.raises(StoreBusy, match="was not free in time"):
            await bide.begin(other.on)
        job = await double.options(on=host.on).enqueue(1)
        await host.commit()
        assert [one.id for one in await bide.list()] == [job.id]


@pytest.mark.ways(SQLITE[0])
async def test_a_transaction_that_read_what_is_old_by_now_is_told_to_begin_anew(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        await host.do("begin")
        await host.do("select count(*) from note")
        await double.enqueue(1)
        with pytest.raises(UnusableConnection, match=r"await bide\.begin"):
            await double.options(on=host.on).enqueue(2)
        await host.rollback()
        await bide.begin(host.on)
        await host.do("select count(*) from note")
        await double.options(on=host.on).enqueue(2)
        await host.commit()
        assert len(await bide.list()) == 2


@pytest.mark.ways(SQLITE[0])
async def test_how_a_connection_shows_its_rows_does_not_matter_and_stays(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:

        def as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
            return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}

        taken = await double.options(idempotency_key="k").enqueue(1)
        host.on.row_factory, host.on.text_factory = as_dict, bytes
        again = await double.options(on=host.on, idempotency_key="k").enqueue(1)
        assert again.id == taken.id
        assert host.on.execute("select 'a' as a").fetchall() == [{"a": b"a"}]
        assert host.on.execute("pragma busy_timeout").fetchall() == [{"timeout": 5000}]
        host.on.row_factory = None
        host.on.rollback()


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.ways(POSTGRES[0], POSTGRES[2], POSTGRES[6])
async def test_settings_of_the_transaction_do_not_matter(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        await host.begin()
        await host.do("set transaction isolation level serializable")
        await host.do("set local search_path to ''")
        await host.do("set local plan_cache_mode to force_custom_plan")
        await host.do("set local timezone to 'Asia/Tokyo'")
        await host.do("set local datestyle to 'SQL, DMY'")
        await host.do("set local standard_conforming_strings to off")
        job = await double.options(on=host.on, labels={"a": "b\\c'd"}).enqueue(1)
        await host.commit()
        assert (await bide.get(job)).labels == {"a": "b\\c'd"}


@pytest.mark.ways(POSTGRES[0], POSTGRES[2], POSTGRES[6])
async def test_a_serialization_failure_is_the_callers_to_see(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        await host.begin()
        await host.do("set transaction isolation level repeatable read")
        await host.do("select count(*) from note")
        await double.options(idempotency_key="k").enqueue(1)
        with pytest.raises(Exception, match="could not serialize access") as failure:
            await double.options(on=host.on, idempotency_key="k").enqueue(1)
        assert getattr(failure.value, "sqlstate", None) == "40001"
        await host.rollback()
        assert len(await bide.list()) == 1


@pytest.mark.ways(POSTGRES[0], POSTGRES[2], POSTGRES[6])
async def test_a_key_that_is_held_for_long_is_told_and_the_transaction_goes_on(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    holder = await asyncpg.connect(place.url)
    async with bide, place.connected() as host:
        await bide.begin(holder)
        await double.options(on=holder, idempotency_key="k").enqueue(1)
        await host.begin()
        await host.write(1)
        with pytest.raises(StoreBusy, match="Does a transaction of yours keep a row of Bide locked"):
            await double.options(on=host.on, idempotency_key="k").enqueue(1)
        await host.write(2)
        job = await double.options(on=host.on).enqueue(2)
        await host.commit()
        await holder.execute("rollback")
        assert [one.id for one in await bide.list()] == [job.id]
    await holder.close()
    assert place.notes() == [1, 2]


@pytest.mark.ways(POSTGRES[4])
async def test_a_session_of_several_savepoints_keeps_what_was_released(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        session: Session = host.on
        with session.begin_nested():
            kept = await double.options(on=session).enqueue(1)
            session.execute(text("insert into note (n) values (1)"))
        lost = session.begin_nested()
        await double.options(on=session).enqueue(2)
        lost.rollback()
        session.commit()
        assert [one.id for one in await bide.list()] == [kept.id]
    assert place.notes() == [1]
