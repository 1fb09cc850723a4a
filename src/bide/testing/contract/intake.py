"""How jobs are accepted."""

from __future__ import annotations

import json

import pytest

from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import Accepted, Existing, IdempotencyClash, JobFilter, Store
from bide.testing.clock import ManualClock
from bide.testing.contract.moves import (
    HOUR,
    ODD_TEXTS,
    SECOND,
    Fixtures,
    claim,
    claims,
    enqueue,
    enqueue_all,
    everything,
    finish,
    history,
    new_id,
    new_job,
    row,
    wanting,
)


class Intake(Fixtures):
    """`insert`."""

    async def test_jobs_are_accepted_in_order_each_with_its_enqueued_event(
        self, store: Store, clock: ManualClock
    ) -> None:
        jobs = [new_job(input=str(n)) for n in range(5)]
        assert list(await store.insert(jobs)) == [Accepted(clock.now())] * 5
        assert [(await row(store, job.id)).input for job in jobs] == [job.input for job in jobs]
        for job in jobs:
            (event,) = await history(store, job.id)
            assert (event.kind, event.seq, event.at, event.attempt) == (E.ENQUEUED, 1, clock.now(), 0)

    async def test_an_accepted_job_is_what_was_asked_for(self, store: Store, clock: ManualClock) -> None:
        parent = await enqueue(store)
        job = new_job(
            input='{"topic":"bees"}', type="write", type_version=3, queue="slow", priority=7, owner="ann",
            max_attempts=4, timeout=HOUR, idempotency_key="k", digest="d", parent=parent,
            labels='{"project":"p1"}',
        )  # fmt: skip
        (accepted,) = await store.insert([job])
        stored = await row(store, job.id)
        assert accepted == Accepted(stored.created_at)
        for name in (
            "input",
            "type",
            "type_version",
            "queue",
            "priority",
            "owner",
            "labels",
            "max_attempts",
            "timeout",
            "parent",
        ):
            assert getattr(stored, name) == getattr(job, name), name
        assert (stored.status, stored.attempt, stored.seq) == (S.PENDING, 0, 1)
        assert (stored.created_at, stored.idempotency_key) == (clock.now(), "k")
        nothing_yet = (stored.result, stored.error, stored.progress, stored.worker, stored.started_at)
        assert nothing_yet == (None,) * 5
        assert (stored.finished_at, stored.cancel_requested_at, stored.elapsed) == (None, None, 0)

    async def test_what_was_accepted_is_known_without_reading_it(self, store: Store, clock: ManualClock) -> None:
        plain = new_job()
        rich = new_job(
            type_version=3, queue="slow", priority=-7, owner="ann", max_attempts=4, timeout=9_000_000, delay=5_000,
            idempotency_key="once", digest="d", labels='{"team":"mail"}', input='{"n":1}',
        )  # fmt: skip
        large = new_job(input='{"text":"' + "x" * 5_000 + '"}')
        jobs = [plain, rich, large, new_job(delay=-1)]
        await store.insert(jobs)
        for job in jobs:
            assert job.row(clock.now()) == await row(store, job.id)

    async def test_accepting_nothing_is_nothing(self, store: Store) -> None:
        assert list(await store.insert([])) == []

    async def test_many_jobs_are_accepted_in_one_call(self, store: Store) -> None:
        jobs = [new_job() for _ in range(2_500)]
        assert await enqueue_all(store, *jobs) == [job.id for job in jobs]
        assert (await store.stats(None)).ready == 2_500

    async def test_the_same_id_again_is_the_same_call_again(self, store: Store) -> None:
        job = new_job()
        (first,) = await store.insert([job])
        (again,) = await store.insert([job])
        assert isinstance(first, Accepted)
        assert again == Existing(await row(store, job.id))
        assert len(await history(store, job.id)) == 1

    async def test_the_same_id_twice_in_one_call_is_one_job(self, store: Store) -> None:
        job = new_job()
        first, again = await store.insert([job, job])
        assert isinstance(first, Accepted)
        assert again == Existing(await row(store, job.id))
        assert len(await history(store, job.id)) == 1

    async def test_the_same_key_and_digest_give_the_job_there_is(self, store: Store) -> None:
        job_id = await enqueue(store, idempotency_key="order-1", digest="d")
        (again,) = await store.insert([new_job(idempotency_key="order-1", digest="d")])
        assert again == Existing(await row(store, job_id))
        assert len(await store.list(JobFilter(), None)) == 1

    async def test_the_same_key_twice_in_one_call_is_one_job(self, store: Store) -> None:
        jobs = [new_job(idempotency_key="k", digest="d") for _ in range(2)]
        first, again = await store.insert(jobs)
        assert isinstance(first, Accepted)
        assert again == Existing(await row(store, jobs[0].id))

    async def test_the_same_key_with_another_digest_is_a_clash_that_changes_nothing(self, store: Store) -> None:
        job_id = await enqueue(store, idempotency_key="order-1", digest="d")
        before = await everything(store, job_id)
        other = new_job(idempotency_key="order-1", digest="e")
        assert list(await store.insert([other])) == [IdempotencyClash("order-1", job_id)]
        assert await everything(store, job_id) == before
        assert not await store.get([other.id], None)
        assert await history(store, other.id) == []

    async def test_one_clash_does_not_fail_the_others(self, store: Store) -> None:
        job_id = await enqueue(store, idempotency_key="k", digest="d")
        before, after = new_job(), new_job(idempotency_key="l", digest="d")
        answers = await store.insert([before, new_job(idempotency_key="k", digest="e"), after])
        assert [type(answer) for answer in answers] == [Accepted, IdempotencyClash, Accepted]
        assert {one.id for one in await store.list(JobFilter(), None)} == {job_id, before.id, after.id}

    async def test_each_owner_has_keys_of_its_own(self, store: Store) -> None:
        ann = await enqueue(store, owner="ann", idempotency_key="k", digest="d")
        bob = await enqueue(store, owner="bob", idempotency_key="k", digest="e")
        nobody = await enqueue(store, idempotency_key="k", digest="f")
        assert len({ann, bob, nobody}) == 3

    async def test_a_key_holds_while_its_job_exists_finished_or_not(self, store: Store, worker: str) -> None:
        job_id = await finish(store, worker, idempotency_key="k", digest="d")
        (again,) = await store.insert([new_job(idempotency_key="k", digest="d")])
        assert again == Existing(await row(store, job_id))
        await store.delete(job_id, None)
        assert await enqueue(store, idempotency_key="k", digest="e") != job_id

    async def test_a_delayed_job_is_pending_and_not_claimed_before_its_time(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        job_id = await enqueue(store, delay=10 * SECOND)
        stored = await row(store, job_id)
        assert (stored.status, stored.reason) == (S.PENDING, "delayed")
        assert stored.due_at == clock.now() + 10 * SECOND
        clock.advance(us=10 * SECOND - 1)
        assert await store.wake_due() == 0
        assert not await claims(store, worker, wanting())
        clock.advance(us=1)
        assert await store.wake_due() == 1
        assert (await claim(store, worker)).id == job_id

    async def test_a_megabyte_comes_back_as_it_went_in(self, store: Store, worker: str) -> None:
        text = json.dumps({"z": 1, "a": "ü" * 1_000_000}, ensure_ascii=False)
        job_id = await enqueue(store, input=text)
        assert (await row(store, job_id)).input == text
        assert (await claim(store, worker)).input == text

    @pytest.mark.parametrize("payload", ['{"b":1, "a":[1e16,1.0,-0.0],\n"a":2}', "null", '"\\u0041"'])
    async def test_payloads_are_text_that_is_never_rewritten(self, store: Store, worker: str, payload: str) -> None:
        job_id = await enqueue(store, input=payload)
        assert (await row(store, job_id)).input == payload
        assert (await claim(store, worker)).input == payload

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    async def test_any_text_is_a_name_an_owner_and_a_key(self, store: Store, worker: str, text: str) -> None:
        payload = json.dumps(text, ensure_ascii=False)
        options = {"type": text, "queue": text, "owner": text, "idempotency_key": text, "input": payload}
        job_id = await enqueue(store, **options)
        stored = await row(store, job_id)
        assert (stored.type, stored.queue, stored.owner, stored.idempotency_key) == (text,) * 4
        assert [one.id for one in await store.get([job_id], text)] == [job_id]
        (taken,) = await claims(store, worker, wanting(queues=[text], types=[text]))
        assert (taken.id, taken.type, taken.owner, taken.input) == (job_id, text, text, payload)

    async def test_a_job_that_was_never_accepted_does_not_exist(self, store: Store) -> None:
        assert list(await store.get([new_id()], None)) == []
