"""How a job is made of another one, and what it keeps."""

from __future__ import annotations

import pytest

from bide.errors import IdempotencyConflict, NotFinished, NotFound
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import (
    LAZY_BYTES,
    Completed,
    Fork,
    JobFilter,
    Retrying,
    Store,
)
from bide.testing.clock import ManualClock
from bide.testing.contract.moves import (
    BROKEN,
    HOUR,
    Fixtures,
    claim,
    enqueue,
    everything,
    finish,
    history,
    kinds,
    last,
    new_id,
    question,
    record,
    row,
    settle,
    start,
    step,
    wait_for_answer,
)

LARGE = '"' + "x" * (LAZY_BYTES + 1) + '"'


class Forking(Fixtures):
    """`fork`."""

    async def test_a_fork_is_enqueued_as_the_other_was(self, store: Store, worker: str, clock: ManualClock) -> None:
        asked = {
            "input": LARGE, "queue": "default", "priority": 7, "owner": "ann", "max_attempts": 4, "timeout": HOUR,
            "labels": '{"project":"p1"}', "idempotency_key": "k", "digest": "d", "type_version": 1,
        }  # fmt: skip
        done = await finish(store, worker, **asked)
        clock.advance(5)
        before = await everything(store, done)
        fork = Fork(id=new_id(), by="bob")
        made = await store.fork(done, "ann", fork)
        assert made == await row(store, fork.id)
        assert made.created_at == clock.now()
        kept = ("type", "type_version", "input", "queue", "priority", "owner", "max_attempts", "timeout", "labels")
        source = await row(store, done)
        assert [getattr(made, name) for name in kept] == [getattr(source, name) for name in kept]
        assert (made.status, made.attempt, made.result, made.forked_from) == (S.PENDING, 0, None, done)
        assert made.idempotency_key is None
        (told,) = await history(store, fork.id)
        assert told.kind == E.ENQUEUED
        assert told.data is not None
        assert done in told.data
        assert '"by":"bob"' in told.data
        assert await everything(store, done) == before
        assert {job.id for job in await store.list(JobFilter(labels=(("project", "p1"),)), "ann")} == {done, fork.id}
        run = await claim(store, worker)
        assert (run.id, run.input, run.attempt) == (fork.id, LARGE, 1)

    async def test_it_keeps_what_was_done_and_answered_and_nothing_else(self, store: Store, worker: str) -> None:
        run = await start(store, worker, max_attempts=3)
        await record(store, run, step("fetch", "1", LARGE))
        await record(store, run, step("fetch", "2", error=BROKEN))
        answered = await store.ask(run.id, run.lease, question("answered"))
        withdrawn = await store.ask(run.id, run.lease, question("open"))
        await store.serve(run.id, None)
        await store.respond(new_id(), answered.id, None, "answer", '"yes"', "ann")
        await settle(store, worker, run, Completed("1"))
        fork = Fork(id=new_id())
        await store.fork(run.id, None, fork)
        (kept,) = await store.steps(fork.id, None)
        assert (kept.name, kept.key, kept.error) == ("fetch", "1", None)
        assert await store.step_result(fork.id, "fetch", "1") == LARGE
        (prompt,) = await store.prompts(None, job=fork.id)
        assert (prompt.key, prompt.status) == ("answered", "answered")
        assert prompt.id not in {answered.id, withdrawn.id}
        assert prompt.response is not None
        (source,) = await store.prompts(None, prompt=answered.id)
        assert source.response is not None
        assert (prompt.response.value, prompt.response.by, prompt.response.at) == ('"yes"', "ann", source.response.at)
        assert await kinds(store, fork.id) == [E.ENQUEUED, E.STEP_COMPLETED, E.PROMPT_OPENED, E.PROMPT_ANSWERED]
        told = await last(store, fork.id, E.PROMPT_ANSWERED)
        assert told.data is not None
        assert prompt.id in told.data
        again = await claim(store, worker)
        assert again.recall is not None
        assert [one.key for one in again.recall.steps] == ["1"]
        assert [one.key for one in again.recall.prompts] == ["answered"]

    async def test_it_keeps_what_came_up_to_an_event(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        asked = await store.ask(run.id, run.lease, question())
        await record(store, run, step(key="1"))
        await store.respond(new_id(), asked.id, None, "answer", '"yes"', "ann")
        await record(store, run, step(key="2"))
        events = await history(store, run.id)

        async def kept(after: int | None) -> tuple[list[str], int]:
            fork = Fork(id=new_id(), after=after)
            await store.fork(run.id, None, fork)
            prompts = await store.prompts(None, job=fork.id)
            return [one.key for one in await store.steps(fork.id, None)], len(prompts)

        expected: dict[str, tuple[list[str], int]] = {}
        for event in events:
            expected[event.kind] = await kept(event.seq)
        assert await kept(0) == ([], 0)
        assert expected[E.PROMPT_OPENED] == ([], 0)
        assert expected[E.PROMPT_ANSWERED] == (["1"], 1)
        assert expected[E.STEP_COMPLETED] == (["1", "2"], 1)
        assert await kept(None) == (["1", "2"], 1)

    async def test_what_a_deadline_answered_counts_and_what_it_closed_does_not(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run, _ = await wait_for_answer(
            store, worker, question("default", timeout=HOUR, default='"no"'), question("none", timeout=HOUR)
        )
        clock.advance(3_601)
        await store.expire()
        fork = Fork(id=new_id())
        await store.fork(run.id, None, fork)
        (prompt,) = await store.prompts(None, job=fork.id)
        assert (prompt.key, prompt.status) == ("default", "expired")
        assert prompt.response is not None
        assert prompt.response.defaulted

    async def test_a_fork_of_a_fork_keeps_what_that_one_had(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        await record(store, run, step())
        await settle(store, worker, run, Completed("1"))
        first, second = Fork(id=new_id()), Fork(id=new_id())
        await store.fork(run.id, None, first)
        await store.fork(first.id, None, second)
        assert len(await store.steps(second.id, None)) == 1
        assert (await row(store, second.id)).forked_from == first.id

    async def test_where_the_end_is_asked_for_an_unfinished_job_is_refused(self, store: Store, worker: str) -> None:
        run = await start(store, worker, max_attempts=2)
        fork = Fork(id=new_id(), finished=True)
        for _ in range(2):
            with pytest.raises(NotFinished):
                await store.fork(run.id, None, fork)
            await settle(store, worker, run, Retrying(BROKEN, HOUR))
        assert await store.get([fork.id], None) == []
        await store.cancel(run.id, None, None, None)
        await store.fork(run.id, None, fork)

    async def test_the_same_fork_again_is_the_same_job(self, store: Store, worker: str) -> None:
        done = await finish(store, worker, owner="ann")
        fork = Fork(id=new_id(), idempotency_key="k", digest="d")
        made = await store.fork(done, None, fork)
        assert made.id == fork.id
        assert await store.fork(done, None, fork) == made
        assert await store.fork(done, None, fork._replace(id=new_id())) == made
        with pytest.raises(IdempotencyConflict) as clash:
            await store.fork(done, None, fork._replace(id=new_id(), digest="other"))
        assert str(clash.value.job_id) == made.id
        another = Fork(id=new_id())
        assert (await store.fork(done, None, another)).id == another.id

    async def test_what_does_not_exist_has_no_fork(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.fork(new_id(), None, Fork(id=new_id()))
        job = await enqueue(store, owner="ann")
        with pytest.raises(NotFound):
            await store.fork(job, "bob", Fork(id=new_id()))
