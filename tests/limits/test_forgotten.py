"""What is known of lanes goes once nobody waits for it: as long as there is any, each claim looks for limits."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from bide.store.base import LaneLimit
from bide.testing import ManualClock
from bide.testing.contract.moves import claims, enqueue_all, new_job, register, wanting
from tests.postgres import execute
from tests.support import file_of, is_file, store_at

HOURLY = LaneLimit(rate=1, period=3_600_000_000)


async def known(url: str) -> int:
    """How many lanes a claim has to look at, or will have."""
    if not is_file(url):
        return int((await execute(url, "select count(*) from bide.open_lane"))[0][0])
    with closing(sqlite3.connect(file_of(url))) as db:
        count: int = db.execute("select count(*) from bide_open_lane").fetchone()[0]
        return count


async def test_a_queue_whose_limit_is_gone_is_forgotten(database: str) -> None:
    clock = ManualClock()
    store = store_at(database, clock=clock)
    await store.open()
    try:
        worker = await register(store)
        await enqueue_all(store, new_job(), new_job())
        demand = replace(wanting(5), queue_limits={"default": HOURLY})
        assert len(await claims(store, worker, demand)) == 1
        assert await known(database) == 1
        clock.advance(3_600)
        await store.forget_permits()
        assert await known(database) == 1, "who waits for it is woken now"
        clock.advance(1)
        await store.forget_permits()
        assert await known(database) == 0
        assert len(await claims(store, worker, wanting(5))) == 1
    finally:
        await store.close()
