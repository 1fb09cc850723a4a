"""Workers that live, end, and die."""

from __future__ import annotations

import pytest

from bide.events import EventKind as E
from bide.job import JobError
from bide.job import JobStatus as S
from bide.store.base import Completed, Fact, Released, Settled, Store, Timed, WorkerRow
from bide.testing.clock import ManualClock
from bide.testing.contract.moves import (
    MINUTE,
    SECOND,
    Fixtures,
    claim,
    claims,
    enqueue,
    enqueue_all,
    everything,
    kinds,
    new_id,
    new_job,
    prompt_row,
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


class Liveness(Fixtures):
    """`register`, `beat`, `retire`, `release`, `workers`, `gone`, `rescue`, `timed`, `overdue`."""

    async def test_a_registered_worker_can_be_seen(self, store: Store, another: Store, clock: ManualClock) -> None:
        worker = WorkerRow(id=new_id(), host="höst", pid=7, queues=("a", "b,c"), slots=3, lease=9 * SECOND)
        await store.register(worker)
        for reader in (store, another):
            (seen,) = await reader.workers()
            assert (seen.id, seen.host, seen.pid, seen.slots, seen.lease) == (worker.id, "höst", 7, 3, 9 * SECOND)
            assert (seen.queues, seen.started_at, seen.dead_at) == (("a", "b,c"), clock.now(), None)

    async def test_each_beat_advances_the_counter(self, store: Store, worker: str, clock: ManualClock) -> None:
        (before,) = await store.workers()
        clock.advance(5)
        assert (await store.beat(worker)).alive
        (after,) = await store.workers()
        assert after.beat > before.beat
        assert after.beat_at == clock.now()

    async def test_a_beat_tells_what_runs_and_what_is_to_be_cancelled(self, store: Store, worker: str) -> None:
        first, second = await start(store, worker), await start(store, worker)
        await start(store, await register(store))
        await store.cancel(second.id, None, None, None)
        beat = await store.beat(worker)
        assert beat.alive
        assert dict(beat.running) == {first.id: first.lease, second.id: second.lease}
        assert set(beat.cancels) == set(await store.cancels(worker)) == {second.id}

    async def test_who_is_buried_retired_or_unknown_is_not_alive(self, store: Store) -> None:
        buried, retired = await register(store), await register(store)
        await store.rescue([buried])
        await store.retire(retired)
        for worker in (buried, retired, new_id()):
            assert not (await store.beat(worker)).alive
        assert list(await store.workers()) == []

    @pytest.mark.usefixtures("worker")
    async def test_the_process_of_a_living_worker_is_not_gone(self, store: Store, another: Store) -> None:
        (row,) = await another.workers()
        assert not another.gone(row)
        assert not store.gone(row)

    async def test_who_retires_gives_back_what_it_ran_unspent(self, store: Store, worker: str) -> None:
        run, other = await start(store, worker, max_attempts=2), await start(store, await register(store))
        await store.retire(worker)
        await store.retire(worker)
        stored = await row(store, run.id)
        assert (stored.status, stored.reason) == (S.PENDING, "released")
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.RELEASED]
        assert (await row(store, other.id)).status is S.RUNNING
        again = await claim(store, await register(store))
        assert (again.id, again.attempt) == (run.id, 1)

    @pytest.mark.parametrize("way", ["retire", "release"])
    async def test_what_a_run_executed_before_it_was_given_back_counts(
        self, store: Store, worker: str, way: str
    ) -> None:
        run, never_begun = await start(store, worker, timeout=MINUTE), await start(store, worker, timeout=MINUTE)
        executed = {run.id: 40 * SECOND}
        if way == "retire":
            await store.retire(worker, executed)
        else:
            await store.release({one.id: one.lease for one in (run, never_begun)}, executed)
        taken = await claims(store, await register(store), wanting(2))
        assert {one.id: one.elapsed for one in taken} == {run.id: 40 * SECOND, never_begun.id: 0}

    async def test_a_claim_whose_reply_was_lost_is_given_back_unspent(self, store: Store, worker: str) -> None:
        lost, kept, wrong = [await start(store, worker) for _ in range(3)]
        await store.release({lost.id: lost.lease, wrong.id: wrong.lease + 1, new_id(): 1})
        assert (await row(store, lost.id)).status is S.PENDING
        assert (await row(store, kept.id)).status is S.RUNNING
        assert (await row(store, wrong.id)).status is S.RUNNING
        assert await kinds(store, lost.id) == [E.ENQUEUED, E.STARTED, E.RELEASED]
        assert (await claim(store, worker)).attempt == 1

    @pytest.mark.parametrize("way", ["retire", "release"])
    async def test_what_is_given_back_after_a_cancel_was_requested_is_cancelled(
        self, store: Store, worker: str, way: str
    ) -> None:
        run = await start(store, worker)
        await store.cancel(run.id, None, None, None)
        if way == "retire":
            await store.retire(worker)
        else:
            await store.release({run.id: run.lease})
        assert (await row(store, run.id)).status is S.CANCELLED

    async def test_the_jobs_of_the_dead_are_taken_back(self, store: Store, worker: str) -> None:
        run = await start(store, worker, max_attempts=2)
        mine = await start(store, await register(store))
        await record(store, run, step())
        assert await store.rescue([worker]) == 1
        stored = await row(store, run.id)
        assert (stored.status, stored.reason, stored.attempt, stored.worker) == (S.PENDING, "rescued", 1, None)
        assert (await kinds(store, run.id))[-1] == E.RESCUED
        assert (await row(store, mine.id)).status is S.RUNNING
        again = await claim(store, await register(store))
        assert (again.attempt, again.elapsed) == (2, 0)
        assert again.recall is not None
        assert list(again.recall.steps) == [step()]

    async def test_a_rescue_keeps_failures_and_questions(self, store: Store, worker: str) -> None:
        run = await start(store, worker, max_attempts=2)
        failure = step("bad", error='{"type":"ValueError","message":"no"}')
        await record(store, run, failure)
        prompt = await store.ask(run.id, run.lease, question())
        await store.rescue([worker])
        assert (await prompt_row(store, prompt.id)).status == "open"
        again = await claim(store, await register(store))
        assert again.recall is not None
        assert list(again.recall.steps) == [failure]
        assert [one.id for one in again.recall.prompts] == [prompt.id]

    async def test_the_dead_stay_buried_and_what_they_claim_late_is_nothing(self, store: Store, worker: str) -> None:
        assert await store.rescue([worker]) == 0
        assert await store.rescue([worker]) == 0
        await enqueue(store)
        assert not await claims(store, worker, wanting())
        assert not (await store.beat(worker)).alive

    async def test_with_no_attempt_left_the_job_fails(self, store: Store, worker: str, clock: ManualClock) -> None:
        run = await start(store, worker, max_attempts=1)
        prompt = await store.ask(run.id, run.lease, question())
        await store.rescue([worker])
        stored = await row(store, run.id)
        assert (stored.status, stored.reason, stored.finished_at) == (S.FAILED, "worker_lost", clock.now())
        assert stored.error is not None
        assert JobError.model_validate_json(stored.error).message
        assert (await kinds(store, run.id))[-1] == E.FAILED
        assert (await prompt_row(store, prompt.id)).status == "withdrawn"

    async def test_the_last_attempt_is_counted_over_rescues(self, store: Store) -> None:
        job_id = await enqueue(store, max_attempts=3)
        for attempt in (1, 2, 3):
            worker = await register(store)
            assert (await claim(store, worker)).attempt == attempt
            assert await store.rescue([worker]) == 1
        assert (await row(store, job_id)).status is S.FAILED

    async def test_a_job_to_be_cancelled_is_cancelled_not_rescued(self, store: Store, worker: str) -> None:
        run = await start(store, worker, max_attempts=3)
        await store.cancel(run.id, None, None, None)
        assert await store.rescue([worker]) == 1
        assert (await row(store, run.id)).status is S.CANCELLED
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.CANCEL_REQUESTED, E.CANCELLED]

    async def test_a_rescue_leaves_what_does_not_run(self, store: Store, worker: str) -> None:
        waiting, _ = await wait_for_answer(store, worker)
        done = await start(store, worker)
        await settle(store, worker, done, Completed("1"))
        ready = await enqueue(store)
        before = [await everything(store, job_id) for job_id in (waiting.id, done.id, ready)]
        assert await store.rescue([worker]) == 0
        assert [await everything(store, job_id) for job_id in (waiting.id, done.id, ready)] == before

    async def test_a_rescue_is_bounded_and_the_next_call_goes_on(self, store: Store, worker: str) -> None:
        await enqueue_all(store, *(new_job(max_attempts=2) for _ in range(1_200)))
        while await claims(store, worker, wanting(500)):
            pass
        assert await store.rescue([worker]) == 1_000
        assert await store.rescue(()) == 200
        assert await store.rescue(()) == 0
        assert (await store.stats(None)).by_status[S.PENDING] == 1_200

    async def test_the_zombie_of_a_rescued_job_writes_nothing(self, store: Store, worker: str) -> None:
        run = await start(store, worker, max_attempts=2)
        await store.rescue([worker])
        again = await claim(store, await register(store))
        before = await everything(store, run.id)
        assert await settle(store, worker, run, Completed('"late"')) is Settled.LOST
        assert await settle(store, worker, run, Released()) is Settled.LOST
        assert list(await store.note([Fact(run.id, run.lease, E.LOG, "{}")])) == [False]
        assert await everything(store, run.id) == before
        assert await settle(store, worker, again, Completed('"in time"')) is Settled.APPLIED

    async def test_a_job_that_ran_too_long_is_taken_even_from_the_living(self, store: Store, worker: str) -> None:
        late = await start(store, worker, timeout=MINUTE, max_attempts=2)
        spent = await start(store, worker, timeout=MINUTE)
        cancelled = await start(store, worker, timeout=MINUTE, max_attempts=2)
        ended = await start(store, worker, timeout=MINUTE)
        again = await start(store, worker, timeout=MINUTE)
        await store.cancel(cancelled.id, None, None, None)
        await settle(store, worker, ended, Completed("1"))
        runs = (late, spent, cancelled, ended)
        overdue = {run.id: run.lease for run in runs} | {again.id: again.lease - 1, new_id(): 1}
        assert await store.overdue(overdue) == 3
        assert await store.overdue(overdue) == 0
        rows = [await row(store, run.id) for run in (*runs, again)]
        assert [one.status for one in rows] == [S.PENDING, S.FAILED, S.CANCELLED, S.COMPLETED, S.RUNNING]
        assert [one.reason for one in rows[:2]] == ["timeout", "timeout"]
        assert JobError.model_validate_json(rows[1].error or "").type == "JobTimedOut"
        assert (await kinds(store, late.id))[-1] == E.RESCUED
        assert set((await store.beat(worker)).running) == {again.id}

    async def test_time_waited_does_not_count_and_time_executed_adds_up(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        await start(store, worker)  # without a timeout
        run, (prompt,) = await wait_for_answer(store, worker, timeout=MINUTE, max_attempts=2)
        clock.advance("1d")
        assert list(await store.timed()) == []
        await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        run = await claim(store, worker)
        # Whatever the clock shows: it may be set while a job runs.
        clock.advance("1d")
        assert list(await store.timed()) == [Timed(run.id, run.lease, MINUTE)]
        await settle(store, worker, run, Released(), elapsed=40 * SECOND)
        run = await claim(store, worker)
        assert list(await store.timed()) == [Timed(run.id, run.lease, 20 * SECOND)]
        await store.overdue({run.id: run.lease})
        run = await claim(store, worker)
        assert list(await store.timed()) == [Timed(run.id, run.lease, MINUTE)]
