"""What a claim reads where very many wait behind lanes that are full: of those nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bide.store.base import Claim, Completed, Demand, LaneLimit, Settle, Store
from bide.store.postgres.database import Tx
from bide.store.postgres.sql import Statement
from bide.store.postgres.store import PostgresStore
from bide.store.sqlite import SQLiteStore
from bide.testing.contract.moves import claims, enqueue_all, new_job, register, wanting
from tests.postgres import execute
from tests.support import comes

LANES = 2_000
IN_LANE = 25
DEMAND = replace(wanting(100), type_limits={"work": LaneLimit(concurrency=1)})


class Counted(sqlite3.Connection):
    """Counts what SQLite does, by thousands of its operations."""

    done = 0

    def watch(self) -> None:
        def count() -> int:
            Counted.done += 1
            return 0

        self.set_progress_handler(count, 1_000)


def counted(*arguments: Any, **options: Any) -> sqlite3.Connection:
    db: Counted = sqlite3.connect(*arguments, **options, factory=Counted)
    db.watch()
    return db


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store: Store
    if request.param == "sqlite":
        store = SQLiteStore(tmp_path / "jobs.db", synchronous="NORMAL", connect=counted)
    else:
        store = PostgresStore(request.getfixturevalue("postgres_url"))
    await store.open()
    yield store
    await store.close()


async def work(store: Store, worker: str, settles: list[Settle], demand: Demand) -> tuple[list[Claim], int]:
    """A turn, and how much it was: rows read by PostgreSQL, thousands of operations of SQLite."""
    if isinstance(store, PostgresStore):
        # What other connections have counted is told when they like, but at their end at the latest.
        await store.close()
        await comes(lambda: execute(store.url, OTHERS))
        await store.open()
        before = await rows_read(store)
        _, taken = await store.settle_and_claim(worker, settles, [demand])
        return list(taken), await rows_read(store) - before
    Counted.done = 0
    _, taken = await store.settle_and_claim(worker, settles, [demand])
    return list(taken), Counted.done


async def rows_read(store: PostgresStore) -> int:
    async def query(tx: Tx) -> int:
        # What this connection has counted is told to others once a second: asked on the same one, it is told at once.
        await tx.fetch(Statement("select pg_stat_force_next_flush()"))
        ((read,),) = await tx.fetch(Statement(ROWS_READ))
        return int(read)

    return await store.database.batch(query)


OTHERS = """
select 1 where not exists (
    select from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
)
"""

ROWS_READ = """
select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))
from pg_stat_user_tables where relname in ('job', 'permit', 'open_lane')
"""


@pytest.mark.parametrize("known", ["nothing", "all", "what was before"])
async def test_a_claim_does_not_read_what_waits_behind_full_lanes(store: Store, known: str) -> None:
    """`known`: what the planner of PostgreSQL knows of the tables; SQLite's never asks."""
    worker = await register(store)
    plain = [new_job() for _ in range(200)]
    if known == "what was before" and isinstance(store, PostgresStore):
        await enqueue_all(store, *(new_job() for _ in range(500)))
        await execute(store.url, "delete from bide.job")
        await execute(store.url, "vacuum (truncate off, analyze)")
    await enqueue_all(store, *plain[:100])
    _, alone = await work(store, worker, [], DEMAND)
    for first in range(0, LANES, 100):
        lanes = [f"job work({n})" for n in range(first, first + 100)]
        await enqueue_all(store, *(new_job(lane=lane, priority=9) for lane in lanes for _ in range(IN_LANE)))
        assert len(await claims(store, worker, DEMAND)) == 100
        assert not await claims(store, worker, DEMAND)
    await enqueue_all(store, *plain[100:])
    if known == "all" and isinstance(store, PostgresStore):
        await execute(store.url, "vacuum analyze")
    taken, beside = await work(store, worker, [], DEMAND)
    assert [run.id for run in taken] == [job.id for job in plain[100:]]
    assert beside <= 2 * alone + 5

    # One ends: the next of its lane begins in the same turn, and of the others nothing is read either.
    assert not await claims(store, worker, DEMAND)
    ended = await of_lane(store, "job work(7)", worker)
    taken, freed = await work(store, worker, [ended], DEMAND)
    assert [one.lane for one in await store.get([claim.id for claim in taken], None)] == ["job work(7)"]
    assert freed <= alone + 100


async def of_lane(store: Store, lane: str, worker: str) -> Settle:
    running = (await store.beat(worker)).running
    rows = await store.get(list(running), None)
    (row,) = [row for row in rows if row.lane == lane]
    return Settle(row.id, row.lease, 1, Completed("1"))
