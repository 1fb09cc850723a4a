"""The WAL is moved back by one process at a time, and stays small."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bide.store.sqlite import SQLiteStore, checkpoint
from bide.testing.contract.moves import enqueue, enqueue_all, new_job
from tests.store.process import Process


class Count:
    """Counts the checkpoints of a store."""

    def __init__(self) -> None:
        self.checkpoints = 0

    def connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        count = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                count.checkpoints += sql.startswith("pragma wal_checkpoint")
                return super().execute(sql, parameters)

        return sqlite3.connect(*args, factory=Connection, **options)


async def fill(store: SQLiteStore, megabytes: int) -> None:
    for _ in range(megabytes * 4):
        await enqueue_all(store, *(new_job(input='"' + "x" * 900 + '"') for _ in range(150)))


async def test_the_wal_stays_small_while_much_is_written(path: Path) -> None:
    count = Count()
    store = SQLiteStore(path, connect=count.connect, synchronous="NORMAL")
    await store.open()
    await fill(store, 30)
    assert count.checkpoints
    assert Path(f"{path}-wal").stat().st_size < checkpoint.LARGE / 2
    assert path.stat().st_size > 10_000_000
    await store.close()


async def test_only_one_checkpoints_and_another_takes_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "ELECTION", 0.0)
    count = Count()
    with Process("leads", path) as leader:
        assert await leader.says_soon() == "ready"
        store = SQLiteStore(path, connect=count.connect, synchronous="NORMAL")
        await store.open()
        await fill(store, 20)
        led = count.checkpoints
        leader.kill()
    await fill(store, 6)
    assert led == 0 < count.checkpoints
    await store.close()


async def test_a_wal_that_grew_large_is_cut_down(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FRAMES", 100_000_000)
    store = SQLiteStore(path, synchronous="NORMAL")
    await store.open()
    await fill(store, 6)
    wal = Path(f"{path}-wal")
    assert wal.stat().st_size > 5_000_000
    monkeypatch.setattr(checkpoint, "FRAMES", 1_000)
    monkeypatch.setattr(checkpoint, "LARGE", 5_000_000)
    while wal.stat().st_size > 1_000_000:
        await enqueue(store)
    await store.close()


@pytest.mark.parametrize(
    ("version", "warned"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_who_executes_jobs_is_warned_of_engines_that_may_corrupt(
    version: tuple[int, int, int], warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    monkeypatch.setattr(sqlite3, "sqlite_version", ".".join(map(str, version)))
    checkpoint.warn_of_old_engine.cache_clear()
    try:
        checkpoint.warn_of_old_engine()
        checkpoint.warn_of_old_engine()
    finally:
        checkpoint.warn_of_old_engine.cache_clear()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == warned
    assert all(f"SQLite {sqlite3.sqlite_version} may corrupt" in one and "3.51.3 or newer" in one for one in told)
