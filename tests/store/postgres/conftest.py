"""What the tests of the PostgreSQL store share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from bide.store.postgres import PostgresStore
from tests.store.postgres.proxy import Proxy


@pytest_asyncio.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_url)
    await store.open()
    yield store
    await store.close()


@pytest_asyncio.fixture
async def another(postgres_url: str) -> AsyncIterator[PostgresStore]:
    another = PostgresStore(postgres_url)
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
