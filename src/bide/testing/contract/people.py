"""People: who is shown a question, who answers it, who cancels and who deletes."""

from __future__ import annotations

import pytest

from bide.errors import AlreadyFinished, NotFinished, NotFound, PromptClosed
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import Completed, Failed, JobFilter, Outcome, Released, Retrying, Settled, Store, Suspended
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
    everything,
    finish,
    kinds,
    new_id,
    prompt_row,
    question,
    record,
    row,
    settle,
    start,
    step,
    wait_for_answer,
    wanting,
)


class Serving(Fixtures):
    """`serve`."""

    async def test_serving_shows_the_open_questions_oldest_first_and_notes_it_once(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run = await start(store, worker)
        prompts = [await store.ask(run.id, run.lease, question(key)) for key in ("z", "a", "m")]
        await store.respond(new_id(), prompts[1].id, None, "answer", '"yes"', None)
        clock.advance(1)
        shown_at = clock.now()
        for _ in range(2):
            shown = await store.serve(run.id, None)
            assert [(one.key, one.served_at) for one in shown] == [("z", shown_at), ("m", shown_at)]
            clock.advance(1)
        assert (await prompt_row(store, prompts[0].id)).served_at == shown_at
        assert (await prompt_row(store, prompts[1].id)).served_at is None
        assert (await kinds(store, run.id)).count(E.PROMPT_SERVED) == 2

    async def test_only_serving_serves(self, store: Store, worker: str) -> None:
        run, _ = await wait_for_answer(store, worker)
        before = await everything(store, run.id)
        assert [one.served_at for one in await store.prompts(None, job=run.id)] == [None]
        assert await everything(store, run.id) == before

    async def test_a_job_without_questions_shows_none(self, store: Store) -> None:
        job_id = await enqueue(store)
        assert list(await store.serve(job_id, None)) == []

    async def test_a_job_that_is_not_there_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.serve(new_id(), None)


class Answering(Fixtures):
    """`respond`."""

    async def test_an_answer_is_recorded_and_wakes_the_job(self, store: Store, worker: str, clock: ManualClock) -> None:
        run, (prompt,) = await wait_for_answer(store, worker)
        clock.advance("3d")
        response = await store.respond(new_id(), prompt.id, None, "answer", '"yes"', "ann")
        assert (response.prompt, response.job, response.action) == (prompt.id, run.id, "answer")
        assert (response.value, response.by, response.at) == ('"yes"', "ann", clock.now())
        assert not response.defaulted
        closed = await prompt_row(store, prompt.id)
        assert (closed.status, closed.closed_at, closed.response) == ("answered", clock.now(), response)
        stored = await row(store, run.id)
        assert (stored.status, stored.reason) == (S.PENDING, "answered")
        assert (await kinds(store, run.id))[-2:] == [E.PROMPT_ANSWERED, E.RESUMED]
        again = await claim(store, worker)
        assert again.attempt == 1
        assert again.recall is not None
        assert [one.response for one in again.recall.prompts] == [response]

    async def test_the_same_response_again_gets_the_same_row(self, store: Store, worker: str) -> None:
        run, (prompt,) = await wait_for_answer(store, worker)
        response = new_id()
        first = await store.respond(response, prompt.id, None, "answer", '"yes"', "ann")
        assert first.id == response
        before = await everything(store, run.id)
        assert await store.respond(response, prompt.id, None, "answer", '"yes"', "ann") == first
        assert await everything(store, run.id) == before
        await settle(store, worker, await claim(store, worker), Completed("1"))
        assert await store.respond(response, prompt.id, None, "answer", '"yes"', "ann") == first

    async def test_the_id_of_a_response_opens_nothing_to_others(self, store: Store, worker: str) -> None:
        _, (prompt,) = await wait_for_answer(store, worker, owner="ann")
        response = new_id()
        await store.respond(response, prompt.id, "ann", "answer", '"yes"', "ann")
        with pytest.raises(NotFound):
            await store.respond(response, prompt.id, "eve", "answer", '"yes"', "eve")

    async def test_a_second_response_is_told_what_was_recorded(self, store: Store, worker: str) -> None:
        run, (prompt,) = await wait_for_answer(store, worker)
        await store.respond(new_id(), prompt.id, None, "answer", '"yes"', "ann")
        before = await everything(store, run.id)
        with pytest.raises(PromptClosed) as closed:
            await store.respond(new_id(), prompt.id, None, "answer", '"no"', "bob")
        assert (closed.value.reason, closed.value.response, closed.value.by) == ("answered", "yes", "ann")
        with pytest.raises(PromptClosed):
            await store.respond(new_id(), prompt.id, None, "cancel", None, "bob")
        assert await everything(store, run.id) == before

    @pytest.mark.parametrize("swept", [False, True], ids=["before the sweep", "after the sweep"])
    async def test_an_answer_counts_only_before_the_deadline(
        self, store: Store, worker: str, clock: ManualClock, swept: bool
    ) -> None:
        late, (late_prompt,) = await wait_for_answer(store, worker, question(timeout=MINUTE))
        _, (timely_prompt,) = await wait_for_answer(store, worker, question(timeout=MINUTE))
        clock.advance(us=MINUTE - 1)
        timely = await store.respond(new_id(), timely_prompt.id, None, "answer", '"yes"', None)
        assert timely.at == clock.now()
        clock.advance(us=1)  # at the deadline itself it is too late
        if swept:
            await store.expire()
        with pytest.raises(PromptClosed) as closed:
            await store.respond(new_id(), late_prompt.id, None, "answer", '"yes"', None)
        assert closed.value.reason == "expired"
        await store.expire()
        expired = await prompt_row(store, late_prompt.id)
        assert (expired.status, expired.response) == ("expired", None)
        assert (await kinds(store, late.id)).count(E.PROMPT_EXPIRED) == 1
        assert (await row(store, late.id)).status is S.PENDING

    async def test_after_a_default_was_taken_nobody_answers(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        _, (prompt,) = await wait_for_answer(store, worker, question(timeout=SECOND, default='"as usual"'))
        clock.advance(1)
        await store.expire()
        with pytest.raises(PromptClosed) as closed:
            await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        assert closed.value.response == "as usual"

    @pytest.mark.parametrize("waiting", [True, False], ids=["while it waits", "while it runs"])
    async def test_after_a_cancel_nobody_answers(self, store: Store, worker: str, waiting: bool) -> None:
        if waiting:
            run, (prompt,) = await wait_for_answer(store, worker)
        else:
            run = await start(store, worker)
            prompt = await store.ask(run.id, run.lease, question())
        await store.cancel(run.id, None, None, None)
        before = await everything(store, run.id)
        with pytest.raises(PromptClosed):
            await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        assert await everything(store, run.id) == before

    async def test_a_withdrawn_question_takes_no_answer(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        prompt = await store.ask(run.id, run.lease, question())
        await settle(store, worker, run, Completed("1"))
        with pytest.raises(PromptClosed) as closed:
            await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        assert closed.value.reason == "withdrawn"

    async def test_a_question_that_is_not_there_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.respond(new_id(), new_id(), None, "answer", '"yes"', None)

    async def test_a_running_job_may_be_answered_and_runs_on(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        prompt = await store.ask(run.id, run.lease, question())
        await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        stored = await row(store, run.id)
        assert (stored.status, stored.lease) == (S.RUNNING, run.lease)
        assert await settle(store, worker, run, Completed("1")) is Settled.APPLIED

    @pytest.mark.parametrize("outcome", [Released(), Retrying(BROKEN, HOUR)], ids=["released", "retrying"])
    async def test_a_pending_job_may_be_answered_and_finds_it_when_it_runs(
        self, store: Store, worker: str, clock: ManualClock, outcome: Outcome
    ) -> None:
        run = await start(store, worker, max_attempts=2)
        prompt = await store.ask(run.id, run.lease, question())
        await settle(store, worker, run, outcome)
        response = await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        assert (await row(store, run.id)).status is S.PENDING
        clock.advance("1h")
        await store.wake_due()
        again = await claim(store, worker)
        assert again.recall is not None
        assert [one.response for one in again.recall.prompts] == [response]

    async def test_one_answer_of_several_wakes_the_job_and_leaves_the_others_open(
        self, store: Store, worker: str
    ) -> None:
        run, (first, second) = await wait_for_answer(store, worker, question("a"), question("b"))
        await store.respond(new_id(), second.id, None, "answer", '"yes"', None)
        assert (await prompt_row(store, first.id)).status == "open"
        again = await claim(store, worker)
        await settle(store, worker, again, Suspended((first.id,), None))
        assert (await row(store, run.id)).status is S.PENDING_HITL
        await store.respond(new_id(), first.id, None, "answer", '"yes"', None)
        again = await claim(store, worker)
        assert again.recall is not None
        assert {one.status for one in again.recall.prompts} == {"answered"}

    async def test_two_answers_of_a_job_that_waits_for_both_are_both_kept(self, store: Store, worker: str) -> None:
        _, prompts = await wait_for_answer(store, worker, question("a"), question("b"))
        for prompt in prompts:
            await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        again = await claim(store, worker)
        assert again.recall is not None
        assert [one.status for one in again.recall.prompts] == ["answered", "answered"]
        assert not await claims(store, worker, wanting())

    async def test_a_person_who_cancels_cancels_the_waiting_job(self, store: Store, worker: str) -> None:
        run, (prompt, other) = await wait_for_answer(store, worker, question("a"), question("b"))
        response_id = new_id()
        response = await store.respond(response_id, prompt.id, None, "cancel", None, "ann")
        assert (response.action, response.value, response.by) == ("cancel", None, "ann")
        stored = await row(store, run.id)
        assert (stored.status, stored.result) == (S.CANCELLED, None)
        assert stored.finished_at is not None
        assert (await kinds(store, run.id))[-1] == E.CANCELLED
        assert (await prompt_row(store, prompt.id)).response == response
        assert (await prompt_row(store, other.id)).status == "withdrawn"
        assert await store.respond(response_id, prompt.id, None, "cancel", None, "ann") == response

    async def test_a_person_who_cancels_asks_the_running_job_to_end(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        prompt = await store.ask(run.id, run.lease, question())
        await store.respond(new_id(), prompt.id, None, "cancel", None, "ann")
        stored = await row(store, run.id)
        assert stored.status is S.RUNNING
        assert stored.cancel_requested_at is not None
        assert set((await store.beat(worker)).cancels) == {run.id}
        assert await settle(store, worker, run, Completed("1")) is Settled.CANCELLED


class Cancelling(Fixtures):
    """`cancel`."""

    @pytest.mark.parametrize("state", ["ready", "delayed", "waiting", "retrying", "sleeping"])
    async def test_where_nothing_runs_a_job_is_cancelled_at_once(
        self, store: Store, worker: str, clock: ManualClock, state: str
    ) -> None:
        match state:
            case "ready":
                job_id = await enqueue(store)
            case "delayed":
                job_id = await enqueue(store, delay=HOUR)
            case "waiting":
                job_id = (await wait_for_answer(store, worker))[0].id
            case _:
                run = await start(store, worker, max_attempts=2)
                job_id = run.id
                retrying = state == "retrying"
                outcome = Retrying(BROKEN, HOUR) if retrying else Suspended((), clock.now() + HOUR)
                await settle(store, worker, run, outcome)
        clock.advance(5)
        cancelled = await store.cancel(job_id, None, "ann", "changed my mind")
        assert cancelled == await row(store, job_id)
        assert (cancelled.status, cancelled.finished_at) == (S.CANCELLED, clock.now())
        assert (await kinds(store, job_id))[-1] == E.CANCELLED
        assert [one.status for one in await store.prompts(None, job=job_id, open_only=True)] == []
        clock.advance("2h")
        await store.wake_due()
        assert not await claims(store, worker, wanting())
        assert await store.next_due() is None

    async def test_a_running_job_is_asked_to_end(self, store: Store, worker: str, clock: ManualClock) -> None:
        run = await start(store, worker)
        asked = await store.cancel(run.id, None, "ann", "too dear")
        assert (asked.status, asked.cancel_requested_at) == (S.RUNNING, clock.now())
        assert asked == await row(store, run.id)
        assert await kinds(store, run.id) == [E.ENQUEUED, E.STARTED, E.CANCEL_REQUESTED]
        assert set((await store.beat(worker)).cancels) == {run.id}

    async def test_asking_again_changes_nothing(self, store: Store, worker: str, clock: ManualClock) -> None:
        run, ready = await start(store, worker), await enqueue(store)
        first = {job_id: await store.cancel(job_id, None, "ann", None) for job_id in (run.id, ready)}
        clock.advance(1)
        assert {job_id: await store.cancel(job_id, None, "bob", None) for job_id in (run.id, ready)} == first
        assert (await kinds(store, run.id)).count(E.CANCEL_REQUESTED) == 1
        assert (await kinds(store, ready)).count(E.CANCELLED) == 1

    @pytest.mark.parametrize("outcome", [Completed("1"), Failed(BROKEN)], ids=["completed", "failed"])
    async def test_a_finished_job_is_not_cancelled(self, store: Store, worker: str, outcome: Outcome) -> None:
        run = await start(store, worker)
        await settle(store, worker, run, outcome)
        before = await everything(store, run.id)
        with pytest.raises(AlreadyFinished):
            await store.cancel(run.id, None, None, None)
        assert await everything(store, run.id) == before

    async def test_a_job_that_is_not_there_cannot_be_cancelled(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.cancel(new_id(), None, None, None)


class Removing(Fixtures):
    """`delete`."""

    async def test_with_a_finished_job_goes_all_that_belongs_to_it(self, store: Store, worker: str) -> None:
        run, (prompt,) = await wait_for_answer(store, worker, owner="ann")
        await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
        run = await claim(store, worker)
        await record(store, run, step())
        await settle(store, worker, run, Completed('"done"'))
        await store.delete(run.id, "ann")
        assert list(await store.get([run.id], None)) == []
        assert list(await store.list(JobFilter(), None)) == []
        assert list(await store.history(run.id, None, 0, 100)) == []
        assert list(await store.prompts(None)) == []
        assert list(await store.steps(run.id, None)) == []
        assert list(await store.orphans()) == []
        with pytest.raises(NotFound):
            await store.delete(run.id, None)

    @pytest.mark.parametrize("state", ["ready", "running", "waiting"])
    async def test_an_unfinished_job_is_kept(self, store: Store, worker: str, state: str) -> None:
        match state:
            case "ready":
                job_id = await enqueue(store)
            case "running":
                job_id = (await start(store, worker)).id
            case _:
                job_id = (await wait_for_answer(store, worker))[0].id
        before = await everything(store, job_id)
        with pytest.raises(NotFinished):
            await store.delete(job_id, None)
        assert await everything(store, job_id) == before

    async def test_only_that_job_is_deleted(self, store: Store, worker: str) -> None:
        gone, kept = await finish(store, worker), await finish(store, worker)
        before = await everything(store, kept)
        await store.delete(gone, None)
        assert await everything(store, kept) == before
