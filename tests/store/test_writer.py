"""The writing thread: who shares a transaction, who is refused, and what an uncertain COMMIT comes to."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from bide.errors import NotFound, StoreBusy, StoreFull, StoreUnavailable
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import Accepted, Completed, Fact, JobFilter, Prunable, Released, Settled, Suspended
from bide.store.sqlite import SQLiteStore
from bide.store.sqlite.filelock import FileLock, lock_path
from bide.store.sqlite.sql import statement
from bide.testing import assert_sound
from bide.testing.contract.moves import (
    claim,
    claims,
    enqueue,
    everything,
    finish,
    kinds,
    new_id,
    new_job,
    question,
    record,
    register,
    row,
    settle,
    start,
    step,
    wait_for_answer,
    wanting,
)
from tests.store.process import Process


class Between(Protocol):
    """Stands in for a statement of a connection; `execute` does what it says."""

    def __call__(self, db: sqlite3.Connection, sql: str, execute: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor: ...


class Wire:
    """What a store says to SQLite, and the place to put something between the two, on writing connections."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.between: Between | None = None
        self.connections: list[sqlite3.Connection] = []

    def connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        wire = self

        class Connection(sqlite3.Connection):
            reads = False

            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                wire.said.append(sql)
                self.reads = self.reads or sql == "pragma query_only = on"
                if wire.between is None or self.reads:
                    return super().execute(sql, parameters)
                return wire.between(self, sql, lambda: super(Connection, self).execute(sql, parameters))

        db = sqlite3.connect(*args, factory=Connection, **options)
        self.connections.append(db)
        return db

    def fail(self, at: str, *, times: int = 1) -> None:
        """Let the next statements `at` fail with an I/O error, instead of being executed."""
        self._fail(at, times, lambda _db, _execute: None)

    def lose_reply(self, *, happened: bool, times: int = 1) -> None:
        """Let the next COMMIT happen, or be rolled back; either way it fails, and the transaction is over."""

        def commit(db: sqlite3.Connection, execute: Callable[[], sqlite3.Cursor]) -> None:
            if happened:
                execute()
            else:
                db.rollback()

        self._fail("commit", times, commit)

    def _fail(
        self, at: str, times: int, act: Callable[[sqlite3.Connection, Callable[[], sqlite3.Cursor]], object]
    ) -> None:
        def between(db: sqlite3.Connection, sql: str, execute: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
            nonlocal times
            if sql != at or times == 0:
                return execute()
            times -= 1
            act(db, execute)
            error = sqlite3.OperationalError("planted")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error

        self.between = between


@pytest.fixture
def wire() -> Wire:
    return Wire()


@asynccontextmanager
async def opened(path: Path, wire: Wire, busy_timeout: float = 10.0) -> AsyncGenerator[SQLiteStore]:
    store = SQLiteStore(path, connect=wire.connect, busy_timeout=busy_timeout)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def held(path: Path) -> AsyncGenerator[None]:
    """The writers' lock is somebody else's meanwhile."""
    lock = FileLock(lock_path(str(path)))
    await asyncio.to_thread(lock.acquire)
    try:
        yield
    finally:
        lock.release()
        lock.close()


async def begun(*calls: asyncio.Task[Any]) -> None:
    """Wait until these have handed in their verbs."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(call.done() for call in calls)


# ── Sharing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_verbs_that_wait_share_one_transaction(path: Path, wire: Wire) -> None:
    async with opened(path, wire) as store:
        wire.said.clear()
        async with held(path):
            calls = [asyncio.create_task(enqueue(store)) for _ in range(21)]
            await begun(*calls)
        await asyncio.gather(*calls)
        # The first of them may have been on its way alone.
        assert wire.said.count("commit") <= 2
        assert len(await store.list(JobFilter(), None)) == 21


async def test_one_bad_verb_does_not_fail_its_group(path: Path, wire: Wire) -> None:
    async with opened(path, wire) as store:
        job = await enqueue(store)
        async with held(path):
            good = [asyncio.create_task(enqueue(store)) for _ in range(3)]
            bad = [asyncio.create_task(store.cancel(new_id(), None, None, None)) for _ in range(3)]
            cancel = asyncio.create_task(store.cancel(job, None, None, None))
            await begun(*good, *bad, cancel)
        assert len(await asyncio.gather(*good)) == 3
        assert (await cancel).status is S.CANCELLED
        for result in await asyncio.gather(*bad, return_exceptions=True):
            assert isinstance(result, NotFound)
        await assert_sound(store)


async def test_a_verb_that_fails_halfway_leaves_nothing_in_its_group(path: Path, wire: Wire) -> None:
    """It has written the row of the job when its event cannot be written."""
    enqueued, left = statement("enqueued"), 1

    def between(db: sqlite3.Connection, sql: str, execute: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        nonlocal left
        if sql == enqueued and left:
            left -= 1
            raise sqlite3.IntegrityError("planted")
        return execute()

    async with opened(path, wire) as store:
        async with held(path):
            calls = [asyncio.create_task(enqueue(store)) for _ in range(5)]
            await begun(*calls)
            wire.between = between
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results].count(sqlite3.IntegrityError) == 1
        assert len(await store.list(JobFilter(), None)) == 4
        await assert_sound(store)


async def test_several_event_loops_use_one_store(path: Path, store: SQLiteStore) -> None:
    ids: list[str] = []

    async def many() -> None:
        ids.extend(await asyncio.gather(*(enqueue(store) for _ in range(50))))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    await many()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert {job.id for job in await store.list(JobFilter(limit=999), None)} == set(ids)
    assert len(ids) == 250


# ── Being refused, or letting go ─────────────────────────────────────────────────────────────────────────────────────


async def test_past_the_bound_a_stopped_process_makes_the_store_busy(path: Path, wire: Wire) -> None:
    async with opened(path, wire, busy_timeout=0.3) as store:
        with Process("stops", path) as other:
            other.stopped()  # in the middle of its transaction
            for _ in range(2):
                with pytest.raises(StoreBusy) as busy:
                    await enqueue(store)
                assert busy.value.hint
                assert busy.value.retryable
            assert list(await store.list(JobFilter(), None)) == []  # readers are not held up
            other.go_on()
            theirs = await other.says_soon()
            mine = await enqueue(store)
            assert other.ended() == 0
        assert {job.id for job in await store.list(JobFilter(), None)} == {theirs, mine}


async def test_a_foreign_transaction_that_stays_open_is_told_with_the_remedy(path: Path, wire: Wire) -> None:
    async with opened(path, wire, busy_timeout=0.2) as store:
        foreign = sqlite3.connect(path, isolation_level=None)
        foreign.execute("begin immediate")
        with pytest.raises(StoreBusy):
            await enqueue(store)
        foreign.execute("commit")
        foreign.close()
        assert await enqueue(store)


async def test_a_verb_nobody_waits_for_any_more_is_dropped_unless_it_has_begun(path: Path, wire: Wire) -> None:
    async with opened(path, wire) as store:
        async with held(path):
            dropped, kept = asyncio.create_task(enqueue(store)), asyncio.create_task(enqueue(store))
            await begun(dropped, kept)
            dropped.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dropped
        job = await kept
        assert [one.id for one in await store.list(JobFilter(), None)] == [job]

        at_commit, go_on = threading.Event(), threading.Event()

        def between(db: sqlite3.Connection, sql: str, execute: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
            if sql == "commit":
                at_commit.set()
                go_on.wait()
            return execute()

        wire.between = between
        late = asyncio.create_task(enqueue(store))
        await asyncio.to_thread(at_commit.wait)
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        wire.between = None
        go_on.set()
        await enqueue(store)
        assert len(await store.list(JobFilter(), None)) == 3


async def test_a_full_disk_refuses_and_heals(path: Path, wire: Wire) -> None:
    large = new_job(input='"' + "x" * 3_000_000 + '"')
    async with opened(path, wire) as store:
        job = await enqueue(store)
        writing = wire.connections[0]
        (pages,) = writing.execute("pragma page_count").fetchone()
        writing.execute(f"pragma max_page_count = {pages + 60}")
        with pytest.raises(StoreFull) as full:
            await store.insert([large])
        assert full.value.retryable
        assert [one.id for one in await store.list(JobFilter(), None)] == [job]
        async with held(path):  # in one group with others it fails alone
            alone = asyncio.create_task(store.insert([large]))
            others = [asyncio.create_task(enqueue(store)) for _ in range(3)]
            await begun(alone, *others)
        with pytest.raises(StoreFull):
            await alone
        await asyncio.gather(*others)
        writing.execute("pragma max_page_count = 100000000")
        (inserted,) = await store.insert([large])
        assert isinstance(inserted, Accepted)
        assert (await row(store, large.id)).input == large.input
        await assert_sound(store)


async def test_after_an_io_error_the_store_works_on(path: Path, wire: Wire) -> None:
    async with opened(path, wire) as store:
        before = len(wire.connections)
        wire.fail("begin immediate")
        with pytest.raises(StoreUnavailable):
            await enqueue(store)
        job = await enqueue(store)
        assert len(wire.connections) == before + 1
        assert [one.id for one in await store.list(JobFilter(), None)] == [job]


async def test_a_closed_store_says_so(path: Path) -> None:
    store = SQLiteStore(path)
    with pytest.raises(StoreUnavailable):
        await enqueue(store)
    await store.open()
    await store.close()
    await store.close()
    for call in (enqueue(store), store.get([], None)):
        with pytest.raises(StoreUnavailable):
            await call
    with pytest.raises(StoreUnavailable):
        store.mark()
    await store.open()
    assert await enqueue(store)
    await store.close()


@pytest.mark.parametrize("what", ["no folder", "a folder", "a text"])
async def test_what_cannot_be_opened_is_told(tmp_path: Path, what: str) -> None:
    path = tmp_path / "jobs.db"
    if what == "no folder":
        path = tmp_path / "nowhere" / "jobs.db"
    elif what == "a folder":
        path.mkdir()
    else:
        path.write_text("This is not a database. " * 200)
    store = SQLiteStore(path)
    with pytest.raises(StoreUnavailable) as unavailable:
        await store.open()
    assert unavailable.value.hint
    await store.close()


async def test_closing_finishes_what_was_handed_in(path: Path, wire: Wire) -> None:
    store = SQLiteStore(path, connect=wire.connect)
    await store.open()
    async with held(path):
        calls = [asyncio.create_task(enqueue(store)) for _ in range(100)]
        await begun(*calls)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
    await closing
    ids = await asyncio.gather(*calls)
    await store.open()
    assert {job.id for job in await store.list(JobFilter(limit=999), None)} == set(ids)
    await store.close()
    assert sorted(entry.name for entry in path.parent.iterdir() if entry.suffix in {".db-wal", ".db-shm"}) == []


# ── A COMMIT that happened, and was told as an error ─────────────────────────────────────────────────────────────────


@pytest.fixture(params=["it happened", "it did not"])
def happened(request: pytest.FixtureRequest) -> bool:
    return str(request.param) == "it happened"


async def test_an_insert_of_unknown_outcome_is_one_new_job(path: Path, wire: Wire, happened: bool) -> None:
    async with opened(path, wire) as store:
        wire.lose_reply(happened=happened)
        job = new_job(idempotency_key="k", digest="d")
        (inserted,) = await store.insert([job])
        assert inserted == Accepted((await row(store, job.id)).created_at)
        assert await kinds(store, job.id) == [E.ENQUEUED]


async def test_an_end_of_unknown_outcome_is_written_once(path: Path, wire: Wire, happened: bool) -> None:
    async with opened(path, wire) as store:
        worker = await register(store)
        for outcome in (Released(), Suspended((), 2**52), Completed("1")):
            run = await start(store, worker)
            wire.lose_reply(happened=happened)
            assert await settle(store, worker, run, outcome) is Settled.APPLIED
            assert len(await kinds(store, run.id)) == 3
            if outcome == Released():
                await store.cancel(run.id, None, None, None)
        await assert_sound(store)


async def test_claims_of_unknown_outcome_are_found_by_the_heartbeat(path: Path, wire: Wire) -> None:
    async with opened(path, wire) as store:
        worker = await register(store)
        first, second = await enqueue(store), await enqueue(store)
        wire.lose_reply(happened=True)
        (claimed,) = await claims(store, worker, wanting())
        assert claimed.id == second  # the reply with the first was lost
        beat = await store.beat(worker)
        assert set(beat.running) == {first, second}
        await store.release({first: beat.running[first]})
        assert (await claim(store, worker)).id == first


async def test_facts_of_unknown_outcome_are_written_once(path: Path, wire: Wire, happened: bool) -> None:
    async with opened(path, wire) as store:
        run = await start(store, await register(store))
        same = Fact(run.id, run.lease, E.OUTPUT, '{"text":"a"}')
        await store.note([same])
        wire.lose_reply(happened=happened)
        assert list(await store.note([same, same])) == [True, True]
        assert (await kinds(store, run.id)).count(E.OUTPUT) == 3
        await assert_sound(store)


async def test_what_a_run_writes_of_unknown_outcome_is_written_once(path: Path, wire: Wire, happened: bool) -> None:
    async with opened(path, wire) as store:
        run = await start(store, await register(store))
        wire.lose_reply(happened=happened)
        await record(store, run, step())
        wire.lose_reply(happened=happened)
        asked = question()
        prompt = await store.ask(run.id, run.lease, asked)
        assert prompt.id == asked.id
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.STEP_COMPLETED, E.PROMPT_OPENED]
        await assert_sound(store)


async def test_what_people_do_of_unknown_outcome_is_done_once(path: Path, wire: Wire, happened: bool) -> None:
    async with opened(path, wire) as store:
        worker = await register(store)
        run, (prompt,) = await wait_for_answer(store, worker)
        wire.lose_reply(happened=happened)
        assert len(await store.serve(run.id, None)) == 1
        wire.lose_reply(happened=happened)
        response = await store.respond(new_id(), prompt.id, None, "answer", '"yes"', "ann")
        assert response.by == "ann"
        wire.lose_reply(happened=happened)
        assert (await store.cancel(run.id, None, None, None)).status is S.CANCELLED
        told = [E.PROMPT_SERVED, E.PROMPT_ANSWERED, E.RESUMED, E.CANCELLED]
        assert (await kinds(store, run.id))[-4:] == told
        done = await finish(store, worker)
        wire.lose_reply(happened=happened)
        await store.delete(done, None)
        assert list(await store.get([done], None)) == []
        await assert_sound(store)


async def test_what_was_done_with_an_unknown_outcome_is_counted(path: Path, wire: Wire, happened: bool) -> None:
    async with opened(path, wire) as store:
        for _ in range(3):
            await finish(store, await register(store))
        wire.lose_reply(happened=happened)
        assert await store.prune(Prunable(before=store.now() + 1), None, 2) == 2
        assert await store.prune(Prunable(before=store.now() + 1), None, 2) == 1
        worker = await register(store)
        runs = [await start(store, worker, max_attempts=9) for _ in range(3)]
        wire.lose_reply(happened=happened)
        assert await store.overdue({run.id: run.lease for run in runs[:2]}) == 2
        await claims(store, worker, wanting(3))
        wire.lose_reply(happened=happened)
        assert await store.rescue([worker]) == 3
        assert await store.rescue(()) == 0


async def test_where_the_outcome_stays_unknown_it_is_not_called_done(path: Path, wire: Wire) -> None:
    async with opened(path, wire) as store:
        job = await enqueue(store)
        before = await everything(store, job)
        wire.lose_reply(happened=False, times=1_000)
        with pytest.raises(StoreUnavailable):
            await store.cancel(job, None, None, None)
        wire.between = None
        assert await everything(store, job) == before
        assert (await store.cancel(job, None, None, None)).status is S.CANCELLED


@pytest.mark.parametrize(("given", "set_to"), [({}, 2), ({"synchronous": "NORMAL"}, 1)], ids=["by default", "NORMAL"])
async def test_every_commit_is_on_the_disk_unless_it_is_asked_for_less(
    given: dict[str, Any], set_to: int, path: Path
) -> None:
    """SQLite's FULL is 2, its NORMAL 1: https://www.sqlite.org/pragma.html#pragma_synchronous"""
    writing: set[int] = set()

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql.startswith("begin"):
                writing.add(super().execute("pragma synchronous").fetchone()[0])
            return super().execute(sql, parameters)

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        return sqlite3.connect(*args, factory=Connection, **options)

    store = SQLiteStore(path, connect=connect, **given)
    await store.open()
    await enqueue(store)
    await store.close()
    assert writing == {set_to}
