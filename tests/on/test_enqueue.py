"""Jobs in a user's own transaction, on every connection that can be lent: rolled back means never happened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from bide import Bide, Event, Job, JobContext, JobStatus, JobType, current_step
from bide.errors import IdempotencyConflict, InvalidOption, NotFound
from tests.on.conftest import ONE_EACH
from tests.on.hosts import POSTGRES, Host, Place
from tests.postgres import execute
from tests.support import comes, quick


def job_type(bide: Bide[None]) -> JobType[[int], int]:
    @bide.job
    async def double(ctx: JobContext, n: int) -> int:
        return 2 * n

    return double


async def exists(bide: Bide[None], job: Job[int]) -> bool:
    try:
        await bide.get(job)
    except NotFound:
        return False
    return True


async def test_a_job_is_there_with_the_users_row_once_the_user_commits(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        await host.begin()
        await host.write(1)
        job = await double.options(on=host.on, labels={"team": "mail"}, owner="ann").enqueue(21)
        assert (job.status, job.labels) == (JobStatus.PENDING, {"team": "mail"})
        assert not await exists(bide, job)
        await host.commit()
        assert (await bide.get(job, owner="ann")).labels == {"team": "mail"}
        assert [event.kind for event in await bide.history(job)] == ["job.enqueued"]
    assert place.notes() == [1]


async def test_a_job_that_is_rolled_back_never_was(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        await host.begin()
        await host.write(1)
        lost = await double.options(on=host.on, idempotency_key="k").enqueue(1)
        await host.rollback()
        await host.begin()
        kept = await double.options(on=host.on, idempotency_key="k").enqueue(2)
        await host.commit()
        assert not await exists(bide, lost)
        assert [job.id for job in await bide.list()] == [kept.id]
    assert place.notes() == []


async def test_a_job_in_a_savepoint_goes_with_it(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        await host.begin()
        await host.write(1)
        first = await double.options(on=host.on).enqueue(1)
        await host.do("savepoint mine")
        await host.write(2)
        lost = await double.options(on=host.on).enqueue(2)
        await host.do("rollback to savepoint mine")
        last = await double.options(on=host.on).enqueue(3)
        await host.commit()
        assert not await exists(bide, lost)
        assert {job.id for job in await bide.list()} == {first.id, last.id}
    assert place.notes() == [1]


async def test_a_clash_of_keys_does_not_end_the_transaction(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        taken = await double.options(idempotency_key="k").enqueue(1)
        await host.begin()
        await host.write(1)
        with pytest.raises(IdempotencyConflict) as clash:
            await double.options(on=host.on, idempotency_key="k").enqueue(2)
        assert clash.value.job_id == taken.id
        assert (await double.options(on=host.on, idempotency_key="k").enqueue(1)).id == taken.id
        await host.write(2)
        other = await double.options(on=host.on).enqueue(3)
        await host.commit()
        assert {job.id for job in await bide.list()} == {taken.id, other.id}
    assert place.notes() == [1, 2]


async def test_many_are_enqueued_in_one_transaction(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        await host.begin()
        lost = await bide.enqueue_many([double.call(n) for n in range(1_200)], on=host.on)
        await host.rollback()
        await host.begin()
        kept = await bide.enqueue_many([double.call(n) for n in range(1_200)], on=host.on)
        assert (await bide.stats()).ready == 0
        await host.commit()
        assert (await bide.stats()).ready == len(kept) == len(lost) == 1_200
        with pytest.raises(InvalidOption, match=r"enqueue_many\(calls, on=…\)"):
            await bide.enqueue_many([double.options(on=host.on).call(1)])


async def test_a_worker_is_woken_by_the_commit(place: Place) -> None:
    bide = Bide(place.url, settings=quick(poll=3_600.0))
    double = job_type(bide)
    async with bide.worker(), place.connected() as host:
        for n in range(3):
            await host.begin()
            job = await double.options(on=host.on).enqueue(n)
            await host.commit()
            assert await bide.result(job, timeout="30s") == 2 * n


@pytest.mark.ways(*ONE_EACH)
async def test_fifty_callers_at_once_lose_nothing_and_streams_see_each_job_once(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide.worker():
        position = (await bide.store.feed(-1, None)).position

        async def call(n: int) -> Job[int] | None:
            async with place.connected() as host:
                # SQLite: in line with all others.
                await bide.begin(host.on)
                await host.write(n)
                # Ten want the same job.
                key = "shared" if n % 5 == 0 else str(n)
                job = await double.options(on=host.on, idempotency_key=key).enqueue(0 if n % 5 == 0 else n)
                if n % 5 == 1:
                    await host.rollback()
                    return None
                await host.commit()
                return job

        jobs = [job for job in await asyncio.gather(*map(call, range(50))) if job is not None]
        ids = {job.id for job in jobs}
        assert len(jobs) == 40
        assert len(ids) == 31
        for job in jobs:
            await bide.result(job, timeout="60s")
        assert {job.id for job in await bide.list(limit=200)} == ids
        seen: list[UUID] = []
        while (page := await bide.store.feed(position, None)).events:
            seen += [UUID(event.job) for _, event in page.events if event.kind == "job.enqueued"]
            position = page.position
        assert sorted(seen) == sorted(ids)
    assert place.notes() == [n for n in range(50) if n % 5 != 1]


@pytest.mark.ways(*ONE_EACH)
async def test_who_follows_events_sees_a_job_from_its_commit_on(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    async with bide, place.connected() as host:
        await host.begin()
        job = await double.options(on=host.on).enqueue(1)
        await host.commit()
        events: list[Event] = []
        async for event in bide.events(job):
            events.append(event)
            break
        assert [event.seq for event in events] == [1]


@pytest.mark.ways(*ONE_EACH)
async def test_a_step_enqueues_in_its_own_transaction(bide: Bide[None], place: Place) -> None:
    double = job_type(bide)
    tries: list[int] = []

    @bide.job
    async def parent(ctx: JobContext) -> str:
        async with place.connected() as host:
            return await ctx.options(on=host.on, max_attempts=2).step(start, host)

    async def start(host: Host) -> str:
        tries.append(current_step().attempt)
        await host.write(len(tries))
        child = await double.options(on=host.on).enqueue(5)
        if len(tries) == 1:
            raise ValueError("not yet")
        return str(child.id)

    async with bide.worker():
        job = await parent.enqueue()
        child = await bide.get(await bide.result(job, timeout="30s"))
        assert child.parent == job.id

        async def children() -> Sequence[Job[int]]:
            return [one for one in await bide.list() if one.type == "double"]

        assert [one.id for one in await comes(children)] == [child.id]
    assert place.notes() == [2]
    assert tries == [1, 2]


@pytest.mark.ways(POSTGRES[0], POSTGRES[6])
async def test_however_many_are_enqueued_in_a_transaction_they_hold_no_more_locks(
    bide: Bide[None], place: Place
) -> None:
    """The table of locks is the server's: who fills it stops everybody."""

    @bide.job
    async def noop(ctx: JobContext) -> None: ...

    async def locks() -> int:
        ((count,),) = await execute(
            place.url,
            "select count(*) from pg_locks where locktype = 'advisory'"
            " and database = (select oid from pg_database where datname = current_database())",
        )
        return int(count)

    async with bide, place.connected() as host:
        await host.begin()
        await host.do("savepoint before")
        await noop.options(on=host.on).enqueue()
        await host.do("rollback to savepoint before")
        assert await locks() == 0
        await noop.options(on=host.on).enqueue()
        held = await locks()
        assert held > 0, "who reads in order waits for what this transaction will write"
        for _ in range(50):
            await noop.options(on=host.on).enqueue()
        assert await locks() == held
        await host.commit()
    assert await locks() == 0
