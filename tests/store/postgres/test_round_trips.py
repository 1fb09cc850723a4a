"""How often a store asks the server, and how often it tells others: once for what belongs together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from bide.store.base import Completed, Settle
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import Connection, asyncpg, connect
from bide.store.postgres.migrations import SCHEMA
from bide.testing.contract.moves import claims, enqueue_all, new_job, percent, register, wanting
from tests.support import comes


class Counted(asyncpg.Connection):  # type: ignore[misc] # it has no types
    """Keeps what is sent to the server, whoever sends it."""

    sent: list[str] = []  # noqa: RUF012 # of all of them, on purpose
    telling = asyncio.Event()
    """Clear it to keep notifications from being sent: they take as long as it is."""

    async def fetch(self, query: str, *args: Any, **options: Any) -> Sequence[Any]:
        if "pg_notify" not in query:  # the look that is taken now and then, whatever else happens
            self.sent.append(query)
        above: Any = super()
        rows: Sequence[Any] = await above.fetch(query, *args, **options)
        return rows

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        if query.startswith("notify"):  # that has a connection of its own, and nobody waits for it
            await self.telling.wait()
        else:
            self.sent.append(query)
        above: Any = super()
        done: str = await above.execute(query, *args, **options)
        return done


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been sent on the connections that the test made since, so far."""
    plain = asyncpg.connect

    async def counted(url: str, **options: Any) -> Any:
        return await plain(url, connection_class=Counted, **options)

    monkeypatch.setattr(asyncpg, "connect", counted)
    Counted.sent.clear()
    Counted.telling = asyncio.Event()
    Counted.telling.set()
    return Counted.sent


@pytest_asyncio.fixture
async def quiet(sent: list[str], postgres_url: str) -> AsyncIterator[PostgresStore]:
    """A store that does nothing unless it is asked to."""
    store = PostgresStore(postgres_url)
    await store.open()
    yield store
    await store.close()


async def test_a_hundred_jobs_are_accepted_in_one_statement(quiet: PostgresStore, sent: list[str]) -> None:
    await enqueue_all(quiet, new_job())  # now there is a connection
    sent.clear()
    await enqueue_all(quiet, *(new_job(lane=f"lane {n}") for n in range(100)))
    assert len(sent) == 1


async def test_a_turn_settles_and_claims_in_one_statement(quiet: PostgresStore, sent: list[str]) -> None:
    worker = await register(quiet)
    await enqueue_all(quiet, *(new_job() for _ in range(200)))
    runs = await claims(quiet, worker, wanting(100))
    sent.clear()
    ends = [Settle(run.id, run.lease, 1, Completed("1")) for run in runs]
    verdicts, claimed = await quiet.settle_and_claim(worker, ends, [wanting(100)])
    assert (len(verdicts), len(claimed), len(sent)) == (100, 100, 1)


async def test_facts_of_many_runs_are_one_statement(quiet: PostgresStore, sent: list[str]) -> None:
    worker = await register(quiet)
    await enqueue_all(quiet, *(new_job() for _ in range(100)))
    runs = await claims(quiet, worker, wanting(100))
    sent.clear()
    assert all(await quiet.note([percent(run, 50) for run in runs]))
    assert len(sent) == 1


@pytest_asyncio.fixture
async def heard(quiet: PostgresStore) -> AsyncIterator[list[str]]:
    """The notifications that the server has passed on."""
    heard: list[str] = []

    def hear(*told: str) -> None:
        if ":" in told[3]:  # else a store calls to find out whether it hears itself
            heard.append(told[3])

    db: Connection = await connect(quiet.url)
    await db.add_listener(SCHEMA, hear)
    yield heard
    await db.close()


async def test_many_jobs_are_told_of_once(quiet: PostgresStore, heard: list[str]) -> None:
    await enqueue_all(quiet, *(new_job() for _ in range(1_000)))
    await quiet.close()  # what was to be told has been
    await comes(lambda: _heard(heard, 1))
    assert len(heard) == 1


async def test_what_comes_while_others_are_told_is_told_together(quiet: PostgresStore, heard: list[str]) -> None:
    """Notifications queue for one lock of the whole server: so of a process one is under way at most."""
    Counted.telling.clear()
    for _ in range(20):
        await enqueue_all(quiet, new_job())
    Counted.telling.set()
    await quiet.close()  # what was to be told has been
    await comes(lambda: _heard(heard, 2))
    assert len(heard) == 2


async def _heard(heard: Sequence[str], count: int) -> bool:
    return len(heard) >= count
