"""What readers see, and that nobody sees what is another's."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from bide.errors import NotFound
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.store.base import (
    LAZY_BYTES,
    PAGE_BYTES,
    Cancelled,
    Completed,
    EventRow,
    Fact,
    Failed,
    Fork,
    Hint,
    JobFilter,
    Outcome,
    Prunable,
    Released,
    Settled,
    Stats,
    Store,
    whole_history,
)
from bide.testing.clock import ManualClock
from bide.testing.contract.moves import (
    BROKEN,
    HOUR,
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
    percent,
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


class Reading(Fixtures):
    """`get`, `list`, `feed`, `history`, `prompts`, `answered_by`, `last_closed`, `steps`, `orphans`, `stats`, `mark`,
    `changes`, `subscribe`."""

    async def test_get_gives_those_that_exist(self, store: Store) -> None:
        ids = [await enqueue(store) for _ in range(3)]
        rows = await store.get([ids[0], new_id(), ids[2], ids[0]], None)
        assert {job.id for job in rows} == {ids[0], ids[2]}
        assert list(await store.get([], None)) == []

    async def test_many_jobs_are_got_at_once(self, store: Store) -> None:
        ids = await enqueue_all(store, *(new_job() for _ in range(1_500)))
        assert {job.id for job in await store.get(ids, None)} == set(ids)

    async def test_what_one_store_wrote_the_other_reads_at_once(
        self, store: Store, another: Store, worker: str
    ) -> None:
        run = await start(store, worker)
        assert (await row(another, run.id)).status is S.RUNNING
        await settle(another, worker, run, Completed("1"))
        assert (await row(store, run.id)).status is S.COMPLETED
        assert await everything(store, run.id) == await everything(another, run.id)

    async def test_a_list_shows_the_jobs_that_have_all_the_labels(self, store: Store) -> None:
        both = await enqueue(store, labels='{"a":"1","b":"2"}')
        one = await enqueue(store, labels='{"a":"1"}', owner="ann")
        await enqueue(store, labels='{"a":"2","b":"1"}')
        await enqueue(store)

        async def listed(*labels: tuple[str, str], owner: str | None = None, **more: Any) -> list[str]:
            return [job.id for job in await store.list(JobFilter(labels=labels, **more), owner)]

        assert await listed(("a", "1")) == [one, both]
        assert await listed(("a", "1"), ("b", "2")) == [both]
        assert await listed(("b", "2"), ("a", "1")) == [both]
        assert await listed(("a", "1"), ("b", "1")) == []
        assert await listed(("c", "1")) == []
        assert await listed(("a", "1"), owner="ann") == [one]
        assert await listed(("a", "1"), limit=1) == [one]
        assert await listed(("a", "1"), before=one) == [both]
        assert await listed(("a", "1"), statuses=(S.FAILED,)) == []

    async def test_labels_go_with_their_job(self, store: Store, worker: str) -> None:
        done = await finish(store, worker, labels='{"a":"1"}')
        assert (await row(store, done)).labels == '{"a":"1"}'
        await store.delete(done, None)
        assert await store.list(JobFilter(labels=(("a", "1"),)), None) == []
        assert await store.orphans() == []

    async def test_a_list_shows_the_jobs_of_a_time(self, store: Store, clock: ManualClock) -> None:
        times: list[int] = []
        ids: list[str] = []
        for _ in range(3):
            times.append(clock.now())
            ids.append(await enqueue(store))
            clock.advance(1)

        async def listed(after: int | None, before: int | None) -> list[str]:
            chosen = JobFilter(created_after=after, created_before=before)
            return [job.id for job in reversed(await store.list(chosen, None))]

        assert await listed(times[1], None) == ids[1:]
        assert await listed(None, times[1]) == ids[:1]
        assert await listed(times[0], times[2]) == ids[:2]
        assert await listed(times[0] + 1, times[1]) == []

    async def test_a_feed_tells_the_events_of_some_owners_in_order(self, store: Store, worker: str) -> None:
        before = (await store.feed(-1, None)).position
        mine = await finish(store, worker, owner="ann")
        other = await finish(store, worker, owner="bob")
        told = await store.feed(before, None)
        assert [(owner, event.job) for owner, event in told.events] == [("ann", mine)] * 3 + [("bob", other)] * 3
        assert [event.pos for _, event in told.events] == sorted({event.pos for _, event in told.events})
        assert [event for _, event in (await store.feed(before, {"ann"})).events] == await history(store, mine)
        assert (await store.feed(before, set())).events == []
        assert (await store.feed(before, {"eve"})).position == told.position
        assert (await store.feed(told.position, None)).events == []
        assert (await store.feed(-1, None)).position == told.position

    async def test_a_feed_comes_in_pages_and_leaves_out_nothing(self, store: Store, worker: str) -> None:
        position = (await store.feed(-1, None)).position
        ids = [await finish(store, worker, owner="ann" if n % 2 else "bob") for n in range(10)]
        expected = [event for job in ids[1::2] for event in await history(store, job)]
        seen: list[EventRow] = []
        while True:
            page = await store.feed(position, {"ann"}, 4)
            seen += [event for _, event in page.events]
            if page.position == position:
                break
            position = page.position
        assert seen == expected

    async def test_a_feed_passes_over_what_was_deleted(self, store: Store, worker: str) -> None:
        position = (await store.feed(-1, None)).position
        gone = await finish(store, worker)
        kept = await finish(store, worker)
        await store.delete(gone, None)
        told = await store.feed(position, None)
        assert {event.job for _, event in told.events} == {kept}
        await store.delete(kept, None)
        # A position is never given twice, though the newest events are gone.
        assert (await store.feed(-1, None)).position == told.position

    async def test_a_list_is_newest_first_and_read_page_by_page(self, store: Store) -> None:
        ids = [await enqueue(store) for _ in range(7)]
        pages: list[list[str]] = []
        before: str | None = None
        while page := await store.list(JobFilter(limit=3, before=before), None):
            pages.append([job.id for job in page])
            before = page[-1].id
        newest = ids[::-1]
        assert pages == [newest[:3], newest[3:6], newest[6:]]

    async def test_a_list_of_several_statuses_is_read_page_by_page(self, store: Store, worker: str) -> None:
        outcomes: list[Outcome] = [Failed(BROKEN), Completed("1"), Cancelled()]
        ids: list[str] = []
        for n in range(9):
            run = await start(store, worker)
            assert await settle(store, worker, run, outcomes[n % 3]) is not Settled.LOST
            ids.append(run.id)
        wanted = [job for n, job in enumerate(ids) if n % 3 != 1][::-1]
        seen: list[str] = []
        statuses = (S.FAILED, S.CANCELLED)
        while page := await store.list(JobFilter(statuses=statuses, before=seen[-1] if seen else None, limit=4), None):
            seen += [job.id for job in page]
        assert seen == wanted
        assert list(await store.list(JobFilter(statuses=statuses, types=("other",)), None)) == []
        assert [job.id for job in await store.list(JobFilter(statuses=(S.FAILED,)), None)] == wanted[1::2]

    async def test_a_list_reads_no_payloads_however_it_is_asked_for(self, store: Store, worker: str) -> None:
        large = '"' + "x" * (LAZY_BYTES + 1) + '"'
        run = await start(store, worker, input=large, owner="ann", labels='{"a":"1"}')
        await settle(store, worker, run, Completed(large))
        small = await finish(store, worker, owner="ann", labels='{"a":"1"}')
        whole = [await row(store, job) for job in (small, run.id)]
        assert all(job.result is not None for job in whole)
        listed = [job._replace(input="", result=None) for job in whole]
        assert await store.list(JobFilter(), None) == listed
        assert await store.list(JobFilter(), "ann") == listed
        assert await store.list(JobFilter(labels=(("a", "1"),)), None) == listed

    async def test_a_list_shows_what_the_filter_says(self, store: Store, worker: str) -> None:
        done = await finish(store, worker)
        waiting, _ = await wait_for_answer(store, worker)
        ready = await enqueue(store, type="other", queue="slow")

        async def shown(**filters: Any) -> set[str]:
            return {job.id for job in await store.list(JobFilter(**filters), None)}

        assert await shown() == {done, waiting.id, ready}
        assert await shown(statuses=(S.COMPLETED,)) == {done}
        assert await shown(statuses=(S.COMPLETED, S.PENDING_HITL)) == {done, waiting.id}
        assert await shown(types=("other",)) == {ready}
        assert await shown(types=("other", "work")) == {done, waiting.id, ready}
        assert await shown(queues=("default",)) == {done, waiting.id}
        assert await shown(queues=("default",), types=("other",)) == set()
        assert await shown(statuses=(S.PENDING,), queues=("slow",), types=("other",)) == {ready}

    async def test_no_job_is_found_by_what_none_can_have(self, store: Store) -> None:
        both = await enqueue(store, type="work", queue="default", owner="ann", labels='{"a":"1"}')
        odd = "\0"
        for filters in (
            {"types": (odd,)}, {"queues": (odd,)}, {"labels": (("a", odd),)}, {"labels": ((odd, "1"),)},
            {"labels": (("a", "1"), ("b", odd))}, {"statuses": (S.read(odd),)},
        ):  # fmt: skip
            chosen: dict[str, Any] = filters
            assert await store.list(JobFilter(**chosen), None) == []
        assert await store.list(JobFilter(), odd) == []
        assert [job.id for job in await store.list(JobFilter(types=(odd, "work")), "ann")] == [both]

    async def test_a_history_is_read_from_any_number_on(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        await store.note([percent(run, n) for n in range(10)])
        whole = await history(store, run.id)
        assert [event.seq for event in whole] == list(range(1, 13))
        assert [event.pos for event in whole] == sorted({event.pos for event in whole})
        assert list(await store.history(run.id, None, 4, 3)) == whole[4:7]
        assert list(await store.history(run.id, None, 10, 100)) == whole[10:]
        assert list(await store.history(run.id, None, 12, 100)) == []
        assert list(await store.history(new_id(), None, 0, 100)) == []

    async def test_a_page_of_events_holds_what_fits_and_one_at_least(self, store: Store, worker: str) -> None:
        before = (await store.feed(-1, None)).position
        run = await start(store, worker, owner="ann")
        # Two bytes in a character: three of those, or four of ASCII alone, fit into a page.
        texts = ["é" * 42_000, "x" * 80_000] * 5 + ["x" * (PAGE_BYTES + 1), "é"] * 2
        await store.note([Fact(run.id, run.lease, E.OUTPUT, f'{{"text":"{text}"}}') for text in texts])
        pages: list[Sequence[EventRow]] = []
        while page := await store.history(run.id, "ann", pages[-1][-1].seq if pages else 0, 100):
            pages.append(page)
        assert [len(page) for page in pages] == [5, 3, 3, 1, 1, 1, 1, 1]
        assert all(sum(event.size for event in page) <= PAGE_BYTES or len(page) == 1 for page in pages)
        whole = await whole_history(store, run.id, None, 0, 100)
        assert whole == [event for page in pages for event in page]
        assert [event.seq for event in whole] == list(range(1, 3 + len(texts)))
        assert await whole_history(store, run.id, None, 4, 7) == whole[4:11]
        told: list[Sequence[EventRow]] = []
        position = before
        while (feed := await store.feed(position, {"ann"})).position > position:
            told.append([event for _, event in feed.events])
            position = feed.position
        assert [page for page in told if page] == pages
        assert position == (await store.feed(-1, None)).position

    async def test_no_two_events_have_one_position(self, store: Store, another: Store) -> None:
        await asyncio.gather(*(enqueue(one) for one in (store, another) * 20))
        jobs = await store.list(JobFilter(limit=100), None)
        assert len({event.pos for job in jobs for event in await history(store, job.id)}) == 40

    async def test_prompts_are_oldest_first_and_chosen_by_job_id_and_state(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        first, (a, b) = await wait_for_answer(store, worker, question("a"), question("b"))
        clock.advance(1)
        _, (c,) = await wait_for_answer(store, worker, question("c"))
        await store.respond(new_id(), a.id, None, "answer", '"yes"', None)

        assert [one.id for one in await store.prompts(None)] == [a.id, b.id, c.id]
        assert [one.id for one in await store.prompts(None, open_only=True)] == [b.id, c.id]
        assert [one.id for one in await store.prompts(None, after=a.id, limit=1)] == [b.id]
        assert [one.id for one in await store.prompts(None, after=c.id)] == []
        assert [one.id for one in await store.prompts(None, job=first.id, after=a.id)] == [b.id]
        assert [one.id for one in await store.prompts(None, job=first.id)] == [a.id, b.id]
        assert [one.id for one in await store.prompts(None, job=first.id, open_only=True)] == [b.id]
        assert [one.id for one in await store.prompts(None, prompt=c.id)] == [c.id]
        assert [one.id for one in await store.prompts(None, prompt=c.id, job=first.id)] == []
        assert [one.id for one in await store.prompts(None, limit=2)] == [a.id, b.id]

    async def test_the_open_prompts_of_an_owner_are_told_from_those_of_others(self, store: Store, worker: str) -> None:
        asked: dict[str, list[str]] = {}
        for owner in ("ann", "bob", "", "ann"):
            _, prompts = await wait_for_answer(store, worker, question("a"), question("b"), owner=owner)
            asked.setdefault(owner, []).extend(prompt.id for prompt in prompts)
        for owner, ids in asked.items():
            found = await store.prompts(owner, open_only=True)
            assert [(one.id, one.owner) for one in found] == [(prompt, owner) for prompt in ids]
        first, second, third, last = asked["ann"]
        await store.respond(new_id(), second, "ann", "answer", '"yes"', None)
        assert [one.id for one in await store.prompts("ann", open_only=True)] == [first, third, last]
        assert [one.id for one in await store.prompts("ann", open_only=True, after=first, limit=1)] == [third]
        assert [one.id for one in await store.prompts("ann", open_only=True, after=last)] == []
        assert [one.id for one in await store.prompts("eve", open_only=True)] == []
        assert [(await store.stats(owner)).open_prompts for owner in ("ann", "bob", "", "eve")] == [3, 2, 2, 0]

    async def test_a_prompt_is_found_by_the_response_that_answered_it(self, store: Store, worker: str) -> None:
        first, (a, b) = await wait_for_answer(store, worker, question("a"), question("b"))
        second, (c,) = await wait_for_answer(store, worker, question("c"))
        answers = {prompt.id: new_id() for prompt in (a, b, c)}
        for prompt, response in answers.items():
            await store.respond(response, prompt, None, "answer", '"yes"', None)
        found = await store.answered_by(answers[b.id], first.id, None)
        assert found is not None
        assert found == await prompt_row(store, b.id)
        assert found.response is not None
        assert found.response.id == answers[b.id]
        assert await store.answered_by(answers[c.id], first.id, None) is None
        assert await store.answered_by(new_id(), second.id, None) is None
        assert await store.answered_by(answers[c.id], new_id(), None) is None

    async def test_the_prompt_that_was_closed_last_is_told_however_many_there_are(
        self, store: Store, worker: str, clock: ManualClock
    ) -> None:
        run = await start(store, worker)
        assert await store.last_closed(run.id, None) is None
        prompts = [await store.ask(run.id, run.lease, question(f"{n}")) for n in range(250)]
        assert await store.last_closed(run.id, None) is None
        for prompt in (*prompts[2:], prompts[1]):
            clock.advance(us=1)
            await store.respond(new_id(), prompt.id, None, "answer", '"yes"', None)
            last = await store.last_closed(run.id, None)
            assert last is not None
            assert (last.id, last.status) == (prompt.id, "answered")
        clock.advance(us=1)
        await settle(store, worker, run, Completed("1"))
        withdrawn = await store.last_closed(run.id, None)
        assert withdrawn is not None
        assert (withdrawn.id, withdrawn.status) == (prompts[0].id, "withdrawn")
        assert await store.last_closed(new_id(), None) is None

    async def test_steps_are_given_by_name_and_key(self, store: Store, worker: str) -> None:
        run = await start(store, worker)
        for one in (step("b", "1"), step("a", "2"), step("a", "1")):
            await record(store, run, one)
        assert [(one.name, one.key) for one in await store.steps(run.id, None)] == [("a", "1"), ("a", "2"), ("b", "1")]
        assert list(await store.steps(new_id(), None)) == []

    async def test_stats_count_what_there_is(self, store: Store, worker: str, clock: ManualClock) -> None:
        empty = await store.stats(None)
        assert sum(empty.by_status.values()) == 0
        assert (empty.ready, empty.open_prompts, dict(empty.oldest)) == (0, 0, {})
        oldest = clock.now()
        await finish(store, worker, owner="ann")
        clock.advance(1)
        await finish(store, worker, owner="bob")
        await start(store, worker, owner="ann")
        await wait_for_answer(store, worker, question("a"), question("b"), owner="ann")
        await enqueue(store, owner="ann")
        await enqueue(store, owner="bob", delay=HOUR)

        def told(stats: Stats) -> tuple[dict[S, int], int, int, dict[S, int]]:
            by_status = {status: count for status, count in stats.by_status.items() if count}
            return by_status, stats.ready, stats.open_prompts, dict(stats.oldest)

        everyone = {S.PENDING: 2, S.RUNNING: 1, S.PENDING_HITL: 1, S.COMPLETED: 2}
        assert told(await store.stats(None)) == (everyone, 1, 2, {S.COMPLETED: oldest})
        ann = {S.PENDING: 1, S.RUNNING: 1, S.PENDING_HITL: 1, S.COMPLETED: 1}
        assert told(await store.stats("ann")) == (ann, 1, 2, {S.COMPLETED: oldest})
        bob = {S.PENDING: 1, S.COMPLETED: 1}
        assert told(await store.stats("bob")) == (bob, 0, 0, {S.COMPLETED: clock.now()})

    async def test_changes_are_told_from_a_mark_on(self, store: Store, another: Store, worker: str) -> None:
        old = await enqueue(store)
        first = await store.changes(-1)
        assert first.jobs is None or old in first.jobs
        quiet = await store.changes(first.mark)
        assert quiet.jobs == frozenset()
        new, theirs = await enqueue(store), await enqueue(another)
        since = await store.changes(quiet.mark)
        assert since.jobs == frozenset({new, theirs})
        await settle(store, worker, await claim(store, worker), Released())
        assert (await another.changes(since.mark)).jobs == frozenset({old})
        assert (await store.changes((await store.changes(-1)).mark)).jobs == frozenset()

    async def test_the_mark_differs_after_every_commit_of_anybody(self, store: Store, another: Store) -> None:
        marks = [store.mark()]
        for writer in (store, another, another, store):
            await enqueue(writer)
            marks.append(store.mark())
        assert len(set(marks)) == 5

    async def test_who_subscribed_is_told_of_the_commits_of_anybody(
        self, store: Store, another: Store, worker: str
    ) -> None:
        for writer in (store, another):
            run = await start(store, worker)
            with listening(store) as ear:
                await enqueue(writer)
                await ear.hear(Hint.READY)
                await ear.hear(Hint.CHANGED)
            with listening(store) as ear:
                await writer.cancel(run.id, None, None, None)
                await ear.hear(Hint.CANCEL)
                await ear.hear(Hint.CHANGED)
            await store.release({run.id: run.lease})
            assert len(await claims(store, worker, wanting())) == 1

    async def test_who_unsubscribed_is_left_alone(self, store: Store) -> None:
        with listening(store) as left:
            pass
        for _ in range(3):  # each round waits until somebody else has been told
            with listening(store) as ear:
                await enqueue(store)
                await ear.hear(Hint.CHANGED)
        assert left.heard == set()

    async def test_what_is_committed_outlives_the_store(
        self, store: Store, worker: str, make_store: Callable[[], Store]
    ) -> None:
        run, _ = await wait_for_answer(store, worker)
        before = await everything(store, run.id)
        reader = make_store()
        await reader.open()
        await reader.close()
        reader = make_store()
        await reader.open()
        assert await everything(reader, run.id) == before
        await reader.close()

    async def test_the_clock_is_the_one_it_was_given(self, store: Store, clock: ManualClock) -> None:
        assert store.now() == clock.now()
        clock.advance("1d")
        assert store.now() == clock.now()


class Ear:
    """What a subscriber was told."""

    def __init__(self) -> None:
        self.heard: set[Hint] = set()
        self._told = asyncio.Event()

    def __call__(self, hint: Hint) -> None:
        self.heard.add(hint)
        self._told.set()

    async def hear(self, hint: Hint) -> None:
        async with asyncio.timeout(10):
            while hint not in self.heard:
                self._told.clear()
                await self._told.wait()


@contextmanager
def listening(store: Store) -> Generator[Ear]:
    ear = Ear()
    stop = store.subscribe(ear)
    yield ear
    stop()


@dataclass(frozen=True)
class Anns:
    """What is ann's: a job that waits, its prompt, and a job that is done, after this response."""

    waiting: str
    prompt: str
    done: str
    response: str


async def reaches(verb: str, store: Store, what: Anns, owner: str) -> bool:
    """Whether this verb, called by `owner`, shows or changes anything of ann's."""
    match verb:
        case "serve":
            return await found(store.serve(what.waiting, owner))
        case "respond":
            return await found(store.respond(new_id(), what.prompt, owner, "answer", '"mine"', owner))
        case "cancel":
            return await found(store.cancel(what.waiting, owner, owner, None))
        case "delete":
            return await found(store.delete(what.done, owner))
        case "fork":
            return await found(store.fork(what.done, owner, Fork(id=new_id())))
        case "get":
            return bool(await store.get([what.waiting, what.done], owner))
        case "list":
            return bool(await store.list(JobFilter(), owner))
        case "history":
            return bool(await store.history(what.done, owner, 0, 100))
        case "prompts":
            return bool(await store.prompts(owner) or await store.prompts(owner, prompt=what.prompt))
        case "answered_by":
            return await store.answered_by(what.response, what.done, owner) is not None
        case "last_closed":
            return await store.last_closed(what.done, owner) is not None
        case "steps":
            return bool(await store.steps(what.done, owner))
        case "stats":
            stats = await store.stats(owner)
            return bool(any(stats.by_status.values()) or stats.ready or stats.open_prompts or stats.oldest)
        case "prune":
            return bool(await store.prune(Prunable(before=2**62), owner))
        case "count_prunable":
            return bool(await store.count_prunable(Prunable(before=2**62), owner))
        case _:
            raise AssertionError(f"the verb {verb} takes an owner: say here how another would be refused")


async def found(call: Awaitable[object]) -> bool:
    try:
        await call
    except NotFound:
        return False
    return True


OWNED = sorted(
    name
    for name, verb in inspect.getmembers(Store, inspect.isfunction)
    if "owner" in inspect.signature(verb).parameters
)


class Owning(Fixtures):
    """The owner, in every verb that takes one: read off the contract, so that a new one fails until it is tested."""

    @pytest.mark.parametrize("stranger", ["eve", "", "ANN", "ann ", "%", "a_n"])
    @pytest.mark.parametrize("verb", OWNED)
    async def test_another_owner_sees_and_does_nothing(
        self, store: Store, worker: str, verb: str, stranger: str
    ) -> None:
        run = await start(store, worker, owner="ann")
        await record(store, run, step())
        asked, response = await store.ask(run.id, run.lease, question()), new_id()
        await store.respond(response, asked.id, "ann", "answer", '"yes"', "ann")
        await settle(store, worker, run, Completed('"secret"'))
        waiting, (prompt,) = await wait_for_answer(store, worker, owner="ann")
        what = Anns(waiting.id, prompt.id, run.id, response)
        before = [await everything(store, job) for job in (what.done, what.waiting)]
        assert not await reaches(verb, store, what, stranger)
        assert [await everything(store, job) for job in (what.done, what.waiting)] == before
        assert await reaches(verb, store, what, "ann"), "a verb that shows nothing to anybody proves nothing"

    async def test_an_administrator_sees_and_does_everything(self, store: Store, worker: str) -> None:
        for owner in ("ann", "bob"):
            run, (prompt,) = await wait_for_answer(store, worker, owner=owner)
            assert len(await store.serve(run.id, None)) == 1
            assert (await store.respond(new_id(), prompt.id, None, "answer", '"yes"', "root")).by == "root"
            await settle(store, await register(store), await claim(store, worker), Completed("1"))
        assert {job.owner for job in await store.list(JobFilter(), None)} == {"ann", "bob"}
        assert {prompt.owner for prompt in await store.prompts(None)} == {"ann", "bob"}
        assert (await store.stats(None)).by_status[S.COMPLETED] == 2

    async def test_each_owner_sees_what_is_theirs(self, store: Store, worker: str) -> None:
        for owner in ("ann", "bob"):
            run, (prompt,) = await wait_for_answer(store, worker, owner=owner)
            assert [job.id for job in await store.list(JobFilter(), owner)] == [run.id]
            assert [job.id for job in await store.get([run.id], owner)] == [run.id]
            assert len(await store.history(run.id, owner, 0, 100)) == 4
            assert [one.id for one in await store.prompts(owner)] == [prompt.id]
            assert [one.id for one in await store.serve(run.id, owner)] == [prompt.id]
            assert (await store.respond(new_id(), prompt.id, owner, "answer", '"yes"', owner)).by == owner
            assert (await store.cancel(run.id, owner, owner, None)).status is S.CANCELLED
            await store.delete(run.id, owner)
