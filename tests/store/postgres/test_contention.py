"""Many at once on the same rows: nobody waits for ever, and one that is held holds up no other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from bide.errors import AlreadyFinished, LeaseLost, StoreBusy
from bide.job import JobStatus as S
from bide.store.base import Claim, Completed, Outcome, Released, Retrying, Settle, Settled
from bide.store.postgres import PostgresStore
from bide.store.postgres.database import LOCK_TIMEOUT
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
from tests.support import comes

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


async def ends(store: PostgresStore, run: Claim) -> bool:
    return (await row(store, run.id)).status is S.COMPLETED


async def has_events(store: PostgresStore, run: Claim, count: int) -> bool:
    return len(await history(store, run.id)) == count


async def test_an_end_waits_for_its_own_row_only(store: PostgresStore, holder: Connection) -> None:
    worker = await register(store)
    runs = [await start(store, worker) for _ in range(3)]
    await hold(holder, runs[1].id)
    settles = [Settle(run.id, run.lease, 1, Completed("1")) for run in runs]
    settling = asyncio.create_task(store.settle_and_claim(worker, settles, []))
    await comes(lambda: ends(store, runs[2]))
    assert (await row(store, runs[1].id)).status is S.RUNNING
    await holder.execute("commit")
    settled, _ = await settling
    assert list(settled) == [Settled.APPLIED] * 3


async def test_facts_and_steps_wait_for_their_own_row_only(store: PostgresStore, holder: Connection) -> None:
    worker = await register(store)
    runs = [await start(store, worker) for _ in range(2)]
    await hold(holder, runs[0].id)
    noting = asyncio.create_task(store.note([percent(run, 1) for run in runs]))
    await comes(lambda: has_events(store, runs[1], 3))
    await holder.execute("commit")
    assert list(await noting) == [True, True]
    await holder.execute("begin")
    await hold(holder, runs[0].id)
    recording = [asyncio.create_task(record(store, run, step())) for run in runs]
    await comes(lambda: has_events(store, runs[1], 4))
    await holder.execute("commit")
    await asyncio.gather(*recording)
    assert [len(await history(store, run.id)) for run in runs] == [4, 4]


async def test_a_row_that_is_held_for_long_is_told_and_nothing_is_lost(
    store: PostgresStore, holder: Connection
) -> None:
    worker = await register(store)
    run = await start(store, worker)
    await hold(holder, run.id)
    end = Settle(run.id, run.lease, 1, Completed("1"))
    with pytest.raises(StoreBusy):
        await store.settle_and_claim(worker, [end], [])
    with pytest.raises(StoreBusy):
        await store.cancel(run.id, None, None, None)
    await holder.execute("commit")
    assert list((await store.settle_and_claim(worker, [end], []))[0]) == [Settled.APPLIED]


async def test_facts_whose_row_is_held_for_long_are_written_once_each(store: PostgresStore, holder: Connection) -> None:
    worker = await register(store)
    runs = [await start(store, worker) for _ in range(2)]
    await hold(holder, runs[0].id)
    noting = asyncio.create_task(store.note([percent(run, 1) for run in runs]))
    await comes(lambda: has_events(store, runs[1], 3))
    await asyncio.wait([noting], timeout=LOCK_TIMEOUT / 1_000 + 0.3)
    assert not noting.done(), "it would be said that nothing was written"
    await holder.execute("commit")
    assert list(await noting) == [True, True]
    assert [len(await history(store, run.id)) for run in runs] == [3, 3]


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
    await holder.execute(
        "select from bide.settle_claim_v1("
        f"0, '{worker}', '', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}',"
        """ '{}', '{}', '[{"queues":["a","b","c"],"types":{"work":1},"limit":5}]', 1000000)"""
    )
    taken = await claims(another, worker, wanting(20, queues=["a", "b", "c"]))
    await holder.execute("rollback")
    assert len(taken) == 10


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
