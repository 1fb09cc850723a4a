"""How a store takes part in transactions that are not its own."""

from __future__ import annotations

import asyncio
import json

import pytest

from bide.errors import LeaseLost, UnusableConnection
from bide.events import EventKind as E
from bide.store.base import Accepted, EventRow, Existing, Fact, Hint, IdempotencyClash, JobFilter, Joined, Store
from bide.testing.clock import ManualClock
from bide.testing.contract.moves import (
    Connect,
    Fixtures,
    claim,
    enqueue,
    everything,
    history,
    kinds,
    new_id,
    new_job,
    row,
    start,
    step,
)

RECORDED = '{"step":"fetch","key":"fetch"}'


class Joining(Fixtures):
    """`join`, `recorded`."""

    async def test_what_is_written_in_a_transaction_is_there_once_it_is_committed(
        self, store: Store, another: Store, connect: Connect, clock: ManualClock, worker: str
    ) -> None:
        joined = await _begin(store, connect)
        jobs = [new_job(labels='{"team":"mail"}', owner="ann"), new_job(input=json.dumps("ü" * 100_000))]
        assert list(await joined.insert(jobs)) == [Accepted(clock.now())] * 2
        assert list(await another.get([job.id for job in jobs], None)) == []
        await joined.commit()
        for job in jobs:
            assert job.row(clock.now()) == await row(another, job.id)
            (event,) = await history(another, job.id)
            assert (event.kind, event.seq, event.at) == (E.ENQUEUED, 1, clock.now())
        (labelled,) = await another.list(JobFilter(labels=(("team", "mail"),)), "ann")
        assert labelled.id == jobs[0].id
        assert {(await claim(store, worker)).id for _ in jobs} == {job.id for job in jobs}

    async def test_what_is_rolled_back_never_was(self, store: Store, connect: Connect) -> None:
        before = (await store.feed(-1, None)).position
        joined = await _begin(store, connect)
        job = new_job(idempotency_key="k", digest="d", labels='{"team":"mail"}')
        await joined.insert([job])
        await joined.rollback()
        assert list(await store.get([job.id], None)) == []
        assert await history(store, job.id) == []
        assert list(await store.list(JobFilter(labels=(("team", "mail"),)), None)) == []
        assert list((await store.feed(max(before, 0), None)).events) == []
        assert await enqueue(store, idempotency_key="k", digest="other") != job.id

    async def test_a_connection_may_have_several_transactions(self, store: Store, connect: Connect) -> None:
        on = await connect()
        jobs = [new_job() for _ in range(3)]
        for job, keep in zip(jobs, (True, False, True), strict=True):
            joined = store.join(on)
            await joined.begin()
            await joined.insert([job])
            await (joined.commit() if keep else joined.rollback())
        assert {one.id for one in await store.list(JobFilter(), None)} == {jobs[0].id, jobs[2].id}

    async def test_several_calls_may_be_in_one_transaction(self, store: Store, connect: Connect) -> None:
        joined = await _begin(store, connect)
        many = [new_job() for _ in range(500)]
        first, last = new_job(), new_job()
        assert list(await joined.insert([])) == []
        await joined.insert([first])
        await joined.insert(many)
        (again,) = await joined.insert([first])
        assert isinstance(again, Existing)
        assert again.job.id == first.id
        await joined.insert([last])
        await joined.commit()
        assert (await store.stats(None)).ready == 502

    async def test_a_key_means_what_it_does_elsewhere_and_a_clash_leaves_the_transaction_as_it_was(
        self, store: Store, connect: Connect
    ) -> None:
        held = await enqueue(store, idempotency_key="k", digest="d")
        before = await everything(store, held)
        joined = await _begin(store, connect)
        first, last = new_job(), new_job(idempotency_key="mine", digest="d")
        await joined.insert([first])
        (same,) = await joined.insert([new_job(idempotency_key="k", digest="d")])
        assert isinstance(same, Existing)
        assert same.job.id == held
        assert list(await joined.insert([new_job(idempotency_key="k", digest="e")])) == [IdempotencyClash("k", held)]
        await joined.insert([last])
        (own,) = await joined.insert([new_job(idempotency_key="mine", digest="d")])
        assert isinstance(own, Existing)
        assert own.job.id == last.id
        await joined.commit()
        assert await everything(store, held) == before
        assert {one.id for one in await store.list(JobFilter(), None)} == {held, first.id, last.id}

    @pytest.mark.parametrize("committed", [True, False])
    async def test_who_wants_a_key_that_another_transaction_holds_waits_for_its_end(
        self, store: Store, another: Store, connect: Connect, committed: bool
    ) -> None:
        joined = await _begin(store, connect)
        holder = new_job(idempotency_key="k", digest="d")
        await joined.insert([holder])

        async def want() -> Joined:
            other = await _begin(another, connect)
            answers.extend(await other.insert([new_job(idempotency_key="k", digest="d")]))
            return other

        answers: list[object] = []
        waiting = asyncio.create_task(want())
        for _ in range(20):
            await asyncio.sleep(0.005)  # it may come as far as it can
        assert not waiting.done()
        await (joined.commit() if committed else joined.rollback())
        await (await waiting).commit()
        (answer,) = answers
        assert isinstance(answer, Existing if committed else Accepted)
        (kept,) = await store.list(JobFilter(), None)
        assert (kept.id == holder.id) is committed

    async def test_listeners_are_told_after_the_commit(self, store: Store, another: Store, connect: Connect) -> None:
        joined = await _begin(store, connect)
        await joined.insert([new_job()])
        heard: list[asyncio.Queue[Hint]] = []
        for one in (store, another):
            queue: asyncio.Queue[Hint] = asyncio.Queue()
            one.subscribe(queue.put_nowait)
            heard.append(queue)
        await joined.commit()
        async with asyncio.timeout(10):
            for queue in heard:
                while await queue.get() is not Hint.READY:
                    pass

    async def test_streams_see_what_was_written_in_it_once_and_in_order(
        self, store: Store, another: Store, connect: Connect
    ) -> None:
        position = (await store.feed(-1, None)).position
        seen: list[EventRow] = []

        async def look() -> None:
            nonlocal position
            page = await store.feed(position, None)
            seen.extend(event for _, event in page.events)
            position = page.position

        joined = await _begin(store, connect)
        early, late = new_job(), new_job()
        await joined.insert([early])
        other = asyncio.create_task(another.insert([late]))
        for _ in range(5):
            await look()
            await asyncio.sleep(0.005)
        await joined.insert([new_job(id=new_id())])
        await joined.commit()
        await other
        async with asyncio.timeout(10):
            while len(seen) < 3:
                await look()
        await look()
        assert len({event.job for event in seen}) == len(seen) == 3
        assert [event.pos for event in seen] == sorted(event.pos for event in seen)

    async def test_a_step_is_recorded_with_what_else_is_in_the_transaction(
        self, store: Store, connect: Connect, worker: str
    ) -> None:
        run = await start(store, worker)
        joined = await _begin(store, connect)
        child = new_job(parent=run.id)
        await joined.insert([child])
        said = Fact(run.id, run.lease, E.OUTPUT, '{"step":"fetch","key":"fetch","text":"hello"}')
        await joined.record(run.id, run.lease, step(), RECORDED, [said])
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED]
        await joined.commit()
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.OUTPUT, E.STEP_COMPLETED]
        assert [(one.name, one.result) for one in await store.steps(run.id, None)] == [("fetch", '"page"')]
        assert await store.recorded(run.id, "fetch", "fetch")
        assert (await row(store, child.id)).parent == run.id

    async def test_a_step_that_is_rolled_back_was_not_recorded(
        self, store: Store, connect: Connect, worker: str
    ) -> None:
        run = await start(store, worker)
        before = await everything(store, run.id)
        joined = await _begin(store, connect)
        await joined.record(run.id, run.lease, step(), RECORDED)
        await joined.rollback()
        assert await everything(store, run.id) == before
        assert not await store.recorded(run.id, "fetch", "fetch")

    async def test_a_step_is_recorded_once(self, store: Store, connect: Connect, worker: str) -> None:
        run = await start(store, worker)
        await store.record(run.id, run.lease, step(), RECORDED)
        before = await everything(store, run.id)
        joined = await _begin(store, connect)
        await joined.record(run.id, run.lease, step(result='"other"'), RECORDED)
        await joined.commit()
        assert await everything(store, run.id) == before

    async def test_whether_a_step_is_recorded_is_told_once_its_transaction_is_over(
        self, store: Store, another: Store, connect: Connect, worker: str
    ) -> None:
        run = await start(store, worker)
        joined = await _begin(store, connect)
        await joined.record(run.id, run.lease, step(), RECORDED)
        asked = asyncio.create_task(another.recorded(run.id, "fetch", "fetch"))
        for _ in range(20):
            await asyncio.sleep(0.005)  # it may come as far as it can
        assert not asked.done()
        await joined.commit()
        assert await asked

    async def test_who_has_lost_the_lease_records_nothing(self, store: Store, connect: Connect, worker: str) -> None:
        run = await start(store, worker, max_attempts=2)
        await store.overdue({run.id: run.lease})
        before = await everything(store, run.id)
        joined = await _begin(store, connect)
        said = Fact(run.id, run.lease, E.OUTPUT, "{}")
        with pytest.raises(LeaseLost):
            await joined.record(run.id, run.lease, step(), RECORDED, [said])
        await joined.rollback()
        assert await everything(store, run.id) == before

    async def test_what_is_no_connection_is_refused_and_what_is_one_is_named(self, store: Store) -> None:
        with pytest.raises(UnusableConnection, match=r"builtins\.object.*AsyncSession.*SQLAlchemy"):
            store.join(object())


async def _begin(store: Store, connect: Connect) -> Joined:
    joined = store.join(await connect())
    await joined.begin()
    return joined
