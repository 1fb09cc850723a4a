"""The PostgreSQL store keeps the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from bide.job import JobStatus as S
from bide.store.base import Store
from bide.store.postgres import PostgresStore, driver
from bide.store.postgres.driver import Connection
from bide.testing import ManualClock
from bide.testing.contract import StoreContract
from bide.testing.contract.moves import Connect, register, row, start
from tests.postgres import execute


class TestPostgres(StoreContract):
    """The whole contract, and what of it no verb can bring about."""

    @pytest.fixture
    def make_store(self, postgres_url: str, clock: ManualClock) -> Callable[[], Store]:
        return lambda: PostgresStore(postgres_url, clock=clock)

    @pytest_asyncio.fixture
    async def connect(self, postgres_url: str) -> AsyncIterator[Connect]:
        async with AsyncExitStack() as stack:

            async def connect() -> Connection:
                db = await driver.connect(postgres_url)
                stack.push_async_callback(db.close)
                return db

            yield connect

    @pytest.fixture(autouse=True)
    def every_type_is_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """To be told what a type is takes each new connection longer than connecting."""

        async def ask(*_: object) -> None:
            raise AssertionError("the driver asks the server for a type")

        monkeypatch.setattr(driver.asyncpg.Connection, "_introspect_types", ask)

    async def test_the_jobs_of_a_worker_without_a_row_are_taken_back(self, store: Store, postgres_url: str) -> None:
        """No verb removes the row of a worker that runs something, so it is removed here by hand."""
        missing, living = await register(store), await register(store)
        lost, kept = await start(store, missing, max_attempts=2), await start(store, living)
        await execute(postgres_url, f"delete from bide.worker where id = '{missing}'")
        assert await store.rescue(()) == 1
        assert (await row(store, lost.id)).status is S.PENDING
        assert (await row(store, kept.id)).status is S.RUNNING
