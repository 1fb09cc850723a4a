"""What the tests of the PostgreSQL store share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bide.store.postgres import PostgresStore
from tests.store.postgres.proxy import Proxy


@pytest.fixture
def way(request: pytest.FixtureRequest) -> str:
    """By which address stores reach the database of the test: its own, unless the test says otherwise."""
    url: str = request.getfixturevalue(getattr(request, "param", "postgres_url"))
    return url


@pytest_asyncio.fixture
async def store(way: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(way)
    await store.open()
    yield store
    await store.close()


@pytest_asyncio.fixture
async def another(way: str) -> AsyncIterator[PostgresStore]:
    another = PostgresStore(way)
    await another.open()
    yield another
    await another.close()


@pytest_asyncio.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(postgres_url) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def remote(proxy: Proxy, postgres_url: str) -> AsyncIterator[PostgresStore]:
    """A store whose connections for work go through the proxy."""
    remote = PostgresStore(proxy.url, listen_url=postgres_url, patience=5.0)
    await remote.open()
    yield remote
    await remote.close()
