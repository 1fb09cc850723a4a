"""The snapshot cache: what it saves, what it drops, and that nobody waits for a change that has happened."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from bide import Bide, Confirm, Job, JobContext, JobStatus, Proceed
from bide.cache import TTL, SnapshotCache
from bide.errors import NotFound, StoreBusy
from bide.store.base import Changes, Hint, JobRow
from bide.testing import Harness
from tests.support import holds


async def test_a_finished_job_is_read_once_and_a_live_one_is_never_stale(bide: Bide[None]) -> None:
    @bide.job
    async def asking(ctx: JobContext) -> str:
        return (await ctx.ask("go", Confirm(summary="?"))).action

    async with Harness(bide) as jobs:
        cache = SnapshotCache(bide.store)
        job = await asking.enqueue()
        await jobs.run_until_idle()
        waiting = await cache.get(str(job.id))
        assert waiting is not None
        assert waiting.status is JobStatus.PENDING_HITL
        for _ in range(10):
            await cache.get(str(job.id))
        assert cache.loads == 1
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        for _ in range(10):
            done = await cache.get(str(job.id))
            assert done is not None
            assert done.status is JobStatus.COMPLETED
        assert cache.loads == 2


async def test_the_sweep_drops_what_is_older_than_an_hour_and_logs_how_many(
    bide: Bide[None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @bide.job
    async def quick(ctx: JobContext) -> None: ...

    async with Harness(bide) as jobs:
        cache = SnapshotCache(bide.store)
        job = await quick.enqueue()
        await jobs.run_until_idle()
        await cache.get(str(job.id))
        assert cache.sweep() == 0
        later = time.monotonic() + TTL + 1
        monkeypatch.setattr("bide.cache.time.monotonic", lambda: later)
        with caplog.at_level(logging.INFO, "bide.cache"):
            assert cache.sweep() == 1
        assert "dropped 1, kept 0" in caplog.text


async def test_an_open_app_sweeps_its_cache_by_itself(
    bide: Bide[None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @bide.job
    async def quick(ctx: JobContext) -> None: ...

    caplog.set_level(logging.INFO, "bide.cache")
    monkeypatch.setattr("bide.cache.SWEEP_EVERY", 0.01)
    async with Harness(bide) as jobs:
        job = await quick.enqueue()
        await jobs.run_until_idle()
        await bide.get(job)
        monkeypatch.setattr("bide.cache.TTL", 0.0)
        await holds(lambda: "dropped 1, kept 0" in caplog.text)


async def test_who_watches_is_told_though_the_store_failed_when_it_was_asked(
    bide: Bide[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    @bide.job
    async def quick(ctx: JobContext) -> None: ...

    async with Harness(bide) as jobs:
        cache = SnapshotCache(bide.store)
        job = await quick.enqueue()
        mark, failures = bide.store.mark, [StoreBusy("locked"), StoreBusy("locked")]

        def flaky() -> int:
            if failures:
                raise failures.pop()
            return mark()

        monkeypatch.setattr(bide.store, "mark", flaky)
        with cache.watch(str(job.id)) as changed:
            cache.hint(Hint.CHANGED)
            async with asyncio.timeout(10):
                await changed.wait()
        assert not failures
        await jobs.run_until_idle()


async def test_a_job_that_is_watched_is_read_until_the_store_answers(
    bide: Bide[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    @bide.job
    async def quick(ctx: JobContext) -> None: ...

    async with Harness(bide) as jobs:
        cache = SnapshotCache(bide.store)
        job = await quick.options(delay=60).enqueue()
        await cache.get(str(job.id))
        await jobs.advance(60)
        await jobs.run_until_idle()
        get, failures = bide.store.get, [StoreBusy("locked"), StoreBusy("locked")]

        async def flaky(ids: Sequence[str], owner: str | None) -> Sequence[JobRow]:
            if failures:
                raise failures.pop()
            return await get(ids, owner)

        monkeypatch.setattr(bide.store, "get", flaky)
        with cache.watch(str(job.id)) as changed:
            cache.hint(Hint.CHANGED)
            async with asyncio.timeout(10):
                await changed.wait()
        assert not failures
        done = await cache.get(str(job.id))
        assert done is not None
        assert done.status is JobStatus.COMPLETED
        assert cache.loads == 4, "at first, twice in vain, and then"


async def test_what_is_kept_is_bounded_in_bytes_and_the_longest_unused_goes_first(bide: Bide[None]) -> None:
    @bide.job
    async def large(ctx: JobContext, text: str) -> str:
        return text

    async with Harness(bide) as jobs:
        cache = SnapshotCache(bide.store, size=13_000)
        *four, fifth = [await large.enqueue(letter * 1_000) for letter in "abcde"]
        whole = await large.enqueue("f" * 1_200)
        await jobs.run_until_idle()

        async def loads(*read: Job[str]) -> int:
            before = cache.loads
            for job in read:
                await cache.get(str(job.id))
            return cache.loads - before

        assert await loads(*four) == 4
        assert await loads(*four) == 0
        assert await loads(fifth) == 1
        assert await loads(*four[1:], fifth) == 0, "they were used since"
        assert await loads(four[0]) == 1, "it had to make room"
        # One that takes more than a quarter is not kept, and costs the others nothing.
        assert await loads(whole, whole) == 2
        assert await loads(four[2], four[3], fifth, four[0]) == 0


async def test_changes_and_the_sweep_give_back_the_room(bide: Bide[None], monkeypatch: pytest.MonkeyPatch) -> None:
    @bide.job
    async def asking(ctx: JobContext, text: str) -> str:
        return (await ctx.ask("go", Confirm(summary="?"))).action + text

    async with Harness(bide) as jobs:
        cache = SnapshotCache(bide.store)
        job = await asking.enqueue("a" * 1_000)
        await jobs.run_until_idle()
        for _ in range(20):
            await cache.get(str(job.id))
            cache.drop(str(job.id))
        assert cache.bytes == 0
        await cache.get(str(job.id))
        assert cache.bytes > 1_000
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        await cache.get(str(job.id))
        assert 2_000 < cache.bytes < 5_000
        later = time.monotonic() + TTL + 1
        monkeypatch.setattr("bide.cache.time.monotonic", lambda: later)
        cache.sweep()
        assert cache.bytes == 0
        await cache.get(str(job.id))
        cache.clear()
        assert cache.bytes == 0


async def test_the_events_of_a_job_that_was_deleted_elsewhere_end(bide: Bide[None]) -> None:
    @bide.job
    async def quick(ctx: JobContext) -> None: ...

    async with Harness(bide) as jobs:
        job = await quick.enqueue()
        await jobs.run_until_idle()
        await bide.get(job)
        # By the store, as another process would: this one's cache does not hear of it.
        await bide.store.delete(str(job.id), None)
        with pytest.raises(NotFound):
            async for _ in bide.events(job):
                pass


async def test_what_is_read_while_a_job_is_deleted_is_not_kept(bide: Bide[None]) -> None:
    @bide.job
    async def quick(ctx: JobContext) -> None: ...

    async with Harness(bide) as jobs:
        job = await quick.enqueue()
        await jobs.run_until_idle()
        read, go_on = asyncio.Event(), asyncio.Event()
        get = bide.store.get

        async def answer_late(*args: Any) -> Any:
            rows = await get(*args)
            read.set()
            await go_on.wait()
            return rows

        setattr(bide.store, "get", answer_late)  # noqa: B010 - in front of the real verb
        reading = asyncio.create_task(bide.get(job))
        await read.wait()
        await bide.delete(job)
        go_on.set()
        await reading
        with pytest.raises(NotFound):
            await bide.get(job)


async def test_no_snapshot_is_served_that_is_older_than_an_hour(
    bide: Bide[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    @bide.job
    async def quick(ctx: JobContext) -> None: ...

    async with Harness(bide) as jobs:
        cache = SnapshotCache(bide.store)
        job = await quick.enqueue()
        await jobs.run_until_idle()
        await cache.get(str(job.id))
        await cache.get(str(job.id))
        assert cache.loads == 1
        later = time.monotonic() + TTL + 1
        monkeypatch.setattr("bide.cache.time.monotonic", lambda: later)
        await cache.get(str(job.id))
        assert cache.loads == 2


async def test_many_readers_share_a_look_at_what_has_changed(bide: Bide[None], monkeypatch: pytest.MonkeyPatch) -> None:
    @bide.job
    async def waits(ctx: JobContext) -> None:
        await ctx.ask("go", Confirm(summary="?"))

    async with Harness(bide) as jobs:
        job = await waits.enqueue()
        await jobs.run_until_idle()
        cache = SnapshotCache(bide.store)
        await cache.get(str(job.id))
        looks: list[int] = []
        changes = bide.store.changes

        async def counted(since: int) -> Changes:
            looks.append(since)
            return await changes(since)

        monkeypatch.setattr(bide.store, "changes", counted)
        for _ in range(5):
            looks.clear()
            rows = await asyncio.gather(*(cache.get(str(job.id)) for _ in range(100)))
            assert all(row is not None and row.status is JobStatus.PENDING_HITL for row in rows)
            # The second is for those who came when the first had begun.
            assert len(looks) <= 2
        assert cache.loads == 1


@pytest.mark.parametrize("watched", [1, 5])
async def test_who_waits_for_a_result_is_told_of_each_change(bide: Bide[None], watched: int) -> None:
    """Few jobs that are watched are read themselves; of many it is asked which have changed."""
    gate = asyncio.Event()

    @bide.job
    async def slow(ctx: JobContext, n: int) -> int:
        await gate.wait()
        return n

    async with bide.worker():
        running = [await slow.enqueue(n) for n in range(watched)]
        waiting = [asyncio.create_task(bide.result(job)) for job in running]
        for job in running:
            async for event in bide.events(job):
                if event.kind == "job.started":
                    break
        gate.set()
        assert await asyncio.gather(*waiting) == list(range(watched))


async def test_of_two_who_read_at_once_the_one_who_read_before_a_change_is_told(
    bide: Bide[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    @bide.job
    async def later(ctx: JobContext) -> None: ...

    async with Harness(bide):
        cache = SnapshotCache(bide.store)
        job = str((await later.options(delay=60).enqueue()).id)
        await cache.get(str(uuid4()))
        get, gates = bide.store.get, list[asyncio.Event]()

        async def held(ids: Sequence[str], owner: str | None) -> Sequence[JobRow]:
            rows = await get(ids, owner)
            gates.append(asyncio.Event())
            await gates[-1].wait()
            return rows

        with cache.watch(job) as changed:
            monkeypatch.setattr(bide.store, "get", held)
            before = asyncio.create_task(cache.get(job))
            await holds(lambda: len(gates) == 1)
            await bide.store.cancel(job, None, None, None)
            after = asyncio.create_task(cache.get(job))
            await holds(lambda: len(gates) == 2)
            for gate, reading, status in zip(
                gates, (before, after), (JobStatus.PENDING, JobStatus.CANCELLED), strict=True
            ):
                gate.set()
                row = await reading
                assert row is not None
                assert row.status is status
            assert changed.is_set()
            # And so it is the other way round: what comes in late may be the older one.
            changed.clear()
            monkeypatch.setattr(bide.store, "get", get)
            row = await cache.get(job)
            assert row is not None
            assert row.status is JobStatus.CANCELLED
            assert not changed.is_set()


async def test_who_waits_is_told_of_a_change_that_another_reader_came_upon(bide: Bide[None]) -> None:
    @bide.job
    async def later(ctx: JobContext) -> None: ...

    async with Harness(bide):
        cache = SnapshotCache(bide.store)
        job = str((await later.options(delay=60).enqueue()).id)
        await cache.get(str(uuid4()))
        with cache.watch(job) as changed:
            await cache.get(job)
            assert not changed.is_set()
            cache.drop(job)  # as it does for others that need the room
            await bide.store.cancel(job, None, None, None)
            await cache.get(job)
            assert changed.is_set()
