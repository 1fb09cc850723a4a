"""How jobs are taken, written for, and given up."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from bide.batch import MAX_BYTES
from bide.clock import microseconds
from bide.errors import LeaseLost
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import (
    LAZY_BYTES,
    Cancelled,
    Claim,
    Completed,
    Demand,
    Fact,
    Failed,
    Outcome,
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
    ODD_TEXTS,
    SECOND,
    Fixtures,
    claim,
    claims,
    enqueue,
    everything,
    history,
    kinds,
    last,
    new_id,
    percent,
    progress,
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


class Claiming(Fixtures):
    """The claims of `settle_and_claim`: which jobs, in which order, to whom."""

    async def test_a_claim_is_what_a_worker_needs_to_execute(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        job_id = await enqueue(store, input="[1]", owner="ann", max_attempts=3, timeout=MINUTE)
        run = await claim(store, worker)
        assert run == Claim(job_id, "work", "[1]", 1, 3, run.lease, MINUTE, 0, "ann", None, None)
        stored = await row(store, job_id)
        assert (stored.status, stored.worker, stored.lease, stored.attempt) == (S.RUNNING, worker, run.lease, 1)
        assert (stored.started_at, stored.seq) == (clock.now(), 2)
        started = await last(store, job_id, E.STARTED)
        assert (started.attempt, started.lease, started.at) == (1, run.lease, clock.now())

    async def test_what_nobody_wants_is_not_taken(self, store: Store, worker: str) -> None:
        await enqueue(store)
        assert not await claims(store, worker)
        assert not await claims(store, worker, wanting(0))
        assert not await claims(store, worker, wanting(types=()))
        assert not await claims(store, worker, wanting(queues=()))
        assert (await store.stats(None)).ready == 1

    async def test_the_higher_priority_goes_first(self, store: Store, worker: str) -> None:
        low, high, middle = [await enqueue(store, priority=n) for n in (-5, 10, 0)]
        assert [run.id for run in await claims(store, worker, wanting(3))] == [high, middle, low]

    async def test_of_one_priority_the_earlier_due_goes_first(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        second = await enqueue(store, delay=20 * SECOND)
        first = await enqueue(store, delay=10 * SECOND)
        clock.advance(30)
        third = await enqueue(store)
        await store.wake_due()
        assert [(await claim(store, worker)).id for _ in range(3)] == [first, second, third]

    async def test_of_one_due_time_the_older_goes_first(self, store: Store, worker: str) -> None:
        ids = [await enqueue(store) for _ in range(5)]
        assert [run.id for run in await claims(store, worker, wanting(2))] == ids[:2]
        assert [run.id for run in await claims(store, worker, wanting(9))] == ids[2:]

    async def test_a_resumed_job_keeps_its_place(self, store: Store, worker: str, clock: ManualClock) -> None:
        run, (prompt,) = await wait_for_answer(store, worker)
        clock.advance("1h")
        younger = await enqueue(store)
        await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        assert [(await claim(store, worker)).id for _ in range(2)] == [run.id, younger]

    async def test_a_released_job_keeps_its_place(self, store: Store, worker: str, clock: ManualClock) -> None:
        run = await start(store, worker)
        clock.advance("1h")
        younger = await enqueue(store)
        await settle(store, worker, run, Released())
        assert [(await claim(store, worker)).id for _ in range(2)] == [run.id, younger]

    async def test_a_limit_is_kept_by_each_demand(self, store: Store, worker: str) -> None:
        for queue in ("fast", "slow"):
            for _ in range(4):
                await enqueue(store, queue=queue)
        taken = await claims(store, worker, wanting(3, queues=["fast"]), wanting(1, queues=["slow"]))
        queues = [one.queue for one in await store.get([run.id for run in taken], None)]
        assert sorted(queues) == ["fast", "fast", "fast", "slow"]

    async def test_two_demands_for_the_same_take_each_job_once(self, store: Store, worker: str) -> None:
        ids = [await enqueue(store) for _ in range(5)]
        taken = await claims(store, worker, wanting(3), wanting(3))
        assert sorted(run.id for run in taken) == sorted(ids)

    async def test_other_queues_are_left_alone(self, store: Store, worker: str) -> None:
        other = await enqueue(store, queue="other")
        mine = await enqueue(store)
        assert [run.id for run in await claims(store, worker, wanting(5))] == [mine]
        assert (await row(store, other)).status is S.PENDING

    async def test_types_that_are_not_demanded_are_left_alone(self, store: Store, worker: str) -> None:
        for _ in range(200):  # more than a store may look past
            await enqueue(store, type="unknown", priority=9)
        mine = await enqueue(store)
        assert [run.id for run in await claims(store, worker, wanting(5, types=["work", "rest"]))] == [mine]
        assert (await store.stats(None)).ready == 200

    async def test_what_is_newer_than_the_code_of_a_worker_is_left_to_others(self, store: Store, worker: str) -> None:
        for _ in range(200):  # more than a store may look past
            await enqueue(store, type_version=3, priority=9)
        second = await enqueue(store, type_version=2)
        first = await enqueue(store)
        unknown = await enqueue(store, type="unknown")
        assert [run.id for run in await claims(store, worker, wanting(5))] == [first]
        newer = Demand(("default",), {"rest": 9, "work": 2}, 5)
        assert [run.id for run in await claims(store, worker, newer)] == [second]
        left = await row(store, unknown)
        assert (left.status, left.attempt, left.seq) == (S.PENDING, 0, 1)
        assert (await store.stats(None)).ready == 201
        assert len(await claims(store, worker, Demand(("default",), {"work": 3}, 500))) == 200

    async def test_a_claim_carries_no_more_than_about_four_megabytes(self, store: Store, worker: str) -> None:
        million = '"' + "x" * 1_000_000 + '"'
        sizes = [*[million] * 6, "1", '"' + "x" * 9_000_000 + '"', million, "2"]
        ids = [await enqueue(store, input=text) for text in sizes]
        taken: list[Claim] = []
        while some := await claims(store, worker, wanting(10)):
            assert sum(len(run.input) for run in some[:-1]) < MAX_BYTES
            taken += some
        assert [(run.id, run.input) for run in taken] == list(zip(ids, sizes, strict=True))

    async def test_several_queues_are_merged_by_urgency(self, store: Store, worker: str) -> None:
        order = [("a", 1), ("b", 5), ("c", 3), ("a", 4), ("b", 0), ("c", 2)]
        ids = {priority: await enqueue(store, queue=queue, priority=priority) for queue, priority in order}
        taken = await claims(store, worker, wanting(4, queues=["a", "b", "c"]))
        assert [run.id for run in taken] == [ids[5], ids[4], ids[3], ids[2]]

    async def test_one_job_is_claimed_once(self, store: Store, worker: str, another: Store) -> None:
        await enqueue(store)
        assert len(await claims(store, worker, wanting(5))) == 1
        assert not await claims(another, await register(another), wanting(5))

    async def test_a_worker_without_a_living_row_claims_nothing(self, store: Store) -> None:
        await enqueue(store)
        buried, retired = await register(store), await register(store)
        await store.rescue([buried])
        await store.retire(retired)
        for dead in (buried, retired, new_id()):
            assert not await claims(store, dead, wanting(5))
        assert (await store.stats(None)).ready == 1

    async def test_a_second_claim_brings_what_the_first_left(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        await record(store, run, step("a", "k", '{"n": 1}'))
        answered = await store.ask(run.id, run.lease, question("q"))
        await store.ask(run.id, run.lease, question("dropped"))
        await store.note([percent(run, 40)])
        await store.respond(new_id(), answered.id, None, "answer", '"yes"', "ann")
        await settle(store, worker, run, Suspended((answered.id,), None))
        again = await claim(store, worker)
        assert again.recall is not None
        assert list(again.recall.steps) == [step("a", "k", '{"n": 1}')] == list(await store.steps(run.id, None))
        (recalled,) = again.recall.prompts
        assert recalled == await prompt_row(store, answered.id)
        assert recalled.response is not None
        assert recalled.response.value == '"yes"'
        assert again.progress is not None
        assert json.loads(again.progress)["percent"] == 40


FINAL: dict[str, tuple[Outcome, S, str | None]] = {
    "completed": (Completed('{"n": 1}'), S.COMPLETED, None),
    "failed": (Failed(BROKEN, "refused"), S.FAILED, "refused"),
}
OUTCOMES: dict[str, Outcome] = {
    "completed": Completed("1"),
    "failed": Failed(BROKEN),
    "retrying": Retrying(BROKEN, 0),
    "released": Released(),
    "suspended": Suspended((), 2**52),
}
LEAVING = (*OUTCOMES, "waiting", "resumed", "cancelled", "rescued", "overdue", "retired", "given back")
SPENT = {"retrying": 2, "rescued": 2, "overdue": 2}


async def leave(store: Store, worker: str, clock: ManualClock, way: str) -> Claim:
    """Start a job of three attempts and let it leave `running` in this way; returns the run that ended."""
    run = await start(store, worker, max_attempts=3, timeout=MINUTE)
    match way:
        case "waiting":
            prompt = await store.ask(run.id, run.lease, question())
            await settle(store, worker, run, Suspended((prompt.id,), None))
        case "resumed":
            await settle(store, worker, run, Suspended((), clock.now()))
        case "cancelled":
            await store.cancel(run.id, None, None, None)
            await settle(store, worker, run, Cancelled())
        case "rescued":
            await store.rescue([worker])
        case "overdue":
            assert await store.overdue({run.id: run.lease}) == 1
        case "retired":
            await store.retire(worker)
        case "given back":
            await store.release({run.id: run.lease})
        case _:
            assert await settle(store, worker, run, OUTCOMES[way]) is Settled.APPLIED
    assert (await row(store, run.id)).status is not S.RUNNING
    return run


class Settling(Fixtures):
    """The outcomes that `settle_and_claim` writes; attempts and leases."""

    @pytest.mark.parametrize("outcome", FINAL)
    async def test_a_final_outcome_is_recorded(
        self, store: Store, worker: str, clock: ManualClock, outcome: str
    ) -> None:
        settled, status, reason = FINAL[outcome]
        run = await start(store, worker)
        clock.advance(5)
        assert await settle(store, worker, run, settled) is Settled.APPLIED
        stored = await row(store, run.id)
        assert (stored.status, stored.finished_at, stored.worker) == (status, clock.now(), None)
        assert stored.reason == reason
        assert stored.result == getattr(settled, "result", None)
        assert stored.error == getattr(settled, "error", None)
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, f"job.{outcome}"]

    @pytest.mark.parametrize("outcome", [Completed("1"), Failed(BROKEN), Cancelled()], ids=lambda o: type(o).__name__)
    async def test_a_job_that_ends_takes_back_its_questions(self, store: Store, worker: str, outcome: Outcome) -> None:
        run = await start(store, worker)
        prompt = await store.ask(run.id, run.lease, question())
        if isinstance(outcome, Cancelled):
            await store.cancel(run.id, None, None, None)
        await settle(store, worker, run, outcome)
        assert (await prompt_row(store, prompt.id)).status == "withdrawn"
        assert (await kinds(store, run.id)).count(E.PROMPT_WITHDRAWN) == 1
        assert (await store.stats(None)).open_prompts == 0

    @pytest.mark.parametrize("outcome", ["completed", "released", "cancelled", "waiting", "resumed", "sleeping"])
    async def test_what_an_outcome_tells_is_in_its_event(
        self, store: Store, worker: str, clock: ManualClock, outcome: str
    ) -> None:
        data = '{"swallowed":2}'
        run = await start(store, worker)
        prompt = await store.ask(run.id, run.lease, question())
        if outcome == "cancelled":
            await store.cancel(run.id, None, None, None)
        told: dict[str, Outcome] = {
            "completed": Completed("1", data),
            "released": Released(data),
            "cancelled": Cancelled(data),
            "waiting": Suspended((prompt.id,), None, data),
            "resumed": Suspended((), clock.now(), data),
            "sleeping": Suspended((), clock.now() + HOUR, data),
        }
        assert await settle(store, worker, run, told[outcome]) is not Settled.LOST
        event = (await history(store, run.id))[-1]
        assert event.kind == f"job.{outcome}"
        assert json.loads(event.data or "{}")["swallowed"] == 2

    async def test_a_retry_is_due_later_and_says_why(self, store: Store, worker: str, clock: ManualClock) -> None:
        run = await start(store, worker, max_attempts=2)
        await settle(store, worker, run, Retrying(BROKEN, 10 * SECOND))
        stored = await row(store, run.id)
        assert (stored.status, stored.reason, stored.error) == (S.PENDING, "retrying", BROKEN)
        assert stored.due_at == clock.now() + 10 * SECOND
        clock.advance(us=10 * SECOND - 1)
        await store.wake_due()
        assert not await claims(store, worker, wanting())
        clock.advance(us=1)
        await store.wake_due()
        assert (await claim(store, worker)).attempt == 2

    async def test_a_retry_forgets_failures_and_expired_questions_and_keeps_the_rest(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run = await start(store, worker, max_attempts=2)
        await record(store, run, step("good"))
        await record(store, run, step("bad", error='{"type":"ValueError","message":"no"}'))
        expired = await store.ask(run.id, run.lease, question("expired", timeout=SECOND))
        defaulted = await store.ask(run.id, run.lease, question("defaulted", timeout=SECOND, default='"so"'))
        answered = await store.ask(run.id, run.lease, question("answered"))
        await store.respond(new_id(), answered.id, None, "answer", '"yes"', None)
        clock.advance(2)
        assert await store.expire() == 2
        await settle(store, worker, run, Retrying(BROKEN, 0))
        await store.wake_due()
        again = await claim(store, worker)
        assert again.recall is not None
        assert list(again.recall.steps) == [step("good")]
        assert {prompt.id for prompt in again.recall.prompts} == {answered.id, defaulted.id}
        assert (await prompt_row(store, expired.id)).status == "withdrawn"
        await record(store, again, step("bad"))
        assert len(await store.steps(run.id, None)) == 2
        assert (await store.ask(run.id, again.lease, question("expired"))).status == "open"

    @pytest.mark.parametrize("way", LEAVING)
    async def test_however_a_run_ends_its_lease_is_over(
        self, store: Store, worker: str, clock: ManualClock, way: str
    ) -> None:
        run = await leave(store, worker, clock, way)
        before = await everything(store, run.id)
        stored = await row(store, run.id)
        assert stored.lease > run.lease
        assert stored.worker is None
        with pytest.raises(LeaseLost):
            await record(store, run, step())
        with pytest.raises(LeaseLost):
            await store.ask(run.id, run.lease, question("late"))
        assert list(await store.note([percent(run, 50)])) == [False]
        await store.release({run.id: run.lease})
        assert await everything(store, run.id) == before

    @pytest.mark.parametrize("way", ["rescued", "overdue", "retired", "given back"])
    async def test_what_was_taken_away_cannot_be_settled(
        self, store: Store, worker: str, clock: ManualClock, way: str
    ) -> None:
        run = await leave(store, worker, clock, way)
        before = await everything(store, run.id)
        for outcome in OUTCOMES.values():
            assert await settle(store, worker, run, outcome) is Settled.LOST
        assert await everything(store, run.id) == before

    @pytest.mark.parametrize("way", [way for way in LEAVING if way not in ("completed", "failed", "cancelled")])
    async def test_the_next_run_continues_the_attempt_unless_it_was_spent(
        self, store: Store, worker: str, clock: ManualClock, way: str
    ) -> None:
        run = await leave(store, worker, clock, way)
        between = await row(store, run.id)
        assert between.attempt == 1
        if way == "waiting":
            (prompt,) = await store.prompts(None, job=run.id)
            await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        if way == "suspended":
            clock.advance(us=2**52 - clock.now())
        await store.wake_due()
        again = await claim(store, await register(store))
        assert (again.id, again.attempt) == (run.id, SPENT.get(way, 1))
        assert again.lease > between.lease - 1 >= run.lease
        assert again.recall is not None
        started = [event for event in await history(store, run.id) if event.kind == E.STARTED]
        assert [event.attempt for event in started] == [1, again.attempt]
        assert [event.lease for event in started] == [run.lease, again.lease]

    async def test_time_executed_adds_up_within_an_attempt(self, store: Store, worker: str, clock: ManualClock) -> None:
        run = await start(store, worker, max_attempts=2)
        await settle(store, worker, run, Released(), elapsed=5 * SECOND)
        run = await claim(store, worker)
        assert run.elapsed == 5 * SECOND
        prompt = await store.ask(run.id, run.lease, question())
        await settle(store, worker, run, Suspended((prompt.id,), None), elapsed=3 * SECOND)
        clock.advance("7d")
        await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        run = await claim(store, worker)
        assert run.elapsed == 8 * SECOND
        await settle(store, worker, run, Retrying(BROKEN, 0), elapsed=SECOND)
        await store.wake_due()
        assert (await claim(store, worker)).elapsed == 0

    async def test_the_last_progress_is_written_with_the_outcome(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        await settle(store, worker, run, Completed("1"), progress=progress(90))
        assert (await row(store, run.id)).progress == progress(90)
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.PROGRESS, E.COMPLETED]

    async def test_of_two_ends_of_one_job_the_one_under_its_lease_counts(self, store: Store, worker: str) -> None:
        await enqueue(store, max_attempts=3)
        (lost,) = await claims(store, worker, wanting())
        await store.rescue([worker])
        another = await register(store)
        (run,) = await claims(store, another, wanting())
        await record(store, run, step(error='{"type":"E","message":"no"}'))
        settles = [
            Settle(lost.id, lost.lease, 5, Retrying('{"type":"E","message":"no"}', 0)),
            Settle(run.id, run.lease, 5, Released()),
        ]
        settled, _ = await store.settle_and_claim(another, settles, [])
        assert settled == [Settled.LOST, Settled.APPLIED]
        assert [one.name for one in await store.steps(run.id, None)] == ["fetch"], "only a retry forgets what failed"
        assert (await row(store, run.id)).due_at is None

    async def test_a_wrong_lease_is_told_and_writes_nothing(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        before = await everything(store, run.id)
        for lease in (run.lease + 1, run.lease - 1, -1):
            for outcome in OUTCOMES.values():
                wrong = Settle(run.id, lease, 9, outcome, progress(50))
                settled, _ = await store.settle_and_claim(worker, [wrong], [])
                assert list(settled) == [Settled.LOST]
        assert await everything(store, run.id) == before

    async def test_a_job_that_is_not_there_is_lost(self, store: Store, worker: str) -> None:
        settled, _ = await store.settle_and_claim(worker, [Settle(new_id(), 1, 0, Completed("1"))], [])
        assert list(settled) == [Settled.LOST]

    @pytest.mark.parametrize("outcome", OUTCOMES)
    async def test_settling_twice_is_settling_once(self, store: Store, worker: str, outcome: str) -> None:
        run = await start(store, worker, max_attempts=3)
        assert await settle(store, worker, run, OUTCOMES[outcome], progress=progress(10)) is Settled.APPLIED
        before = await everything(store, run.id)
        assert await settle(store, worker, run, OUTCOMES[outcome], progress=progress(10)) is Settled.APPLIED
        assert await everything(store, run.id) == before

    @pytest.mark.parametrize("outcome", OUTCOMES)
    async def test_the_same_settle_twice_in_one_call_is_settling_once(
        self, store: Store, worker: str, outcome: str
    ) -> None:
        run, other = await start(store, worker, max_attempts=3), await start(store, worker)
        one = Settle(run.id, run.lease, SECOND, OUTCOMES[outcome])
        settled, _ = await store.settle_and_claim(
            worker, [one, one, Settle(other.id, other.lease, 0, Completed("1"))], []
        )
        assert list(settled) == [Settled.APPLIED] * 3
        assert len(await history(store, run.id)) == len(await history(store, other.id)) == 3

    async def test_settling_again_after_the_next_claim_is_still_settling_once(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        await settle(store, worker, run, Released())
        await claim(store, worker)
        before = await everything(store, run.id)
        assert await settle(store, worker, run, Released()) is Settled.APPLIED
        assert await everything(store, run.id) == before

    @pytest.mark.parametrize("outcome", OUTCOMES)
    async def test_a_requested_cancel_is_never_overwritten(self, store: Store, worker: str, outcome: str) -> None:
        run = await start(store, worker, max_attempts=3)
        await store.cancel(run.id, None, "ann", None)
        for _ in range(2):
            assert await settle(store, worker, run, OUTCOMES[outcome]) is Settled.CANCELLED
        stored = await row(store, run.id)
        assert (stored.status, stored.result) == (S.CANCELLED, None)
        assert stored.finished_at is not None
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.CANCEL_REQUESTED, E.CANCELLED]

    async def test_a_run_that_observed_the_cancel_ends_cancelled(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        await store.cancel(run.id, None, None, None)
        await store.note([Fact(run.id, run.lease, E.CANCEL_DELIVERED, "{}")])
        assert await settle(store, worker, run, Cancelled()) is not Settled.LOST
        assert (await row(store, run.id)).status is S.CANCELLED
        expected = [E.ENQUEUED, E.STARTED, E.CANCEL_REQUESTED, E.CANCEL_DELIVERED, E.CANCELLED]
        assert await kinds(store, run.id) == expected

    async def test_one_lost_among_many_does_not_disturb_the_others(self, store: Store, worker: str) -> None:
        for _ in range(5):
            await enqueue(store, max_attempts=2)
        runs = await claims(store, worker, wanting(5))
        await store.cancel(runs[3].id, None, None, None)
        outcomes: list[Outcome] = [Completed("1"), Completed("2"), Failed(BROKEN), Completed("3"), Retrying(BROKEN, 0)]
        settles = [Settle(run.id, run.lease, 0, outcome) for run, outcome in zip(runs, outcomes, strict=True)]
        settles[1] = settles[1]._replace(lease=runs[1].lease + 7)
        settled, _ = await store.settle_and_claim(worker, settles, [])
        applied = Settled.APPLIED
        assert list(settled) == [applied, Settled.LOST, applied, Settled.CANCELLED, applied]
        statuses = [(await row(store, run.id)).status for run in runs]
        assert statuses == [S.COMPLETED, S.RUNNING, S.FAILED, S.CANCELLED, S.PENDING]

    async def test_a_call_settles_before_it_claims(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        settled, taken = await store.settle_and_claim(worker, [Settle(run.id, run.lease, 0, Released())], [wanting()])
        assert list(settled) == [Settled.APPLIED]
        assert [(one.id, one.attempt) for one in taken] == [(run.id, 1)]
        assert taken[0].lease > run.lease

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    async def test_any_text_is_a_result_an_error_and_a_reason(self, store: Store, worker: str, text: str) -> None:
        payload = json.dumps(text, ensure_ascii=False)
        error = json.dumps({"type": text, "message": text, "traceback": text}, ensure_ascii=False)
        completed, failed, cancelled = [await start(store, worker) for _ in range(3)]
        await settle(store, worker, completed, Completed(payload))
        await settle(store, worker, failed, Failed(error, text))
        await store.cancel(cancelled.id, None, text, text)
        await settle(store, worker, cancelled, Cancelled())
        assert (await row(store, completed.id)).result == payload
        stored = await row(store, failed.id)
        assert (stored.error, stored.reason) == (error, text)
        assert (await row(store, cancelled.id)).status is S.CANCELLED

    async def test_a_large_result_comes_back_as_it_went_in(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        text = json.dumps("ü" * 1_000_000, ensure_ascii=False)
        await settle(store, worker, run, Completed(text))
        assert (await row(store, run.id)).result == text


class Suspending(Fixtures):
    """`Suspended`: when a job waits, and when it goes straight back to the queue."""

    async def test_a_waiting_job_holds_nothing(self, store: Store, worker: str) -> None:
        run, (prompt,) = await wait_for_answer(store, worker)
        stored = await row(store, run.id)
        assert (stored.status, stored.worker, stored.due_at) == (S.PENDING_HITL, None, None)
        assert (await store.beat(worker)).running == {}
        assert not await claims(store, worker, wanting())
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.PROMPT_OPENED, E.WAITING]
        assert (await prompt_row(store, prompt.id)).status == "open"

    async def test_answered_before_the_run_ended_it_is_ready_at_once(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        first, second = [await store.ask(run.id, run.lease, question(key)) for key in ("a", "b")]
        await store.respond(new_id(), second.id, None, "answer", '"yes"', None)
        assert (await row(store, run.id)).status is S.RUNNING
        await settle(store, worker, run, Suspended((first.id, second.id), None))
        assert (await row(store, run.id)).status is S.PENDING
        assert (await prompt_row(store, first.id)).status == "open"
        assert (await kinds(store, run.id))[-1] == E.RESUMED
        assert (await claim(store, worker)).attempt == 1

    @pytest.mark.parametrize("default", [None, '"so"'])
    async def test_expired_before_the_run_ended_it_is_ready_at_once(
        self, store: Store, worker: str, clock: ManualClock, default: str | None
    ) -> None:
        run = await start(store, worker)
        prompt = await store.ask(run.id, run.lease, question(timeout=SECOND, default=default))
        clock.advance(2)
        assert await store.expire() == 1
        assert (await row(store, run.id)).status is S.RUNNING
        await settle(store, worker, run, Suspended((prompt.id,), None))
        assert (await kinds(store, run.id))[-1] == E.RESUMED
        assert (await claim(store, worker)).attempt == 1

    async def test_events_tell_times_as_text_that_every_reader_knows(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        delayed = await enqueue(store, delay=HOUR)
        run, (prompt,) = await wait_for_answer(
            store, worker, question(timeout=HOUR), wake_at=clock.now() + MINUTE, max_attempts=2
        )
        clock.advance(MINUTE / SECOND)
        await store.wake_due()
        again = await claim(store, worker)
        await settle(store, worker, again, Retrying(BROKEN, SECOND))
        told: dict[str, str] = {}
        for job in (delayed, run.id):
            for event in await history(store, job):
                for name, value in json.loads(event.data or "{}").items():
                    if name.endswith("_at"):
                        told[event.kind] = value
        due = (await row(store, run.id)).due_at
        assert due is not None
        expected = {
            E.ENQUEUED: (await row(store, delayed)).due_at,
            E.PROMPT_OPENED: prompt.deadline_at,
            E.WAITING: due - SECOND,
            E.RETRYING: due,
        }
        assert all(value.endswith("Z") for value in told.values())
        assert {kind: microseconds(datetime.fromisoformat(value)) for kind, value in told.items()} == expected

    async def test_a_wake_up_that_has_passed_is_ready_at_once(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run = await start(store, worker)
        prompt = await store.ask(run.id, run.lease, question())
        await settle(store, worker, run, Suspended((prompt.id,), clock.now()))
        assert (await kinds(store, run.id))[-1] == E.RESUMED
        assert (await prompt_row(store, prompt.id)).status == "open"
        assert (await claim(store, worker)).id == run.id

    async def test_a_sleeping_job_is_pending_until_its_time(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run = await start(store, worker)
        wake_at = clock.now() + HOUR
        await settle(store, worker, run, Suspended((), wake_at))
        stored = await row(store, run.id)
        assert (stored.status, stored.reason, stored.due_at) == (S.PENDING, "sleeping", wake_at)
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.SLEEPING]
        clock.advance(us=HOUR - 1)
        await store.wake_due()
        assert not await claims(store, worker, wanting())
        clock.advance(us=1)
        await store.wake_due()
        assert (await claim(store, worker)).attempt == 1

    async def test_who_waits_for_a_person_or_a_time_is_woken_by_the_time(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run, (prompt,) = await wait_for_answer(store, worker, wake_at=clock.now() + HOUR)
        stored = await row(store, run.id)
        assert (stored.status, stored.due_at) == (S.PENDING_HITL, clock.now() + HOUR)
        clock.advance("1h")
        assert await store.wake_due() == 1
        assert (await kinds(store, run.id))[-1] == E.RESUMED
        assert (await claim(store, worker)).id == run.id
        assert (await prompt_row(store, prompt.id)).status == "open"

    async def test_who_waits_for_a_person_or_a_time_is_woken_by_the_person(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run, (prompt,) = await wait_for_answer(store, worker, wake_at=clock.now() + HOUR)
        await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        assert (await claim(store, worker)).id == run.id
        clock.advance("2h")
        assert await store.wake_due() == 0

    async def test_questions_that_are_not_awaited_are_withdrawn(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        kept, dropped = [await store.ask(run.id, run.lease, question(key)) for key in ("kept", "dropped")]
        await settle(store, worker, run, Suspended((kept.id,), None))
        assert (await prompt_row(store, kept.id)).status == "open"
        assert (await prompt_row(store, dropped.id)).status == "withdrawn"
        assert (await kinds(store, run.id)).count(E.PROMPT_WITHDRAWN) == 1

    async def test_a_sleep_withdraws_every_question(self, store: Store, worker: str, clock: ManualClock) -> None:
        run = await start(store, worker)
        dropped = await store.ask(run.id, run.lease, question())
        await settle(store, worker, run, Suspended((), clock.now() + HOUR))
        assert (await prompt_row(store, dropped.id)).status == "withdrawn"
        assert (await row(store, run.id)).reason == "sleeping"

    async def test_a_job_may_wait_many_times_in_one_attempt(self, store: Store, worker: str) -> None:
        run, (prompt,) = await wait_for_answer(store, worker, question("q0"))
        for n in range(1, 5):
            await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
            run = await claim(store, worker)
            assert run.attempt == 1
            prompt = await store.ask(run.id, run.lease, question(f"q{n}"))
            await settle(store, worker, run, Suspended((prompt.id,), None))
        assert len(await store.prompts(None, job=run.id)) == 5


class Writing(Fixtures):
    """What a run writes: `record`, `step_result`, `emitters`, `ask`, `note`."""

    async def test_a_step_is_remembered_once(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        for result in ('"first"', '"first"', '"second"'):
            await record(store, run, step(result=result))
        assert await store.step_result(run.id, "fetch", "fetch") == '"first"'
        assert list(await store.steps(run.id, None)) == [step(result='"first"')]
        assert (await kinds(store, run.id)).count(E.STEP_COMPLETED) == 1

    async def test_a_failure_for_good_is_remembered_too(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        failure = step(error='{"type":"ValueError","message":"no"}')
        await record(store, run, failure)
        await record(store, run, step())
        assert list(await store.steps(run.id, None)) == [failure]
        assert (await kinds(store, run.id))[2:] == [E.STEP_FAILED]

    async def test_steps_are_told_apart_by_name_and_by_key(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        done = [step("a", "1"), step("a", "2"), step("b", "1")]
        for one in done:
            await record(store, run, one)
        assert list(await store.steps(run.id, None)) == done

    async def test_the_event_of_a_step_carries_its_data_and_the_lease(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        await record(store, run, step("a", "1"))
        event = await last(store, run.id, E.STEP_COMPLETED)
        assert (json.loads(event.data or ""), event.lease) == ({"step": "a", "key": "1"}, run.lease)

    async def test_a_requested_cancel_does_not_refuse_a_step(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        await store.cancel(run.id, None, None, None)
        await record(store, run, step())
        assert len(await store.steps(run.id, None)) == 1

    async def test_a_step_of_a_job_that_is_not_there_is_refused(self, store: Store) -> None:
        with pytest.raises(LeaseLost):
            await store.record(new_id(), 1, step(), "{}")

    async def test_large_results_are_loaded_on_use(self, store: Store, worker: str) -> None:
        large = json.dumps("ü" * 500_000, ensure_ascii=False)
        limit = '"' + "x" * (LAZY_BYTES - 2) + '"'
        run = await start(store, worker)
        await record(store, run, step("large", result=large))
        await record(store, run, step("limit", result=limit))
        await settle(store, worker, run, Released())
        again = await claim(store, worker)
        assert again.recall is not None
        for steps in (again.recall.steps, await store.steps(run.id, None)):
            by_name = {one.name: one for one in steps}
            assert by_name["large"].result is None
            assert by_name["large"].size > LAZY_BYTES
            assert by_name["limit"].result == limit
        assert await store.step_result(run.id, "large", "fetch") == large
        assert await store.step_result(run.id, "limit", "fetch") == limit

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    async def test_any_text_is_a_step_and_a_question(self, store: Store, worker: str, text: str) -> None:
        payload = json.dumps(text, ensure_ascii=False)
        run = await start(store, worker)
        await record(store, run, step(text, text, payload))
        asked = question(text, data=payload, assignee=text, default=payload, timeout=HOUR)
        prompt = await store.ask(run.id, run.lease, asked)
        assert await store.step_result(run.id, text, text) == payload
        assert (prompt.key, prompt.data, prompt.assignee, prompt.default) == (text, payload, text, payload)
        response = await store.respond(new_id(), prompt.id, None, "answer", payload, text)
        assert (response.value, response.by) == (payload, text)
        assert (await prompt_row(store, prompt.id)).response == response

    async def test_a_question_opens_as_it_was_put(self, store: Store, worker: str, clock: ManualClock) -> None:
        run = await start(store, worker, owner="ann")
        asked = question("plan", kind="confirm", assignee="bob", timeout=HOUR, default='"yes"')
        prompt = await store.ask(run.id, run.lease, asked)
        for name in ("id", "key", "kind", "data", "schema", "assignee", "default"):
            assert getattr(prompt, name) == getattr(asked, name), name
        assert (prompt.job, prompt.owner, prompt.status) == (run.id, "ann", "open")
        assert (prompt.opened_at, prompt.deadline_at) == (clock.now(), clock.now() + HOUR)
        assert (prompt.served_at, prompt.closed_at, prompt.response) == (None, None, None)
        assert prompt == await prompt_row(store, asked.id)
        assert (await kinds(store, run.id))[2:] == [E.PROMPT_OPENED]

    async def test_a_question_without_a_timeout_has_no_deadline(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        assert (await store.ask(run.id, run.lease, question())).deadline_at is None

    async def test_of_two_questions_with_one_key_the_stored_one_wins(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run = await start(store, worker)
        first = await store.ask(run.id, run.lease, question(data='{"v":1}', timeout=MINUTE))
        clock.advance(10)
        assert await store.ask(run.id, run.lease, question(data='{"v":2}', timeout=HOUR)) == first
        await store.respond(new_id(), first.id, None, "answer", '"yes"', None)
        answered = await store.ask(run.id, run.lease, question(data='{"v":3}'))
        assert (answered.id, answered.status) == (first.id, "answered")
        assert answered.response is not None
        assert answered.response.value == '"yes"'
        assert (await kinds(store, run.id)).count(E.PROMPT_OPENED) == 1

    async def test_an_expired_question_stays_expired(self, store: Store, worker: str, clock: ManualClock) -> None:
        run = await start(store, worker)
        first = await store.ask(run.id, run.lease, question(timeout=SECOND))
        clock.advance(1)
        await store.expire()
        again = await store.ask(run.id, run.lease, question())
        assert (again.id, again.status) == (first.id, "expired")

    async def test_a_withdrawn_question_is_asked_anew(self, store: Store, worker: str, clock: ManualClock) -> None:
        run = await start(store, worker)
        dropped = await store.ask(run.id, run.lease, question())
        await settle(store, worker, run, Suspended((), clock.now()))
        run = await claim(store, worker)
        anew = question(data='{"v":2}')
        asked = await store.ask(run.id, run.lease, anew)
        assert (asked.id, asked.data, asked.status) == (anew.id, anew.data, "open")
        assert (await prompt_row(store, dropped.id)).status == "withdrawn"
        assert [prompt.id for prompt in await store.prompts(None, job=run.id)] == [dropped.id, anew.id]

    async def test_asking_without_the_lease_opens_nothing(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        with pytest.raises(LeaseLost):
            await store.ask(run.id, run.lease + 1, question())
        with pytest.raises(LeaseLost):
            await store.ask(new_id(), run.lease, question())
        assert list(await store.prompts(None)) == []

    async def test_the_steps_with_output_are_known_in_every_later_run_recorded_or_not(
        self, store: Store, worker: str
    ) -> None:
        run, other = await start(store, worker, max_attempts=2), await start(store, worker)
        assert not await store.emitters(run.id)

        def said(kind: E, name: str, key: str, by: Claim) -> Fact:
            return Fact(by.id, by.lease, kind, json.dumps({"step": name, "key": key, "text": "t"}))

        await store.note([said(E.OUTPUT, "write", "", run), said(E.OUTPUT, "write", "2", run)])
        await store.note([said(E.OUTPUT, "write", "2", run), said(E.LOG, "silent", "", run)])
        await store.note([said(E.OUTPUT, "other", "", other)])
        await record(store, run, step("write", ""))
        await settle(store, worker, run, Retrying(BROKEN, 0))
        again = await claim(store, worker)
        assert set(await store.emitters(again.id)) == {("write", ""), ("write", "2")}
        assert not await store.emitters(new_id())

    async def test_facts_are_appended_in_order(self, store: Store, worker: str) -> None:
        run, other = await start(store, worker), await start(store, worker)
        texts = [Fact(run.id, run.lease, E.OUTPUT, json.dumps({"text": str(n)})) for n in range(20)]
        reset = Fact(run.id, run.lease, E.OUTPUT_RESET, "{}")
        log = Fact(other.id, other.lease, E.LOG, '{"message":"hi"}')
        assert list(await store.note([reset, *texts[:10], log, *texts[10:]])) == [True] * 22
        events = (await history(store, run.id))[2:]
        assert [(event.kind, event.data) for event in events] == [(fact.kind, fact.data) for fact in [reset, *texts]]
        assert [event.seq for event in events] == list(range(3, 24))
        assert {(event.attempt, event.lease) for event in events} == {(1, run.lease)}
        assert (await last(store, other.id, E.LOG)).data == '{"message":"hi"}'
        assert (await row(store, run.id)).progress is None

    async def test_progress_is_a_fact_and_in_the_row(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        await store.note([percent(run, 10), percent(run, 20)])
        stored = await row(store, run.id)
        assert (stored.progress, stored.seq) == (progress(20), 4)
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.PROGRESS, E.PROGRESS]

    async def test_an_attempt_begins_without_the_progress_of_the_one_before(self, store: Store, worker: str) -> None:
        run = await start(store, worker, max_attempts=2)
        await store.note([percent(run, 90)])
        await settle(store, worker, run, Retrying(BROKEN, 0))
        for shown in (None, progress(10), progress(20)):
            run = await claim(store, worker)
            assert (run.attempt, run.progress) == (2, shown)
            if shown is None:
                assert (await row(store, run.id)).progress == progress(90)
                await settle(store, worker, run, Released())
                run = await claim(store, worker)
                assert run.progress is None
                await store.note([percent(run, 10)])
                await settle(store, worker, run, Released())
            else:
                await settle(store, worker, run, Released(), progress=progress(20))

    async def test_a_fact_without_the_lease_is_told_and_not_written(self, store: Store, worker: str) -> None:
        run, other = await start(store, worker), await start(store, worker)
        late = percent(run, 99)._replace(lease=run.lease + 1)
        nowhere = late._replace(job=new_id())
        assert list(await store.note([percent(run, 10), late, percent(other, 5), nowhere])) == [
            True,
            False,
            True,
            False,
        ]
        assert (await row(store, run.id)).progress == progress(10)
        assert len(await history(store, run.id)) == 3

    async def test_noting_nothing_is_nothing(self, store: Store) -> None:
        assert list(await store.note([])) == []
