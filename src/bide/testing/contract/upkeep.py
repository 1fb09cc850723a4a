"""What time brings: wake-ups, deadlines, and fairness."""

from __future__ import annotations

import pytest

from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import Completed, Prunable, Retrying, Store, Suspended
from bide.testing.clock import ManualClock
from bide.testing.contract.moves import (
    BROKEN,
    HOUR,
    MINUTE,
    SECOND,
    Fixtures,
    claim,
    claims,
    enqueue,
    enqueue_all,
    finish,
    kinds,
    new_id,
    new_job,
    prompt_row,
    question,
    register,
    row,
    settle,
    start,
    wait_for_answer,
    wanting,
)


class Upkeep(Fixtures):
    """`wake_due`, `expire`, `promote`, `next_due`, `prune`, `count_prunable`."""

    async def test_waking_is_bounded_and_goes_on(self, store: Store, clock: ManualClock) -> None:
        await enqueue_all(store, *(new_job(delay=SECOND) for _ in range(1_200)))
        clock.advance(1)
        woken = [await store.wake_due() for _ in range(4)]
        assert max(woken) <= 1_000
        assert sum(woken) == 1_200
        assert (await store.stats(None)).ready == 1_200

    async def test_waking_wakes_only_what_is_due(self, store: Store, clock: ManualClock) -> None:
        await enqueue_all(store, *(new_job(delay=n * SECOND) for n in range(1, 6)))
        clock.advance(3)
        assert await store.wake_due() == 3
        assert await store.wake_due() == 0
        assert (await store.stats(None)).ready == 3

    async def test_at_its_deadline_a_question_expires_and_its_job_is_woken(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run, (prompt,) = await wait_for_answer(store, worker, question(timeout=MINUTE))
        clock.advance(us=MINUTE - 1)
        assert await store.expire() == 0
        clock.advance(us=1)
        assert await store.expire() == 1
        assert await store.expire() == 0
        expired = await prompt_row(store, prompt.id)
        assert (expired.status, expired.response, expired.closed_at) == ("expired", None, clock.now())
        stored = await row(store, run.id)
        assert (stored.status, stored.reason) == (S.PENDING, "expired")
        assert (await kinds(store, run.id))[-2:] == [E.PROMPT_EXPIRED, E.RESUMED]
        again = await claim(store, worker)
        assert again.attempt == 1
        assert again.recall is not None
        assert [(one.id, one.status) for one in again.recall.prompts] == [(prompt.id, "expired")]

    async def test_a_default_answers_at_the_deadline(self, store: Store, worker: str, clock: ManualClock) -> None:
        run, (prompt,) = await wait_for_answer(store, worker, question(timeout=MINUTE, default='"as usual"'))
        clock.advance(60)
        assert await store.expire() == 1
        response = (await prompt_row(store, prompt.id)).response
        assert response is not None
        assert (response.action, response.value, response.defaulted) == ("answer", '"as usual"', True)
        assert (response.by, response.at, response.job) == (None, clock.now(), run.id)
        again = await claim(store, worker)
        assert again.recall is not None
        assert again.recall.prompts[0].response == response

    async def test_a_question_may_expire_while_its_job_runs(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run = await start(store, worker)
        prompt = await store.ask(run.id, run.lease, question(timeout=SECOND))
        clock.advance(1)
        assert await store.expire() == 1
        assert (await prompt_row(store, prompt.id)).status == "expired"
        assert (await row(store, run.id)).status is S.RUNNING
        assert (await store.beat(worker)).running == {run.id: run.lease}

    async def test_one_of_several_deadlines_wakes_the_job_and_leaves_the_others_open(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run, (soon, late) = await wait_for_answer(
            store, worker, question("soon", timeout=SECOND), question("late", timeout=HOUR)
        )
        clock.advance(1)
        assert await store.expire() == 1
        assert (await prompt_row(store, soon.id)).status == "expired"
        assert (await prompt_row(store, late.id)).status == "open"
        assert (await claim(store, worker)).id == run.id

    async def test_many_deadlines_in_one_moment_are_one_event_each(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        """Of a job that waits with two, the first wakes it; one that runs goes on."""
        waiting, _ = await wait_for_answer(
            store, worker, question("a", timeout=SECOND), question("b", timeout=2 * SECOND, default='"as usual"')
        )
        running = await start(store, worker)
        for key in "ab":
            await store.ask(running.id, running.lease, question(key, timeout=SECOND))
        others = [(await wait_for_answer(store, worker, question(timeout=SECOND)))[0] for _ in range(3)]
        clock.advance(2)
        assert await store.expire() == 7
        assert await store.expire() == 0
        assert (await kinds(store, waiting.id))[-3:] == [E.PROMPT_EXPIRED, E.RESUMED, E.PROMPT_EXPIRED]
        assert (await kinds(store, running.id))[-2:] == [E.PROMPT_EXPIRED, E.PROMPT_EXPIRED]
        for run in others:
            assert (await kinds(store, run.id))[-2:] == [E.PROMPT_EXPIRED, E.RESUMED]
        assert (await store.stats(None)).ready == 4
        assert {run.id for run in await claims(store, worker, wanting(9))} == {waiting.id, *(run.id for run in others)}

    async def test_a_question_without_a_deadline_waits_for_ever(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run, _ = await wait_for_answer(store, worker)
        clock.advance("3650d")
        assert (await store.expire(), await store.wake_due()) == (0, 0)
        assert (await row(store, run.id)).status is S.PENDING_HITL

    async def test_who_waited_too_long_goes_before_every_priority(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        starving = await enqueue(store, priority=-9)
        clock.advance(10)
        patient = await enqueue(store, priority=0)
        urgent = [await enqueue(store, priority=9) for _ in range(3)]
        assert await store.promote(10 * SECOND) == 0
        clock.advance(us=1)
        assert await store.promote(10 * SECOND) == 1
        assert [run.id for run in await claims(store, worker, wanting(9))] == [starving, *urgent, patient]

    async def test_what_is_urgent_in_another_queue_starves_nobody(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        starving = await enqueue(store, queue="b", priority=-9)
        low = await enqueue(store, queue="c", priority=-9)
        clock.advance(10)
        urgent = [await enqueue(store, queue="a", priority=9) for _ in range(3)]
        clock.advance(us=1)
        assert [await store.promote(10 * SECOND) for _ in range(2)] == [2, 0]
        taken = await claims(store, worker, wanting(9, queues=["a", "b"]))
        assert [run.id for run in taken] == [starving, *urgent]
        assert [run.id for run in await claims(store, worker, wanting(queues=["c"]))] == [low]

    async def test_nobody_is_promoted_where_nothing_is_above(self, store: Store, clock: ManualClock) -> None:
        for _ in range(3):
            await enqueue(store, priority=5)
        clock.advance("1h")
        assert await store.promote(SECOND) == 0

    async def test_who_was_promoted_is_not_promoted_again(self, store: Store, clock: ManualClock) -> None:
        await enqueue(store)
        clock.advance("1h")
        await enqueue(store, priority=1)
        assert [await store.promote(MINUTE) for _ in range(3)] == [1, 0, 0]

    async def test_only_who_is_ready_is_promoted(self, store: Store, worker: str, clock: ManualClock) -> None:
        await start(store, worker, priority=-1)
        await wait_for_answer(store, worker, priority=-1)
        await enqueue(store, priority=-1, delay=2 * HOUR)
        clock.advance("1h")
        await enqueue(store, priority=9)
        assert await store.promote(MINUTE) == 0

    async def test_the_next_due_time_is_the_earliest_of_all(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        assert await store.next_due() is None
        zero = clock.now()
        await wait_for_answer(store, worker, question(timeout=50 * SECOND), wake_at=zero + 40 * SECOND)
        assert await store.next_due() == zero + 40 * SECOND
        sleeper = await start(store, worker)
        await settle(store, worker, sleeper, Suspended((), zero + 30 * SECOND))
        assert await store.next_due() == zero + 30 * SECOND
        retried = await start(store, worker, max_attempts=2)
        await settle(store, worker, retried, Retrying(BROKEN, 20 * SECOND))
        assert await store.next_due() == zero + 20 * SECOND
        await enqueue(store, delay=10 * SECOND)
        assert await store.next_due() == zero + 10 * SECOND

    async def test_the_next_due_time_knows_deadlines(self, store: Store, worker: str, clock: ManualClock) -> None:
        run, _ = await wait_for_answer(store, worker, question(timeout=HOUR))
        assert await store.next_due() == clock.now() + HOUR
        await store.cancel(run.id, None, None, None)
        assert await store.next_due() is None

    async def test_what_is_ready_or_finished_is_not_due(self, store: Store, worker: str, clock: ManualClock) -> None:
        await finish(store, worker)
        await enqueue(store, delay=SECOND)
        clock.advance(1)
        await store.wake_due()
        assert await store.next_due() is None

    async def test_only_what_finished_before_is_pruned(self, store: Store, worker: str, clock: ManualClock) -> None:
        ids: list[str] = []
        for _ in range(3):
            ids.append(await finish(store, worker))
            clock.advance(1)
        boundary = (await row(store, ids[1])).finished_at
        assert boundary is not None
        assert await store.count_prunable(Prunable(before=boundary), None) == 1
        assert await store.prune(Prunable(before=boundary), None) == 1
        assert {job.id for job in await store.get(ids, None)} == set(ids[1:])

    async def test_an_unfinished_job_is_never_pruned(self, store: Store, worker: str, clock: ManualClock) -> None:
        waiting, _ = await wait_for_answer(store, worker)
        running = await start(store, worker)
        retried = await start(store, worker, max_attempts=2)
        await settle(store, worker, retried, Retrying(BROKEN, HOUR))
        ready = await enqueue(store)
        clock.advance("3650d")
        for statuses in (tuple(S), Prunable(before=0).statuses):
            prunable = Prunable(before=clock.now(), statuses=statuses)
            assert (await store.count_prunable(prunable, None), await store.prune(prunable, None)) == (0, 0)
        assert len(await store.get([waiting.id, running.id, retried.id, ready], None)) == 4

    async def test_the_oldest_are_pruned_first_and_no_more_than_the_limit(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        runs = [await start(store, worker) for _ in range(5)]
        for run in reversed(runs):  # the youngest job finishes first
            await settle(store, worker, run, Completed("1"))
            clock.advance(1)
        prunable = Prunable(before=clock.now())
        assert await store.count_prunable(prunable, None) == 5
        assert await store.prune(prunable, None, limit=2) == 2
        assert {job.id for job in await store.get([run.id for run in runs], None)} == {run.id for run in runs[:3]}
        assert [await store.prune(prunable, None, limit=2) for _ in range(3)] == [2, 1, 0]

    @pytest.mark.parametrize("status", [S.COMPLETED, S.FAILED, S.CANCELLED])
    async def test_only_the_states_asked_for_are_pruned(
        self, store: Store, worker: str, clock: ManualClock, status: S
    ) -> None:
        completed = await finish(store, worker)
        failed = await start(store, worker)
        await store.rescue([worker])
        cancelled = await enqueue(store)
        await store.cancel(cancelled, None, None, None)
        ids = {S.COMPLETED: completed, S.FAILED: failed.id, S.CANCELLED: cancelled}
        clock.advance(1)
        prunable = Prunable(before=clock.now(), statuses=(status,))
        assert await store.count_prunable(prunable, None) == await store.prune(prunable, None) == 1
        left = {job.id for job in await store.get(list(ids.values()), None)}
        assert left == set(ids.values()) - {ids[status]}

    async def test_what_is_prunable_is_counted_by_owner(self, store: Store, worker: str, clock: ManualClock) -> None:
        for owner in ("ann", "ann", "bob"):
            await finish(store, worker, owner=owner)
        clock.advance(1)
        prunable = Prunable(before=clock.now())
        assert [await store.count_prunable(prunable, owner) for owner in ("ann", "bob", "eve", None)] == [2, 1, 0, 3]

    async def test_with_a_job_goes_all_that_belongs_to_it(self, store: Store, worker: str, clock: ManualClock) -> None:
        large = '"' + "x" * 300_000 + '"'
        kept, _ = await wait_for_answer(store, worker, input=large)
        run, (prompt,) = await wait_for_answer(store, worker, question(data=large), input=large)
        await store.respond(new_id(), prompt.id, None, "answer", large, None)
        run = await claim(store, await register(store))
        await settle(store, worker, run, Completed(large))
        clock.advance(1)
        assert await store.prune(Prunable(before=clock.now()), None) == 1
        assert list(await store.get([run.id], None)) == []
        assert list(await store.history(run.id, None, 0, 100)) == []
        assert list(await store.prompts(None, job=run.id)) == []
        assert list(await store.prompts(None, prompt=prompt.id)) == []
        assert list(await store.steps(run.id, None)) == []
        assert list(await store.orphans()) == []
        assert (await row(store, kept.id)).input == large
