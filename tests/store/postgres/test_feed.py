"""Positions: what commits late is never skipped, and holds nothing up but what comes behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bide.store.base import EventRow, Fork
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import Connection, connect
from bide.store.postgres.sql import in_schema
from bide.testing.contract.moves import (
    HOUR,
    enqueue,
    history,
    new_id,
    new_job,
    percent,
    question,
    register,
    start,
    wait_for_answer,
)
from tests.support import comes
from tests.test_checker import cancelled, done

pytestmark = pytest.mark.parametrize("way", ["postgres_url", "pooled_url"], ids=["direct", "pooled"], indirect=True)


@pytest_asyncio.fixture
async def late(postgres_url: str) -> AsyncIterator[Connection]:
    """A transaction that has written an event of its own, and takes its time to commit."""
    db = await connect(postgres_url)
    await db.execute("begin; select bide.ticket_v1()")
    yield db
    await db.close()


async def write(db: Connection, job: str) -> None:
    await db.execute(f"update bide.job set seq = seq + 1 where id = '{job}'")
    await db.execute(
        "insert into bide.event (job, seq, at, kind, attempt, lease)"
        f" select id, seq, 0, 'log', attempt, lease from bide.job where id = '{job}'"
    )


async def everything(store: PostgresStore, after: int, limit: int = 100) -> list[EventRow]:
    events: list[EventRow] = []
    while True:
        page = await store.feed(after, None, limit)
        events += [event for _, event in page.events]
        if page.position == after:
            return events
        after = page.position


async def test_what_commits_late_is_waited_for(store: PostgresStore, late: Connection) -> None:
    before = (await store.feed(-1, None)).position
    job = await enqueue(store)
    await write(late, job)
    other = await enqueue(store)
    # The other's event is there, and comes once what is before it can come.
    assert await everything(store, before) == []
    await late.execute("commit")
    told = await everything(store, before)
    assert [event.job for event in told] == [job, job, other]
    assert [event.pos for event in told] == sorted(event.pos for event in told)


async def test_what_is_taken_back_holds_nothing_up(store: PostgresStore, late: Connection) -> None:
    before = (await store.feed(-1, None)).position
    job = await enqueue(store)
    await write(late, job)
    await late.execute("rollback")
    assert [event.job for event in await everything(store, before)] == [job]


async def test_who_dies_holds_nothing_up(store: PostgresStore, late: Connection) -> None:
    before = (await store.feed(-1, None)).position
    job = await enqueue(store)
    await write(late, job)
    late.terminate()
    told = await comes(lambda: everything(store, before))
    assert [event.job for event in told] == [job]


async def test_a_transaction_of_others_holds_nothing_up(store: PostgresStore, postgres_url: str) -> None:
    db = await connect(postgres_url)
    await db.execute("begin; create table host (n integer); insert into host values (1)")
    before = (await store.feed(-1, None)).position
    job = await enqueue(store)
    assert [event.job for event in await everything(store, before)] == [job]
    await db.close()


async def test_changes_are_told_at_once_all_the_same(store: PostgresStore, late: Connection) -> None:
    mark = (await store.changes(-1)).mark
    job = await enqueue(store)
    first = await store.changes(mark)
    assert first.jobs == frozenset({job})
    other = await enqueue(store)
    assert other in ((await store.changes(first.mark)).jobs or ())
    await write(late, job)
    await late.execute("commit")
    assert job in ((await store.changes(first.mark)).jobs or ())


async def test_many_writers_and_a_reader_that_follows_miss_nothing(
    store: PostgresStore, another: PostgresStore
) -> None:
    before = (await store.feed(-1, None)).position
    worker = await register(store)
    runs = [await start(store, worker) for _ in range(10)]
    writing = True
    seen: list[EventRow] = []

    async def follow() -> None:
        after = before
        while True:
            done = not writing
            page = await another.feed(after, None, 50)
            seen.extend(event for _, event in page.events)
            if done and page.position == after:
                return
            after = page.position

    async def write_on(on: PostgresStore, mine: int) -> None:
        for n in range(40):
            await on.note([percent(run, n) for run in runs[mine::2]])
            await on.insert([new_job()])

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write_on(on, mine) for mine, on in enumerate((store, another))))
    writing = False
    await following
    assert [event.pos for event in seen] == sorted(event.pos for event in seen)
    for run in runs:
        its = await history(store, run.id)
        assert len(its) == 42
        assert [event for event in seen if event.job == run.id] == its
    assert len(seen) == 10 * 42 + 80


async def test_the_low_bits_of_a_position_come_round(store: PostgresStore, late: Connection) -> None:
    """A lock carries 31 bits of a position; positions have more."""
    await late.execute("rollback")
    await late.execute("select setval('bide.event_pos', 8589934590)")
    before = (await store.feed(-1, None)).position
    assert before == 8_589_934_590
    await late.execute("begin; select bide.ticket_v1()")
    job = await enqueue(store)
    await write(late, job)
    assert await everything(store, before) == []
    await late.execute("commit")
    assert [event.job for event in await everything(store, before)] == [job, job]


async def test_whoever_writes_an_event_holds_a_ticket(store: PostgresStore, postgres_url: str) -> None:
    """One that is below each of them, whatever verb it is: looked at where they are inserted."""
    db = await connect(postgres_url)
    await db.execute(
        in_schema(
            """
            create function look() returns trigger language plpgsql as $$ begin
                if not exists (
                    select from pg_locks
                    where pid = pg_backend_pid()
                        and classid = hashtext('bide.event_pos')::oid
                        and objid::bigint < new.pos
                ) then raise exception 'no ticket was taken'; end if;
                return new;
            end $$;
            create trigger look before insert on bide.event for each row execute function look()
            """,
            "bide",
        )
    )
    await db.close()
    worker = await register(store)
    finished = await done(store, worker)
    await cancelled(store, worker)
    run, (prompt,) = await wait_for_answer(store, worker, question(timeout=HOUR))
    await store.respond(new_id(), prompt.id, None, "cancel", None, "ann")
    await start(store, worker)
    assert await store.rescue([worker]) == 1
    await store.fork(finished, None, Fork(id=new_id()))
    assert (await history(store, run.id))[-1].kind == "job.cancelled"
