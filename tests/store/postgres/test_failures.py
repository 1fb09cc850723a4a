"""What the server cannot do, and what is told of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from bide import Bide, JobContext
from bide.clock import SystemClock
from bide.errors import SchemaMismatch, StoreBusy, StoreError, StoreFull, StoreUnavailable
from bide.store.base import Accepted, Retrying
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import connect
from bide.store.postgres.sql import Statement, in_schema
from bide.testing.contract.moves import claims, enqueue, finish, kinds, new_job, register, settle, wanting
from tests.postgres import Server, execute
from tests.support import comes


async def fail(url: str, code: str, times: int) -> None:
    """Let the next inserts of jobs fail with this SQLSTATE, so many times."""
    await execute(url, "create sequence failures")
    await execute(
        url,
        f"""
        create function fail() returns trigger language plpgsql as $$ begin
            if nextval('failures') <= {times} then raise exception 'as the test wants' using errcode = '{code}'; end if;
            return new;
        end $$
        """,
    )
    await execute(url, "create trigger fail before insert on bide.job for each row execute function fail()")


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_what_was_taken_back_because_of_others_is_done_again(
    store: PostgresStore, postgres_url: str, code: str
) -> None:
    await fail(postgres_url, code, 3)
    job = await enqueue(store)
    assert await kinds(store, job) == ["job.enqueued"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("53100", StoreFull),
        ("55P03", StoreBusy),
        ("57014", StoreBusy),
        ("40P01", StoreBusy),
        ("25006", StoreUnavailable),
        ("57P03", StoreUnavailable),
        ("53000", StoreUnavailable),
        ("58030", StoreUnavailable),
    ],
)
async def test_what_cannot_be_done_is_told_with_a_remedy_and_heals(
    store: PostgresStore, postgres_url: str, code: str, error: type[StoreError]
) -> None:
    await fail(postgres_url, code, 1_000)
    job = new_job()
    with pytest.raises(error) as told:
        await store.insert([job])
    assert told.value.retryable
    assert told.value.hint or "may be repeated" in str(told.value)
    await execute(postgres_url, "drop trigger fail on bide.job")
    (answer,) = await store.insert([job])
    assert isinstance(answer, Accepted), "nothing was written before"


@pytest.mark.parametrize(("code", "remedy"), [("53200", "max_locks_per_transaction"), ("42501", "Grant")])
async def test_the_remedy_is_that_of_the_error(store: PostgresStore, postgres_url: str, code: str, remedy: str) -> None:
    await fail(postgres_url, code, 1_000)
    with pytest.raises(StoreUnavailable) as told:
        await store.insert([new_job()])
    assert remedy in (told.value.hint or "")


async def test_a_server_without_a_connection_left_names_what_to_change(postgres: Server, postgres_url: str) -> None:
    role = f"narrow_{os.urandom(4).hex()}"
    await execute(postgres_url, f"create role {role} login connection limit 0")
    with pytest.raises(StoreUnavailable) as told:
        await PostgresStore(postgres_url.replace("postgres:@", f"{role}@")).open()
    assert "max_connections" in (told.value.hint or "")
    await execute(postgres_url, f"drop role {role}")


async def test_one_job_that_the_database_refuses_fails_no_other(postgres_url: str) -> None:
    """By a rule of its owner's, say: all that many callers hand in at once goes in one statement."""
    await execute(
        postgres_url,
        """
        create function choose() returns trigger language plpgsql as $$ begin
            if new.owner = 'nobody' then raise exception 'not for nobody' using errcode = '23514'; end if;
            return new;
        end $$
        """,
    )
    await execute(
        postgres_url, "create trigger choose before insert on bide.job for each row execute function choose()"
    )
    bide: Bide[None] = Bide(postgres_url)

    @bide.job
    async def noop(ctx: JobContext) -> None: ...

    async with bide:
        owners = ["nobody" if n == 30 else "ann" for n in range(100)]
        calls = [noop.options(owner=owner).enqueue() for owner in owners]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [n for n, answer in enumerate(answers) if isinstance(answer, Exception)] == [30]
        assert "not for nobody" in str(answers[30])
        assert len(await bide.list(owner="ann", limit=200)) == 99


async def test_tables_that_are_gone_are_told_with_the_remedy(store: PostgresStore, postgres_url: str) -> None:
    await execute(postgres_url, "drop schema bide cascade")
    with pytest.raises(SchemaMismatch) as gone:
        await store.get([], None)
    assert "bide migrate up" in (gone.value.hint or "")


async def test_a_key_that_another_transaction_holds_is_not_waited_for_long(
    store: PostgresStore, postgres_url: str
) -> None:
    """As that of a caller who enqueues within a long transaction of its own."""
    db = await connect(postgres_url)
    await db.execute("begin")
    await db.execute(
        "insert into bide.job (id, type, type_version, queue, priority, urgency, rank, status, ready, max_attempts,"
        " seq, input, input_size, created_at, digest, idempotency_key)"
        " values ('x', 't', 1, 'q', 0, 0, 0, 'pending', true, 1, 1, '{}', 2, 0, 'd', 'k')"
    )
    with pytest.raises(StoreBusy):
        await store.insert([new_job(idempotency_key="k", digest="d")])
    await db.execute("rollback")
    await db.close()
    assert isinstance((await store.insert([new_job(idempotency_key="k", digest="d")]))[0], Accepted)


async def test_when_every_connection_is_in_use_it_is_told(postgres_url: str) -> None:
    store = PostgresStore(postgres_url, pool=1, patience=0.2)
    await store.open()
    job = await enqueue(store)
    db = await connect(postgres_url)
    await db.execute(f"begin; select from bide.job where id = '{job}' for update")
    waiting = asyncio.create_task(store.cancel(job, None, None, None))
    await asyncio.sleep(0)
    with pytest.raises(StoreBusy, match=r"all in use.* BIDE_POOL_SIZE"):
        await store.get([job], None)
    # No larger pool helps where there are so many for the purpose.
    intake = store.database.intake
    async with intake.take(), intake.take():
        with pytest.raises(StoreBusy, match="all in use") as busy:
            await enqueue(store)
    assert "BIDE_POOL_SIZE" not in str(busy.value)
    assert "Commit sooner" in str(busy.value)
    await db.close()
    assert (await waiting).status == "cancelled"
    # Neither a drain nor a heartbeat needs the pool.
    assert (await store.beat(await register(store))).alive
    await store.close()


async def test_a_call_after_the_end_is_told_the_remedy(postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    await store.open()
    database = store.database
    await store.close()
    with pytest.raises(StoreUnavailable, match=r"is closed\. Call it while the app is open"):
        await database.read(asks_nothing)


async def asks_nothing(_: object) -> None:
    """A verb of no statement."""


async def test_the_time_is_that_of_the_database(store: PostgresStore, postgres_url: str) -> None:
    ((told,),) = await execute(postgres_url, "select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
    assert abs(store.now() - told) < 1_000_000
    assert abs(store.now() - SystemClock().now()) < 1_000_000


async def test_nothing_of_a_session_is_left_behind(postgres_url: str) -> None:
    """So a pooler may hand a connection to another after each transaction, and none needs what another prepared."""
    store = PostgresStore(postgres_url, cached_statements=0, pool=1)
    await store.open()
    await finish(store, await register(store))
    await store.cancel(await enqueue(store), None, None, None)
    left = Statement(
        "select (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'),"
        " (select count(*) from pg_prepared_statements where name <> ''),"
        " (select count(*) from pg_settings where source = 'session' and setting <> reset_val)"
    )
    for connections in (store.database.pool, store.database.writes):
        async with connections.take() as db:
            assert [tuple(row) for row in await db.fetch(left.text)] == [(0, 0, 0)]
    await store.close()


def test_without_the_driver_the_remedy_is_named() -> None:
    code = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "import asyncio, bide\n"
        "app = bide.Bide('postgresql://h/d')\n"
        "async def main():\n"
        "    async with app: pass\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "bide[postgres]" in ended.stderr
    assert "InvalidOption" in ended.stderr


def test_sqlite_loads_no_driver() -> None:
    code = "import sys, bide; bide.Bide('sqlite:///jobs.db'); assert 'asyncpg' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_what_a_database_is_set_to_does_not_make_a_reader_miss_anything(postgres_url: str, level: str) -> None:
    """A position and the events below it are looked at one after the other, however strictly others want to read."""
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    await execute(postgres_url, f"alter database {name} set default_transaction_isolation = '{level}'")
    store = PostgresStore(postgres_url)
    await store.open()
    job = await enqueue(store)
    since = (await store.changes(-1)).mark
    writer = await connect(postgres_url)
    # Between its gate and its number: who reads now waits for it.
    await writer.execute("begin isolation level read committed")
    await writer.execute(in_schema("select pg_advisory_xact_lock_shared(hashtext('bide.event'), 0)", "bide"))
    looking = asyncio.create_task(store.changes(since))
    waits = "select 1 from pg_stat_activity where query like '%changes_v1%' and wait_event = 'PgSleep'"

    async def waiting() -> bool:
        return bool(await execute(postgres_url, waits))

    await comes(waiting)
    await writer.execute(
        "insert into bide.event (job, seq, at, kind, attempt, lease)"
        f" values ('{job}', 2, 0, 'log', 0, 0); update bide.job set seq = 2 where id = '{job}'; commit"
    )
    await writer.close()
    seen = await looking
    if seen.mark > since:
        assert set(seen.jobs or ()) == {job}
    assert set((await store.changes(since)).jobs or ()) == {job}
    await store.close()


async def test_what_ran_before_is_claimed_while_every_connection_is_in_use(postgres_url: str) -> None:
    store = PostgresStore(postgres_url, pool=1, patience=0.2)
    await store.open()
    worker = await register(store)
    await enqueue(store, max_attempts=2)
    (run,) = await claims(store, worker, wanting())
    await settle(store, worker, run, Retrying('{"type":"E","message":"no"}', 0))
    async with store.database.pool.take():
        (again,) = await claims(store, worker, wanting())
    assert (again.id, again.recall is not None) == (run.id, True)
    await store.close()
