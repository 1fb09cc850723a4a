"""A job that waits for a person holds no worker: it is some rows on disk, and nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bide import Bide
from bide.job import JobStatus
from bide.store.base import Demand, Store, WorkerRow
from bide.testing import check
from tests.capacity.many import FIRST, multiply
from tests.capacity.measure import measure, time_a_start
from tests.capacity.postgres import delayed, finished, waiting
from tests.capacity.process import connections_to, make, worker_process
from tests.postgres import Server, execute

WAITING = 1_000

ROUNDS = 20

MANY = 20_000
"""In every run, for its time; `python -m tests.capacity` takes 100,000."""


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_a_thousand_waiting_jobs_hold_nothing_of_a_worker_with_one_slot(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    app = make(url)
    asking, plain = app.asking, app.plain
    async with app.bide as bide:
        with worker_process(url) as worker:
            for job in [await asking.enqueue("at first") for _ in range(20)]:
                await _until_waiting(bide, 1)
                await bide.cancel(job)
                await bide.result(await plain.enqueue(), timeout="60s")
            before = worker.held()
            jobs = await bide.enqueue_many([asking.call(f"subject {n}") for n in range(WAITING)])
            await _until_waiting(bide, WAITING)
            assert await bide.result(await plain.enqueue(), timeout="60s") == "done"
            waiting = worker.held()
            assert list(await bide.list(statuses=[JobStatus.RUNNING])) == []
            for job in jobs:
                await bide.cancel(job)
            assert await bide.result(await plain.enqueue(), timeout="60s") == "done"
            after = worker.held()
    print(f"threads, descriptors, connections: {before} before, {waiting} with {WAITING} waiting, {after} after")
    assert before.connections > 0
    # When two readers meet, a worker opens one more connection to SQLite to read by (of three at most), once and for
    # all: a thread, and the descriptors of the database and its log. To PostgreSQL it has one for each purpose.
    for then, now in ((before, waiting), (waiting, after)):
        more = now.connections - then.connections
        assert 0 <= more <= (2 if database == "sqlite" else 0)
        assert now.descriptors == then.descriptors + 2 * more
        # A thread comes with its first query or, where another forestalled it, before.
        assert now.threads - then.threads in range(3)


async def test_what_waiting_jobs_take_on_disk_and_of_a_workers_start(tmp_path: Path) -> None:
    figures = await measure(tmp_path / "jobs.db", MANY)
    print(figures.table())
    assert figures.bytes_per_job <= 3_000
    # How fast a start is depends on the machine, and on what else it does: so each is compared with one beside it, on
    # an empty database. One pair in which it costs no more is enough; what the waiting jobs cost, they cost in each.
    for n in range(5):
        empty = await time_a_start(f"sqlite:///{tmp_path}/empty-{n}.db")
        full = await time_a_start(f"sqlite:///{tmp_path}/jobs.db")
        print(f"a worker starts in {empty:.2f} s on an empty database, and in {full:.2f} s on this one")
        if full < 1.5 * empty:
            return
    pytest.fail("a worker starts more slowly where jobs wait")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def many(postgres: Server) -> AsyncIterator[str]:
    """Many that wait, many that have finished, and many that are delayed."""
    url = postgres.create()
    for template in (waiting, finished, delayed):
        await multiply(url, str((await template(url, FIRST)).id), WAITING)
    await execute(url, "vacuum analyze")
    yield url
    postgres.drop(url)


@pytest.mark.parametrize("template", [waiting, finished, delayed])
async def test_a_copy_is_what_the_api_makes(template: Any, postgres_url: str) -> None:
    job = await template(postgres_url, FIRST)
    await multiply(postgres_url, str(job.id), 1)
    made = await template(postgres_url, "subject 1")
    async with make(postgres_url).bide as bide:
        ids = [str(one.id) for one in await bide.list() if one.id != job.id]
        (copied,) = [one for one in ids if one != str(made.id)]
        assert await _likeness(bide.store, copied) == await _likeness(bide.store, str(made.id))
        assert await check(bide.store, expected=[*ids, str(job.id)]) == []


async def test_many_jobs_are_sound(many: str) -> None:
    async with make(many).bide as bide:
        assert await check(bide.store, at_rest=True) == []
        by_status = (await bide.stats()).by_status
    assert {by_status[status] for status in (JobStatus.PENDING_HITL, JobStatus.COMPLETED, JobStatus.PENDING)} == {
        WAITING + 1
    }


async def test_no_lease_worker_or_connection_is_held_by_what_waits(many: str) -> None:
    assert await execute(many, "select count(*) from bide.job where worker is not null or status = 'running'") == [(0,)]
    await _all_closed(many)


async def test_looks_that_find_nothing_read_none_of_many(many: str) -> None:
    """By the counters of PostgreSQL."""
    before = await _read(many)
    app = make(many)
    async with app.bide as bide:
        store = bide.store
        row = WorkerRow(id="worker", host="h", pid=1, queues=("default",), slots=1, lease=1_000_000)
        await store.register(row)
        demands = [Demand(("default",), {"plain": 1, "asking": 1}, 10)]
        for _ in range(ROUNDS):
            assert list((await store.settle_and_claim("worker", (), demands))[1]) == []
            assert await store.next_due() is not None
            await store.wake_due()
            await store.expire()
            await store.promote(0)
            await store.rescue(())
            await store.beat("worker")
    # The next job and the next question that are due are read, and no other.
    read = await _read_since(before, many)
    assert [whole for whole, _ in read.values()] == [0, 0, 0]
    assert read["event"] == (0, 0)
    assert max(read["job"][1], read["prompt"][1]) <= ROUNDS


async def test_a_list_of_those_who_wait_reads_no_other(many: str) -> None:
    before = await _read(many)
    async with make(many).bide as bide:
        assert len(await bide.list(statuses=[JobStatus.PENDING_HITL], limit=50)) == 50
    whole, found = (await _read_since(before, many))["job"]
    assert whole == 0
    assert 50 <= found <= WAITING + 1


async def _likeness(store: Store, job: str) -> str:
    """All that the store holds of a job, without its ids, places and times."""
    (row,) = await store.get([job], None)
    prompts = await store.prompts(None, job=job, open_only=False)
    events = [replace(event, pos=0) for event in await store.history(job, None, 0, 100)]
    text = f"{row._replace(elapsed=0)}\n{prompts}\n{events}"
    for known, name in ((job, "JOB"), *((prompt.id, "PROMPT") for prompt in prompts)):
        text = text.replace(known, name)
    return re.sub(r"\d{15,}|\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text))


async def _read(url: str) -> dict[str, tuple[int, int]]:
    """Rows that were read of whole tables, and by indexes, by connections that have ended: of each table."""
    await _all_closed(url)
    rows = await execute(
        url,
        """
        select relname, seq_tup_read, idx_tup_fetch from pg_stat_user_tables
        where schemaname = 'bide' and relname in ('job', 'prompt', 'event') order by 1
        """,
    )
    return {table: (whole, found) for table, whole, found in rows}


async def _read_since(before: dict[str, tuple[int, int]], url: str) -> dict[str, tuple[int, int]]:
    now = await _read(url)
    return {table: (now[table][0] - whole, now[table][1] - found) for table, (whole, found) in before.items()}


async def _all_closed(url: str) -> None:
    """Return once nobody is connected: what was closed a moment ago may still be."""
    while await connections_to(url):  # noqa: ASYNC110 - only the server knows
        await asyncio.sleep(0.01)


async def _until_waiting(bide: Bide[None], count: int) -> None:
    """Return once so many wait for a person, at least."""
    store = bide.store
    mark = store.mark()
    while (await bide.stats()).by_status[JobStatus.PENDING_HITL] < count:
        mark = await _changed(bide, mark)


async def _changed(bide: Bide[None], mark: int) -> int:
    changed = asyncio.Event()
    unsubscribe = bide.store.subscribe(lambda _: changed.set())
    try:
        if bide.store.mark() == mark:
            await changed.wait()
    finally:
        unsubscribe()
    return bide.store.mark()
