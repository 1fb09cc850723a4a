"""Many at once on the same rows: nobody waits for ever, and one that is held holds up no other."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from bide import Bide, JobContext
from bide.errors import AlreadyFinished, LeaseLost, StoreBusy
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import Claim, Completed, LaneLimit, Outcome, Released, Retrying, Settle, Settled
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import Connection, connect
from bide.testing.checker import assert_sound
from bide.testing.contract.moves import (
    BROKEN,
    claims,
    enqueue,
    enqueue_all,
    history,
    new_job,
    percent,
    record,
    register,
    row,
    start,
    step,
    wanting,
)
from tests.postgres import execute
from tests.support import comes, quick

pytestmark = pytest.mark.parametrize("way", ["postgres_url", "pooled_url"], ids=["direct", "pooled"], indirect=True)

OUTCOMES: list[Outcome] = [Completed("1"), Released(), Retrying(BROKEN, 0)]


@pytest_asyncio.fixture
async def holder(postgres_url: str) -> AsyncIterator[Connection]:
    """A transaction of somebody else."""
    db = await connect(postgres_url)
    await db.execute("begin")
    yield db
    await db.close()


async def hold(holder: Connection, job: str) -> None:
    await holder.execute(f"select from bide.job where id = '{job}' for update")


async def claim_uncommitted(holder: Connection, worker: str, queues: list[str], types: dict[str, Any]) -> None:
    """Five jobs at most, of these queues and under these limits."""
    demands = [{"queues": queues, "types": {"work": 1}, "limit": 5}]
    nothing = ", ".join(["'{}'"] * 13)  # it settles none
    await holder.execute(
        f"select from bide.settle_claim_v1(0, '{worker}', '', {nothing},"
        f" '{json.dumps(demands)}', '{json.dumps({'queues': {}, 'types': types})}', 1000000)"
    )


async def test_an_end_whose_row_is_held_holds_no_other_up(store: PostgresStore, holder: Connection) -> None:
    worker = await register(store)
    runs = [await start(store, worker) for _ in range(3)]
    await hold(holder, runs[1].id)
    settles = [Settle(run.id, run.lease, 1, Completed("1")) for run in runs]
    assert list((await store.settle_and_claim(worker, settles, []))[0]) == [
        Settled.APPLIED,
        Settled.HELD,
        Settled.APPLIED,
    ]
    assert [(await row(store, run.id)).status for run in runs] == [S.COMPLETED, S.RUNNING, S.COMPLETED]
    await holder.execute("commit")
    assert list((await store.settle_and_claim(worker, settles, []))[0]) == [Settled.APPLIED] * 3


async def test_facts_whose_row_is_held_hold_no_other_up(store: PostgresStore, holder: Connection) -> None:
    worker = await register(store)
    runs = [await start(store, worker) for _ in range(3)]
    await store.settle_and_claim(worker, [Settle(runs[2].id, runs[2].lease, 1, Completed("1"))], [])
    await hold(holder, runs[0].id)
    facts = [percent(run, 1) for run in runs]
    assert list(await store.note(facts)) == [None, True, False]
    await holder.execute("commit")
    assert list(await store.note(facts[:1])) == [True]
    assert [len(await history(store, run.id)) for run in runs] == [3, 3, 3]


async def test_a_step_waits_for_its_own_row_only(store: PostgresStore, holder: Connection) -> None:
    worker = await register(store)
    runs = [await start(store, worker) for _ in range(2)]
    await hold(holder, runs[0].id)
    waiting = asyncio.create_task(record(store, runs[0], step()))
    for _ in range(3):
        # However often that one is tried meanwhile.
        await record(store, runs[1], step())
    assert not waiting.done()
    await holder.execute("commit")
    await waiting
    assert [len(await history(store, run.id)) for run in runs] == [3, 3]


async def test_what_a_run_says_is_counted_in_its_row_whoever_changes_that_meanwhile(
    store: PostgresStore, holder: Connection
) -> None:
    """A row that others change in the moment it is taken: its events and its number stay one."""
    run = await start(store, await register(store))
    await holder.execute("commit")
    over = asyncio.Event()

    async def change() -> None:
        while not over.is_set():
            await holder.execute(f"update bide.job set elapsed = elapsed + 1 where id = '{run.id}'")

    changing = asyncio.create_task(change())
    try:
        for n in range(300):
            await store.note([percent(run, n % 100)])
            await record(store, run, step(f"step {n}"))
    finally:
        over.set()
        await changing
    ((number, last),) = await holder.fetch(
        f"select seq, (select max(seq) from bide.event where job = job.id) from bide.job where id = '{run.id}'"
    )
    assert number == last


async def test_people_are_told_of_a_row_that_is_held_for_long(store: PostgresStore, holder: Connection) -> None:
    run = await start(store, await register(store))
    await hold(holder, run.id)
    with pytest.raises(StoreBusy):
        await store.cancel(run.id, None, None, None)


async def test_a_worker_completes_others_while_rows_are_held(way: str, holder: Connection) -> None:
    """What the held jobs say, record and return waits for their rows; of a hundred others nothing does."""
    bide: Bide[None] = Bide(way, settings=quick(slots=20))
    begun, told = asyncio.Barrier(3), asyncio.Event()

    async def work(n: int) -> int:
        return n

    async def meet(n: int) -> None:
        if n < 0:
            await begun.wait()
            await told.wait()

    @bide.job
    async def silent(ctx: JobContext, n: int) -> int:
        await meet(n)
        return n

    @bide.job
    async def talking(ctx: JobContext, n: int) -> int:
        await meet(n)
        ctx.progress(10)
        value = await ctx.step(work, n)
        ctx.progress(90)
        return value

    async with bide.worker():
        held = [await job_type.enqueue(-1) for job_type in (silent, talking)]
        await begun.wait()
        for job in held:
            await hold(holder, str(job.id))
        told.set()
        others = await bide.enqueue_many([job_type.call(n) for n in range(50) for job_type in (silent, talking)])
        for n, other in enumerate(others):
            assert await bide.result(other, timeout="30s") == n // 2
        assert [(await bide.get(job)).status for job in held] == [S.RUNNING] * 2
        await holder.execute("commit")
        assert [await bide.result(job, timeout="30s") for job in held] == [-1, -1]
        silently, loudly = [[event.kind for event in await bide.history(job)] for job in held]
        assert silently == [E.ENQUEUED, E.STARTED, E.COMPLETED]
        # What is said and what is recorded are handed in apart from each other.
        assert [kind for kind in loudly if kind != E.STEP_COMPLETED] == [
            E.ENQUEUED, E.STARTED, E.PROGRESS, E.PROGRESS, E.COMPLETED,
        ]  # fmt: skip
        assert loudly.count(E.STEP_COMPLETED) == 1
        await assert_sound(bide.store, expected=[str(one.id) for one in (*held, *others)], at_rest=True)


async def test_what_others_hold_is_not_claimed_and_not_waited_for(store: PostgresStore, holder: Connection) -> None:
    worker = await register(store)
    held, free = await enqueue(store), await enqueue(store)
    await hold(holder, held)
    assert [run.id for run in await claims(store, worker, wanting(2))] == [free]
    await holder.execute("commit")
    assert [run.id for run in await claims(store, worker, wanting(2))] == [held]


async def test_of_several_queues_no_more_is_locked_than_is_taken(
    store: PostgresStore, another: PostgresStore, holder: Connection
) -> None:
    worker = await register(store)
    await enqueue_all(store, *(new_job(queue=queue) for queue in "abc" for _ in range(5)))
    await claim_uncommitted(holder, worker, ["a", "b", "c"], {})
    taken = await claims(another, worker, wanting(20, queues=["a", "b", "c"]))
    await holder.execute("rollback")
    assert len(taken) == 10


async def test_a_lane_is_counted_by_one_at_a_time(
    store: PostgresStore, another: PostgresStore, holder: Connection, postgres_url: str
) -> None:
    """Whoever comes to it by a job that was enqueued meanwhile waits for what the first one claims."""
    worker, other = await register(store), await register(another)
    await enqueue_all(store, new_job(lane="job work(1)"))
    await claim_uncommitted(holder, worker, ["default"], {"work": {"concurrency": 1}})
    await enqueue_all(store, new_job(lane="job work(1)"))
    one = replace(wanting(5), type_limits={"work": LaneLimit(concurrency=1)})
    claiming = asyncio.create_task(claims(another, other, one))

    async def waits() -> bool:
        waiting = "select 1 from pg_stat_activity where wait_event = 'advisory' and datname = current_database()"
        return claiming.done() or bool(await execute(postgres_url, waiting))

    await comes(waits)
    await holder.execute("commit")
    assert not await claiming


async def test_nothing_deadlocks_whatever_meets(
    store: PostgresStore, another: PostgresStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Drains, cancels, rescues, releases, facts and the same idempotency keys in any order, from two stores."""
    caplog.set_level("INFO", logger="bide.store")
    stores = (store, another)
    choose = random.Random(7)
    taken: Counter[tuple[str, int]] = Counter()
    ids = await enqueue_all(store, *(new_job(max_attempts=50) for _ in range(300)))
    loops = 12

    async def work(on: PostgresStore) -> None:
        worker = await register(on)
        runs: list[Claim] = []
        for _ in range(loops):
            outcomes: list[Outcome] = [choose.choice(OUTCOMES) for _ in runs]
            ends = [Settle(run.id, run.lease, 1, outcome) for run, outcome in zip(runs, outcomes, strict=True)]
            _, claimed = await on.settle_and_claim(worker, ends, [wanting(60)])
            taken.update((run.id, run.lease) for run in claimed)
            runs = list(claimed)
            choose.shuffle(runs)
            await on.note([percent(run, 1) for run in runs])
            with suppress(LeaseLost):
                await asyncio.gather(*(record(on, run, step(str(run.lease))) for run in runs[:10]))
        await on.rescue([worker])

    async def meddle(on: PostgresStore) -> None:
        for _ in range(loops * 3):
            with suppress(AlreadyFinished):
                await on.cancel(choose.choice(ids), None, None, None)
            keys = [f"k{n}" for n in range(20)]
            choose.shuffle(keys)
            await on.insert([new_job(queue="other", idempotency_key=key, digest="d") for key in keys])
            await on.rescue(())

    await asyncio.gather(*(work(on) for on in stores * 2), *(meddle(on) for on in stores))
    assert max(taken.values()) == 1, "a lease was given twice"
    assert [record.getMessage() for record in caplog.records if "taken back" in record.getMessage()] == []
    await assert_sound(store)


async def test_what_can_be_given_back_is_though_some_of_it_is_held(
    store: PostgresStore, holder: Connection, postgres_url: str
) -> None:
    worker = await register(store)
    runs = [await start(store, worker) for _ in range(6)]
    kept = await connect(postgres_url)
    await kept.execute("begin")
    for run in runs:
        await hold(kept if run in runs[:3] else holder, run.id)
    releasing = asyncio.create_task(store.release({run.id: run.lease for run in runs}))
    await comes(lambda: execute(postgres_url, "select 1 from pg_stat_activity where wait_event_type = 'Lock'"))
    await holder.execute("commit")
    with pytest.raises(StoreBusy):
        await releasing
    assert [(await row(store, run.id)).status for run in runs] == [S.RUNNING] * 3 + [S.PENDING] * 3
    await kept.close()
