"""Several processes on one file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from bide.job import JobStatus as S
from bide.store.base import JobFilter
from bide.store.sqlite import SQLiteStore
from bide.store.sqlite.filelock import FileLock
from bide.testing import assert_sound
from bide.testing.contract.moves import enqueue, enqueue_all, new_job
from tests.store.process import Process, ending


@pytest.mark.timeout(240)
async def test_processes_drain_one_file_beside_an_enqueuer_and_every_job_runs_once(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    total = 3_000
    ids = await enqueue_all(store, *(new_job(input=str(n)) for n in range(total // 2)))
    processes = [Process("drains", path, total) for _ in range(3)]
    for n in range(total // 2, total, 10):
        ids += await enqueue_all(store, *(new_job(input=str(n)) for n in range(n, n + 10)))
    had: Counter[str] = Counter()
    for process in processes:
        had.update((await process.says_soon()).split())
        assert process.ended() == 0
        with process:
            pass
    assert had == Counter(ids)
    assert (await store.stats(None)).by_status[S.COMPLETED] == total
    await assert_sound(store, expected=ids, at_rest=True)
    await store.close()


async def test_a_writer_killed_in_a_transaction_leaves_nothing_and_holds_nobody_up(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    before = await enqueue(store)
    for _ in range(3):
        with Process("killed", path) as other:
            assert other.ended() == -9
    after = await enqueue(store)
    assert {job.id for job in await store.list(JobFilter(), None)} == {before, after}
    await store.close()
    db = sqlite3.connect(path)
    assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
    db.close()


@pytest.mark.timeout(240)
async def test_processes_that_open_a_new_file_at_once_all_succeed(path: Path) -> None:
    processes = [Process("opens", path) for _ in range(4)]
    for process in processes:
        assert await process.says_soon() == "ready"
    for process in processes:
        process.tell()
    for process in processes:
        assert await process.says_soon() == "done"
        assert process.ended() == 0
        with process:
            pass
    store = SQLiteStore(path)
    await store.open()
    assert len(await store.list(JobFilter(), None)) == 4
    await store.close()


async def test_stores_of_one_process_that_open_new_files_at_once_all_succeed(tmp_path: Path) -> None:
    stores = [SQLiteStore(tmp_path / f"{n % 3}.db") for n in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(enqueue(store) for store in stores))
    for store in stores:
        assert len(await store.list(JobFilter(), None)) == 2
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_forked_child_keeps_no_lock_of_its_parent(tmp_path: Path) -> None:
    with Process("holds_forked", tmp_path / "a.lock") as other, ending(int(await other.says_soon())):
        lock = FileLock(str(tmp_path / "a.lock"))
        assert not lock.try_acquire()
        other.kill()
        # The child, which lives on, may not have let go yet; had it kept the lock, this would not end.
        await asyncio.wait_for(asyncio.to_thread(lock.acquire), 20)
        lock.close()
