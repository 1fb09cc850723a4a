"""Limits: how many jobs of a lane run at once, and how many start within a period, whoever claims them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from bide.errors import AlreadyFinished
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import (
    Claim,
    Completed,
    Demand,
    Fork,
    Hint,
    LaneLimit,
    Outcome,
    Prunable,
    Released,
    Retrying,
    Settle,
    Settled,
    Store,
    Suspended,
)
from bide.testing.clock import ManualClock
from bide.testing.contract.moves import (
    BROKEN,
    HOUR,
    MINUTE,
    SECOND,
    Fixtures,
    claims,
    enqueue,
    enqueue_all,
    last,
    new_id,
    new_job,
    question,
    register,
    row,
    settle,
    wanting,
)

ONE = LaneLimit(concurrency=1)
A = 'job work("a")'
B = 'job work("b")'


def limited(
    limit: int = 10, *, queue: LaneLimit | None = None, lane: LaneLimit | None = None, **options: Any
) -> Demand:
    """As `wanting`, with a limit of the default queue, of the lanes of `work`, or of both."""
    demand = wanting(limit, **options)
    return Demand(
        demand.queues,
        demand.types,
        demand.limit,
        {} if queue is None else {"default": queue},
        {} if lane is None else {"work": lane},
    )


async def in_lane(store: Store, lane: str, count: int = 1, **options: Any) -> list[str]:
    return await enqueue_all(store, *(new_job(lane=lane, **options) for _ in range(count)))


async def end_and_claim(
    store: Store, worker: str, run: Claim, demand: Demand, outcome: Outcome | None = None
) -> list[str]:
    """One turn: a run ends, and what has room is claimed."""
    ended = Settle(run.id, run.lease, 0, Completed("1") if outcome is None else outcome)
    _, taken = await store.settle_and_claim(worker, [ended], [demand])
    return ids(taken)


def ids(taken: Sequence[Claim]) -> list[str]:
    return [claim.id for claim in taken]


class Limiting(Fixtures):
    """What a claim takes from a limited queue, or from a lane."""

    async def test_of_a_lane_no_more_run_than_its_limit(self, store: Store, another: Store, worker: str) -> None:
        first, second, third = await in_lane(store, A, 3)
        two = limited(lane=LaneLimit(concurrency=2))
        runs = await claims(store, worker, two)
        assert ids(runs) == [first, second]
        assert not await claims(another, await register(another), two)
        assert (await store.stats(None)).ready == 1
        assert await end_and_claim(store, worker, runs[0], two) == [third]
        assert not await claims(another, await register(another), two)

    async def test_of_a_queue_no_more_run_than_its_limit(self, store: Store, another: Store, worker: str) -> None:
        first, second, third = await enqueue_all(store, *(new_job() for _ in range(3)))
        two = limited(queue=LaneLimit(concurrency=2))
        runs = await claims(store, worker, two)
        assert ids(runs) == [first, second]
        assert not await claims(another, await register(another), two)
        assert await end_and_claim(store, worker, runs[1], two) == [third]

    async def test_lanes_and_other_jobs_do_not_wait_for_a_full_lane(self, store: Store, worker: str) -> None:
        """In the usual order, all of them together."""
        first, _ = await in_lane(store, A, 2, priority=9)
        (of_b,) = await in_lane(store, B, priority=5)
        plain, urgent = await enqueue(store), await enqueue(store, priority=7)
        assert ids(await claims(store, worker, limited(2, lane=ONE))) == [first, urgent]
        assert ids(await claims(store, worker, limited(lane=ONE))) == [of_b, plain]

    async def test_a_job_needs_a_permit_of_its_queue_and_of_its_lane(self, store: Store, worker: str) -> None:
        first, second = await in_lane(store, A, 2)
        third, fourth = await in_lane(store, B, 2)
        both = limited(queue=LaneLimit(concurrency=2), lane=ONE)
        runs = await claims(store, worker, both)
        assert ids(runs) == [first, third]
        assert not await claims(store, worker, both)
        # The second of that lane would be next, and its lane is full; then nothing is, as the queue is.
        assert await end_and_claim(store, worker, runs[1], both) == [fourth]
        assert await end_and_claim(store, worker, runs[0], both) == [second]

    async def test_the_started_event_tells_of_the_limits(self, store: Store, worker: str) -> None:
        (of_a,) = await in_lane(store, A)
        plain = await enqueue(store)
        await claims(store, worker, limited(lane=LaneLimit(3, 60, MINUTE), queue=LaneLimit(concurrency=5)))
        queue, lane = {"concurrency": 5}, {"concurrency": 3, "rate": 60, "period": MINUTE}
        about = {job: json.loads((await last(store, job, E.STARTED)).data or "") for job in (of_a, plain)}
        assert about == {
            of_a: {"worker": worker, "limits": {"queue": queue, "lane": lane}},
            plain: {"worker": worker, "limits": {"queue": queue}},
        }
        assert (await row(store, of_a)).lane == A

    async def test_of_those_that_wait_in_a_lane_the_most_urgent_goes_first(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        await in_lane(store, A)
        (run,) = await claims(store, worker, limited(lane=ONE))
        (late,) = await in_lane(store, A)
        (urgent,) = await in_lane(store, A, priority=3)
        clock.advance(60)
        (youngest,) = await in_lane(store, A)
        order: list[str] = []
        for _ in range(3):
            order += await end_and_claim(store, worker, run, limited(lane=ONE))
            run = run._replace(id=order[-1], lease=1)
        assert order == [urgent, late, youngest]

    async def test_whatever_waits_holds_no_permit_and_needs_one_to_go_on(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        one = limited(lane=ONE)
        await in_lane(store, A, 5, max_attempts=3)
        (asking,) = await claims(store, worker, one)
        prompt = await store.ask(asking.id, asking.lease, question())
        wake_at = clock.now() + HOUR
        waits: list[Outcome] = [Suspended((prompt.id,), None), Suspended((), wake_at), Retrying(BROKEN, HOUR)]
        run = asking
        for outcome in waits:
            before = run
            ended = Settle(run.id, run.lease, 0, outcome)
            _, (run,) = await store.settle_and_claim(worker, [ended], [one])
            assert run.id != before.id
        await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        clock.advance("1h")
        await store.wake_due()
        assert not await claims(store, worker, one), "those that go on wait for the one that runs"
        # The answered job has its old place, before the one that was enqueued after it.
        assert (await end_and_claim(store, worker, run, one))[0] == asking.id

    async def test_a_job_whose_question_has_expired_is_found_in_its_lane(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        one = limited(lane=ONE)
        (job,) = await in_lane(store, A)
        (run,) = await claims(store, worker, one)
        prompt = await store.ask(run.id, run.lease, question(timeout=HOUR))
        await settle(store, worker, run, Suspended((prompt.id,), None))
        assert not await claims(store, worker, one), "nothing waits in the lane, so it is forgotten"
        clock.advance("1h")
        assert await store.expire() == 1
        assert ids(await claims(store, worker, one)) == [job]

    async def test_a_permit_is_free_however_the_run_ended(self, store: Store, another: Store, worker: str) -> None:
        """Nothing that ends a run has to give it back."""
        one = limited(lane=ONE)
        await in_lane(store, A, 7, timeout=SECOND)
        taken: list[str] = []

        async def take(at: Store, name: str) -> Claim:
            (run,) = await claims(at, name, one)
            taken.append(run.id)
            return run

        run = await take(store, worker)
        await store.release({run.id: run.lease})
        run = await take(store, worker)
        await store.overdue({run.id: run.lease})
        run = await take(store, worker)
        await store.cancel(run.id, None, None, None)
        await settle(store, worker, run, Completed("1"))
        dead = await register(another)
        await take(another, dead)
        await store.rescue([dead])
        leaving = await register(another)
        await take(another, leaving)
        await another.retire(leaving)
        run = await take(store, worker)
        await settle(store, worker, run, Released())
        assert len(await claims(store, worker, one)) == 1
        assert taken[0] == taken[1], "given back, it keeps its place"

    async def test_a_rate_is_kept_within_every_period(
        self, store: Store, another: Store, worker: str, clock: ManualClock
    ) -> None:
        first, second, third, fourth = await in_lane(store, A, 4)
        two = limited(lane=LaneLimit(rate=2, period=MINUTE))
        assert await store.next_due() is None
        begun = clock.now()
        (run,) = await claims(store, worker, limited(1, lane=LaneLimit(rate=2, period=MINUTE)))
        assert run.id == first
        clock.advance(20)
        assert ids(await claims(store, worker, two)) == [second]
        # How long they run is of no account.
        assert await end_and_claim(store, worker, run, two) == []
        assert await another.next_due() == begun + MINUTE
        clock.advance(39.999999)
        await in_lane(store, A)  # so that the lane is looked at
        assert not await claims(another, await register(another), two)
        clock.advance(us=1)
        assert await store.next_due() is None
        assert ids(await claims(another, await register(another), two)) == [third]
        assert await store.next_due() == begun + MINUTE + 20 * SECOND
        clock.advance(20)
        assert ids(await claims(store, worker, two)) == [fourth]

    async def test_a_queue_has_a_rate(self, store: Store, worker: str, clock: ManualClock) -> None:
        first, second, third = await enqueue_all(store, *(new_job() for _ in range(3)))
        two = limited(queue=LaneLimit(concurrency=5, rate=2, period=MINUTE))
        begun = clock.now()
        runs = await claims(store, worker, two)
        assert ids(runs) == [first, second]
        assert await end_and_claim(store, worker, runs[0], two) == []
        assert await store.next_due() == begun + MINUTE
        clock.advance(60)
        assert ids(await claims(store, worker, two)) == [third]

    async def test_a_rate_counts_what_was_deleted(self, store: Store, worker: str, clock: ManualClock) -> None:
        one = limited(lane=LaneLimit(rate=1, period=MINUTE))
        await in_lane(store, A, 2)
        (run,) = await claims(store, worker, one)
        await settle(store, worker, run, Completed("1"))
        assert await store.prune(Prunable(before=clock.now() + 1), None) == 1
        assert await store.forget_permits() == 0
        assert not await claims(store, worker, one)
        clock.advance(60)
        assert len(await claims(store, worker, one)) == 1

    async def test_only_permits_that_nothing_counts_are_forgotten(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        await in_lane(store, A, 3)
        await in_lane(store, B, 2)
        demand = limited(lane=LaneLimit(concurrency=1, rate=9, period=MINUTE))
        of_a, of_b = await claims(store, worker, demand)
        await settle(store, worker, of_a, Completed("1"))
        assert await store.forget_permits() == 0
        clock.advance(60)
        assert await store.forget_permits() == 1, "the one of the run that ended"
        await settle(store, worker, of_b, Completed("1"))
        assert await store.forget_permits() == 1
        assert len(await claims(store, worker, demand)) == 2

    async def test_jobs_of_one_lane_in_several_queues_share_its_limit(
        self, store: Store, another: Store, worker: str
    ) -> None:
        (here,) = await in_lane(store, A)
        (there, later) = await in_lane(store, A, 2, queue="other")
        other = await register(another)
        (run,) = await claims(store, worker, limited(lane=ONE))
        assert run.id == here
        assert not await claims(another, other, limited(lane=ONE, queues=["other"]))
        await settle(store, worker, run, Completed("1"))
        assert not await claims(store, worker, limited(lane=ONE))
        runs = await claims(another, other, limited(lane=ONE, queues=["other"]))
        assert ids(runs) == [there]
        assert await end_and_claim(another, other, runs[0], limited(lane=ONE, queues=["other", "default"])) == [later]

    async def test_a_lane_is_open_again_to_whoever_serves_its_queue(
        self, store: Store, another: Store, worker: str
    ) -> None:
        """Who ends a run need not serve it, or know its type."""
        await in_lane(store, A)
        (run,) = await claims(store, worker, limited(lane=ONE))
        (waiting,) = await in_lane(store, A)
        assert not await claims(store, worker, limited(lane=ONE))
        stranger = await register(another)
        assert await end_and_claim(another, stranger, run, limited(queues=["other"], types=["rest"])) == []
        assert ids(await claims(store, worker, limited(lane=ONE))) == [waiting]

    async def test_two_demands_share_the_limits(self, store: Store, worker: str) -> None:
        await enqueue_all(store, *(new_job(type=kind) for kind in ("work", "rest") * 3))
        two = {"default": LaneLimit(concurrency=2)}
        demands = [Demand(("default",), {kind: 1}, 2, two) for kind in ("work", "rest")]
        assert len(await claims(store, worker, *demands)) == 2
        await in_lane(store, A, 3)
        unlimited = Demand(("default",), {"work": 1}, 5, {}, {"work": ONE})
        taken = await claims(store, worker, unlimited, unlimited)
        assert sum([(await row(store, job)).lane == A for job in ids(taken)]) == 1

    async def test_who_knows_no_limit_takes_freely_and_is_counted(
        self, store: Store, another: Store, worker: str
    ) -> None:
        """As the workers of two versions do, of which one has the limit and the other has not."""
        await in_lane(store, A, 4)
        older = await register(another)
        assert len(await claims(another, older, wanting(2))) == 2
        assert len(await claims(store, worker, limited(lane=LaneLimit(concurrency=3)))) == 1

    async def test_jobs_of_a_newer_version_do_not_stand_in_the_way(self, store: Store, worker: str) -> None:
        await in_lane(store, A, 2, type_version=2)
        (known,) = await in_lane(store, A)
        assert ids(await claims(store, worker, limited(lane=ONE))) == [known]

    async def test_a_waiting_job_that_is_cancelled_lets_the_next_one_pass(self, store: Store, worker: str) -> None:
        one = limited(lane=ONE)
        await in_lane(store, A)
        (run,) = await claims(store, worker, one)
        head, following = await in_lane(store, A, 2)
        assert not await claims(store, worker, one)
        await settle(store, worker, run, Completed("1"))
        await store.cancel(head, None, None, None)
        assert ids(await claims(store, worker, one)) == [following]

    async def test_a_delayed_job_is_found_in_its_lane_once_it_is_due(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        (delayed,) = await in_lane(store, A, delay=HOUR)
        assert not await claims(store, worker, limited(lane=ONE))
        clock.advance("1h")
        assert await store.wake_due() == 1
        assert ids(await claims(store, worker, limited(lane=ONE))) == [delayed]

    async def test_a_fork_is_in_the_lane_of_its_job(self, store: Store, worker: str) -> None:
        await in_lane(store, A)
        (run,) = await claims(store, worker, limited(lane=ONE))
        fork = await store.fork(run.id, None, Fork(id=new_id()))
        assert fork.lane == A
        assert not await claims(store, worker, limited(lane=ONE))
        assert await end_and_claim(store, worker, run, limited(lane=ONE)) == [fork.id]

    async def test_waiting_too_long_lifts_a_job_within_its_lane(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        await in_lane(store, A)
        (run,) = await claims(store, worker, limited(lane=ONE))
        (old,) = await in_lane(store, A, priority=-5)
        clock.advance("1h")
        await in_lane(store, A, 2, priority=5)
        assert await store.promote(30 * MINUTE) == 1
        assert await end_and_claim(store, worker, run, limited(lane=ONE)) == [old]

    async def test_of_hundreds_of_lanes_each_one_comes_to_its_turn(self, store: Store, worker: str) -> None:
        lanes = [f"job work({n})" for n in range(250)]
        jobs = await enqueue_all(store, *(new_job(lane=lane) for lane in lanes for _ in range(2)))
        taken: list[str] = []
        for _ in range(10):
            taken += ids(await claims(store, worker, limited(100, lane=ONE)))
        assert sorted(taken) == sorted(jobs[::2])
        assert not await claims(store, worker, limited(100, lane=ONE))

    @pytest.mark.parametrize("outcome", [Completed("1"), Suspended((), 2**52)], ids=["completed", "suspended"])
    async def test_who_frees_a_permit_wakes_the_others(
        self, store: Store, another: Store, worker: str, outcome: Outcome
    ) -> None:
        """One that takes nothing itself, as at the end of its work."""
        woken = asyncio.Event()
        unsubscribe = another.subscribe(lambda hint: woken.set() if hint is Hint.READY else None)
        await in_lane(store, A)
        (run,) = await claims(store, worker, limited(lane=ONE))
        (waiting,) = await in_lane(store, A)
        other = await register(another)
        assert not await claims(another, other, limited(lane=ONE))
        await asyncio.sleep(0.5)  # what was enqueued has been told of
        woken.clear()
        await settle(store, worker, run, outcome)
        await asyncio.wait_for(woken.wait(), 30)
        unsubscribe()
        assert ids(await claims(another, other, limited(lane=ONE))) == [waiting]

    async def test_of_many_claimers_none_passes_the_rates(
        self, store: Store, another: Store, clock: ManualClock
    ) -> None:
        """Runs end at once, so that nothing but the rates holds anybody back; and each period is used to the full."""
        await enqueue_all(store, *(new_job(lane=[A, B][n % 2]) for n in range(200)))
        demand = limited(3, queue=LaneLimit(rate=15, period=MINUTE), lane=LaneLimit(rate=9, period=MINUTE))
        workers = [(on, await register(on)) for on in (store, another) for _ in range(4)]

        async def work(on: Store, worker: str) -> list[str]:
            begun: list[str] = []
            runs: list[Claim] = []
            while True:
                ends = [Settle(run.id, run.lease, 1, Completed("1")) for run in runs]
                _, taken = await on.settle_and_claim(worker, ends, [demand])
                if not taken and not runs:
                    return begun
                runs = list(taken)
                begun += ids(runs)

        for _ in range(5):
            done = [job for begun in await asyncio.gather(*(work(*one) for one in workers)) for job in begun]
            assert len(done) == len(set(done)) == 15
            lanes = Counter(one.lane for one in await store.get(done, None))
            assert max(lanes.values()) <= 9
            clock.advance(60)

    @pytest.mark.parametrize("queue", [None, LaneLimit(concurrency=6)])
    async def test_of_many_claimers_none_passes_the_limits(
        self, store: Store, another: Store, queue: LaneLimit | None
    ) -> None:
        """Beside some who cancel, and some who take workers for dead; the checker looks for more than the limits."""
        lanes = [A, B, "job work(3)", ""]
        jobs = await enqueue_all(
            store, *(new_job(lane=lanes[n % 4], priority=n % 3, max_attempts=9) for n in range(400))
        )
        demand = limited(5, queue=queue, lane=LaneLimit(concurrency=2))
        done: Counter[str] = Counter()

        async def finished() -> bool:
            stats = await store.stats(None)
            return not stats.by_status[S.PENDING] + stats.by_status[S.RUNNING]

        async def work(on: Store, n: int) -> None:
            worker = await register(on)
            runs: list[Claim] = []
            while not await finished():
                ending, runs = runs[: 1 + n % 2], runs[1 + n % 2 :]
                ends = [Settle(run.id, run.lease, 1, Completed("1")) for run in ending]
                settled, taken = await on.settle_and_claim(worker, ends, [demand])
                # Whose row somebody held who cancels, is handed in again.
                held = [run for run, answer in zip(ending, settled, strict=True) if answer is Settled.HELD]
                runs = [*held, *runs, *taken]
                done.update(ids(taken))
                if n == 0 and taken:
                    # It dies with what it has taken, and begins anew.
                    await on.rescue([worker])
                    runs, worker = [], await register(on)

        async def cancel() -> None:
            for job in jobs[::17]:
                try:
                    await another.cancel(job, None, None, None)
                except AlreadyFinished:
                    continue

        async with asyncio.timeout(120):
            await asyncio.gather(*(work((store, another)[n % 2], n) for n in range(6)), cancel())
        assert len(done) >= 400 - len(jobs[::17])
