"""The SQLite store keeps the contract."""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import pytest_asyncio

from bide.job import JobStatus as S
from bide.store.base import Store
from bide.store.sqlite import SQLiteStore
from bide.testing import ManualClock, contract
from bide.testing.contract import StoreContract
from bide.testing.contract.moves import Connect, register, row, start


class TestSQLite(StoreContract):
    """The whole contract, and what of it no verb can bring about."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "jobs.db"

    @pytest.fixture
    def make_store(self, path: Path, clock: ManualClock) -> Callable[[], Store]:
        # NORMAL: nothing here cuts the power, and waiting for the disk would be most of the time that this takes.
        return lambda: SQLiteStore(path, clock=clock, synchronous="NORMAL")

    @pytest_asyncio.fixture
    async def connect(self, path: Path) -> AsyncIterator[Connect]:
        with ExitStack() as stack:

            async def connect() -> sqlite3.Connection:
                return stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))

            yield connect

    async def test_the_jobs_of_a_worker_without_a_row_are_taken_back(self, store: Store, path: Path) -> None:
        """No verb removes the row of a worker that runs something, so it is removed here by hand."""
        missing, living = await register(store), await register(store)
        lost, kept = await start(store, missing, max_attempts=2), await start(store, living)
        database = sqlite3.connect(path)
        with database:
            database.execute("delete from bide_worker where id = ?", (missing,))
        database.close()
        assert await store.rescue(()) == 1
        assert (await row(store, lost.id)).status is S.PENDING
        assert (await row(store, kept.id)).status is S.RUNNING

    async def test_the_mark_stays_while_nothing_is_committed(self, store: Store, worker: str) -> None:
        """So in SQLite a reader need not look at all."""
        assert store.mark() == store.mark()


def test_every_verb_is_put_to_the_test() -> None:
    suite = "".join(path.read_text(encoding="utf-8") for path in Path(contract.__file__).parent.glob("*.py"))
    verbs = [name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")]
    assert [verb for verb in verbs if f".{verb}(" not in suite] == []
