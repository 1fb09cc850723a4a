"""Wake-ups: lost and found again, and everything without them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from bide.errors import InvalidOption, StoreUnavailable
from bide.store.base import Hint
from bide.store.postgres import PostgresStore, wake
from bide.store.postgres.clock import DatabaseClock
from bide.store.postgres.driver import connect
from bide.testing.contract.moves import claims, enqueue, register, wanting
from bide.testing.contract.reading import listening
from tests.postgres import Server, execute
from tests.store.postgres.proxy import Proxy
from tests.support import comes, holds


async def test_a_lost_connection_is_armed_again(
    store: PostgresStore, another: PostgresStore, postgres_url: str
) -> None:
    for _ in range(3):
        with listening(store) as ear:
            await execute(
                postgres_url,
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where query like '%pg_notify%' and datname = current_database() and pid <> pg_backend_pid()",
            )
            # What was committed meanwhile nobody told: it says that anything may have changed.
            await ear.hear(Hint.READY)
            await ear.hear(Hint.CANCEL)
        with listening(store) as ear:
            await enqueue(another)
            await ear.hear(Hint.READY)


async def test_where_notifications_do_not_come_it_looks(postgres_url: str, proxy: Proxy) -> None:
    """As behind a pooler, and while the server refuses the connection that listens."""
    async with AsyncExitStack() as stack:
        proxy.refusing = True
        deaf, other = PostgresStore(postgres_url, listen_url=proxy.url), PostgresStore(postgres_url)
        for one in (deaf, other):
            await one.open()
            stack.push_async_callback(one.close)
        with listening(deaf) as ear:
            await enqueue(other)
            await ear.hear(Hint.READY)
            await enqueue(deaf)
        proxy.refusing = False
        with listening(other) as ear:
            await enqueue(deaf)
            await ear.hear(Hint.READY)


class Learning(DatabaseClock):
    """Says when it has learnt how late it is."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def learn(self, asked: int, told: int, heard: int) -> None:
        super().learn(asked, told, heard)
        self.times += 1


async def test_where_the_way_to_listen_leads_nowhere_it_looks_by_the_other(
    postgres_url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall that drops what it does not like: nothing is refused there, and nothing answered."""
    monkeypatch.setattr(wake, "PATIENCE", 0.5)
    proxy.swallowing = True
    clock = Learning()
    async with AsyncExitStack() as stack:
        deaf = PostgresStore(postgres_url, listen_url=proxy.url, clock=clock)
        other = PostgresStore(postgres_url)
        for one in (deaf, other):
            await one.open()
            stack.push_async_callback(one.close)
        await holds(lambda: clock.times >= 3)
        with listening(other) as ear:
            await enqueue(deaf)
            await ear.hear(Hint.READY)
        # And as it should be again, once it leads somewhere.
        proxy.swallowing = False
        proxy.cut_all()
        await holds(lambda: proxy.hands_on)
        await comes(lambda: execute(postgres_url, LISTENING.format(listeners=2)))


LISTENING = """
select 1 where {listeners} = (
    select count(*) from pg_stat_activity
    where datname = current_database() and query like '%pg_notify%' and pid <> pg_backend_pid()
)
"""


async def test_what_was_noted_last_is_told_before_the_end(postgres_url: str, store: PostgresStore) -> None:
    with listening(store) as ear:
        short = PostgresStore(postgres_url)
        await short.open()
        await enqueue(short)
        await short.close()
        await ear.hear(Hint.READY)


async def test_calls_from_another_event_loop_are_answered(store: PostgresStore) -> None:
    """The heartbeat has a loop of its own; so may anybody."""

    def elsewhere() -> str:
        return asyncio.run(enqueue(store))

    job = await asyncio.to_thread(elsewhere)
    assert [row.id for row in await store.get([job], None)] == [job]


async def test_closing_leaves_no_connection(postgres: Server, postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    await store.open()
    await enqueue(store)
    await store.close()
    count = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"

    async def none_left() -> bool:
        return await execute(postgres_url, count) == [(0,)]

    await comes(none_left)


async def test_an_address_to_listen_at_that_cannot_be_read_is_refused_at_once(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = PostgresStore(postgres_url, listen_url="postgresql://app:s3/cret@db/shop")
    with pytest.raises(InvalidOption, match="BIDE_LISTEN_URL") as refused:
        async with asyncio.timeout(30):
            await store.open()
    assert "percent-encoded" in str(refused.value)
    assert "s3" not in str(refused.value)
    assert caplog.text == ""
    with pytest.raises(StoreUnavailable):
        _ = store.database


@pytest.mark.parametrize("closes", [False, True])
async def test_what_has_begun_is_told_to_others(closes: bool, postgres_url: str) -> None:
    """A little later than all else, or when the store closes; not only found by those who look."""
    said: list[str] = []
    ear = await connect(postgres_url)
    try:
        await ear.add_listener("bide", lambda *heard: said.append(heard[3]))
        store = PostgresStore(postgres_url)
        await store.open()
        worker = await register(store)
        await enqueue(store)
        await holds(lambda: any(one.endswith(":r") for one in said))
        said.clear()
        assert await claims(store, worker, wanting())
        if closes:
            await store.close()
        await holds(lambda: any(one.endswith(":c") for one in said))
        await store.close()
    finally:
        await ear.close()
