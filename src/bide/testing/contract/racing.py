"""Many at once: whoever comes first wins, once, and everybody is told the truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import chain

from bide.errors import AlreadyFinished, PromptClosed
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import (
    Accepted,
    Claim,
    Completed,
    Existing,
    IdempotencyClash,
    JobRow,
    ResponseRow,
    Settle,
    Settled,
    Store,
)
from bide.testing.clock import ManualClock
from bide.testing.contract.moves import (
    MINUTE,
    Fixtures,
    claim,
    claims,
    enqueue,
    enqueue_all,
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


class Racing(Fixtures):
    """The same verbs, from many tasks and two stores on one database."""

    async def test_two_stores_drain_one_queue_and_every_job_runs_once(self, store: Store, another: Store) -> None:
        ids = await enqueue_all(store, *(new_job(input=str(n)) for n in range(2_000)))
        taken: Counter[str] = Counter()

        async def drain(on: Store) -> None:
            worker = await register(on)
            settles: list[Settle] = []
            while True:
                settled, runs = await on.settle_and_claim(worker, settles, [wanting(50)])
                assert set(settled) <= {Settled.APPLIED}
                taken.update(run.id for run in runs)
                settles = [Settle(run.id, run.lease, 1, Completed(run.input)) for run in runs]
                if not runs:
                    return

        await asyncio.gather(*(drain(on) for on in (store, another) * 4))
        assert taken == Counter(ids)
        stats = await store.stats(None)
        assert (stats.by_status[S.COMPLETED], stats.ready) == (2_000, 0)

    async def test_of_fifty_answers_one_wins_and_the_others_are_told(
        self, store: Store, another: Store, worker: str
    ) -> None:
        run, (prompt,) = await wait_for_answer(store, worker)

        async def answer(on: Store, n: int) -> ResponseRow | PromptClosed:
            try:
                return await on.respond(new_id(), prompt.id, None, "answer", f'"{n}"', f"person {n}")
            except PromptClosed as closed:
                return closed

        answers = await asyncio.gather(*(answer((store, another)[n % 2], n) for n in range(50)))
        (winner,) = [one for one in answers if isinstance(one, ResponseRow)]
        assert {one.by for one in answers} == {winner.by}
        assert (await prompt_row(store, prompt.id)).response == winner
        assert (await kinds(store, run.id)).count(E.PROMPT_ANSWERED) == 1
        assert (await kinds(store, run.id)).count(E.RESUMED) == 1

    async def test_of_a_cancel_and_a_completion_one_wins_and_both_are_told(
        self, store: Store, another: Store, worker: str
    ) -> None:
        async def cancel(run: Claim) -> JobRow | AlreadyFinished:
            try:
                return await another.cancel(run.id, None, "ann", None)
            except AlreadyFinished as finished:
                return finished

        for n in range(40):
            run = await start(store, worker)
            races = [settle(store, worker, run, Completed("1")), cancel(run)]
            told = set(map(type, await asyncio.gather(*(races if n % 2 else races[::-1]))))
            stored = await row(store, run.id)
            assert told == {Settled, AlreadyFinished if stored.status is S.COMPLETED else JobRow}
            assert stored.status in (S.COMPLETED, S.CANCELLED)
            last = (await kinds(store, run.id))[-1]
            assert last == (E.COMPLETED if stored.status is S.COMPLETED else E.CANCELLED)

    async def test_of_an_answer_and_its_deadline_one_wins(
        self, store: Store, another: Store, worker: str, clock: ManualClock
    ) -> None:
        asked = [await wait_for_answer(store, worker, question(timeout=MINUTE)) for _ in range(20)]
        clock.advance(us=MINUTE - 1)

        async def answer(prompt: str) -> bool:
            try:
                await another.respond(new_id(), prompt, None, "answer", '"yes"', None)
            except PromptClosed:
                return False
            return True

        async def expire() -> None:
            clock.advance(us=1)
            while await store.expire():
                pass

        races = [answer(prompt.id) for _, (prompt,) in asked]
        first, _, second = await asyncio.gather(asyncio.gather(*races[:10]), expire(), asyncio.gather(*races[10:]))
        while await store.expire():
            pass
        for (run, (prompt,)), accepted in zip(asked, chain(first, second), strict=True):
            assert (await prompt_row(store, prompt.id)).status == ("answered" if accepted else "expired")
            assert (await kinds(store, run.id)).count(E.RESUMED) == 1

    async def test_one_idempotency_key_makes_one_job_however_many_ask(self, store: Store, another: Store) -> None:
        jobs = [new_job(idempotency_key="k", digest="de"[n % 2]) for n in range(40)]
        answers = await asyncio.gather(*((store, another)[n % 4 < 2].insert([job]) for n, job in enumerate(jobs)))
        flat = [one for answer in answers for one in answer]
        (made,) = [job.id for job, one in zip(jobs, flat, strict=True) if isinstance(one, Accepted)]
        assert {one.job for one in flat if isinstance(one, IdempotencyClash)} == {made}
        assert {one.job.id for one in flat if isinstance(one, Existing)} == {made}
        assert sum(isinstance(one, IdempotencyClash) for one in flat) == 20

    async def test_of_a_rescue_and_a_completion_one_wins(self, store: Store, another: Store) -> None:
        for n in range(20):
            worker = await register(store)
            run = await start(store, worker, max_attempts=2)
            settling, rescuing = settle(store, worker, run, Completed("1")), another.rescue([worker])
            if n % 2:
                settled, rescued = await asyncio.gather(settling, rescuing)
            else:
                rescued, settled = await asyncio.gather(rescuing, settling)
            assert (settled, rescued) in ((Settled.APPLIED, 0), (Settled.LOST, 1))
            stored = await row(store, run.id)
            assert stored.status is (S.PENDING if rescued else S.COMPLETED)
            if rescued:
                await store.cancel(run.id, None, None, None)

    async def test_who_claims_and_who_cancels_agree(self, store: Store, another: Store, worker: str) -> None:
        ids = [await enqueue(store) for _ in range(30)]
        taken: list[Claim] = []

        async def take() -> None:
            while runs := await claims(store, worker, wanting(3)):
                taken.extend(runs)

        rows = (await asyncio.gather(take(), *(another.cancel(job_id, None, None, None) for job_id in ids)))[1:]
        statuses = {job.id: job.status for job in rows if isinstance(job, JobRow)}
        assert set(statuses.values()) <= {S.CANCELLED, S.RUNNING}
        assert {run.id for run in taken} == {job_id for job_id, status in statuses.items() if status is S.RUNNING}
        for run in taken:
            assert await settle(store, worker, run, Completed("1")) is Settled.CANCELLED

    async def test_what_is_written_during_a_drain_is_read_whole(
        self, store: Store, another: Store, worker: str
    ) -> None:
        """A reader never sees a row without its events, nor events without their row."""
        await enqueue_all(store, *(new_job(priority=n) for n in range(100)))
        running = True

        async def read() -> None:
            while running:
                await asyncio.sleep(0)  # a store that answers without waiting lets nobody else run
                (job,) = await another.get([watched], None)
                events = await another.history(watched, None, 0, 100)
                assert len(events) >= job.seq
                (after,) = await another.get([watched], None)
                assert after.seq >= len(events)

        watched = await enqueue(store, priority=50)
        reading = asyncio.create_task(read())
        for _ in range(101):
            run = await claim(store, worker)
            await settle(store, worker, run, Completed("1"))
        running = False
        await reading
