"""The scenario: it reaches every statement of the store, and any process can take it up where another was killed.

It is told in stories, one after the other, each about jobs with ids of their own. A story does what its jobs still
need, so beginning it again after a crash ends it all the same. What it was told (accepted, answered, cancelled,
deleted) it writes into the witness's file, and in the end `verify` holds the database against that file.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import ANY

import pytest

from bide.errors import IdempotencyConflict, JobFailed, JobWasCancelled, NotFound, StoreUnavailable
from bide.events import EventKind as E
from bide.job import JobStatus as S
from bide.job_type import JobCall
from bide.limit import Limit
from bide.store.base import (
    Claim,
    Completed,
    Demand,
    Existing,
    Fact,
    Fork,
    IdempotencyClash,
    JobFilter,
    JobRow,
    LaneLimit,
    NewJob,
    Outcome,
    Prunable,
    Settle,
    Settled,
    Store,
    WorkerRow,
)
from bide.testing import ManualClock, assert_sound
from bide.upkeep import Upkeep
from bide.worker import Worker, WorkerOptions
from tests.crash import jobs
from tests.crash.faults import OPENING, Faults
from tests.crash.ground import Ground
from tests.crash.jobs import bide, scene
from tests.witness import Witness, repeated_steps

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000

_NAMES = uuid.UUID("8a9d3f5e-5a52-4d0c-8f0e-0d8f6a1f2b11")

_OPTIONS = WorkerOptions(slots=4, threads=2, lease=3_600.0, poll=3_600.0, drain=0.1, cancel_grace=1.0)
"""Nothing happens by the passing of real time: the stories sweep, and move the clock."""

_BEATING = 0.6
"""The lease where a commit fails after it happened: a claim whose reply was lost is found by comparing heartbeats."""

HOURLY = {"metered": Limit(rate="1/h").lane}

METERED = ("metered", "metered next")

Ends: TypeAlias = Mapping[str, tuple[S, object]]

PROCEED = {"action": "proceed"}


def named(name: str) -> str:
    """The id of what the scenario knows by this name, in every process."""
    return str(uuid.uuid5(_NAMES, name))


class Stage:
    """What the stories of one process have in common."""

    def __init__(
        self,
        witness: Witness,
        faults: Faults,
        store: Store,
        clock: ManualClock,
        caller: Callable[[], AbstractAsyncContextManager[Any]],
    ) -> None:
        self.witness = witness
        self.caller = caller
        self.faults = faults
        self.store = store
        self.clock = clock
        self._workers: set[asyncio.Task[None]] = set()
        self.upkeep = Upkeep(store, grace=3_600.0, age_limit=600.0, retention=None)

    # ── Calls, each acknowledged in the file ─────────────────────────────────────────────────────────────────────────

    async def accept(self, name: str, call: JobCall[Any], **changes: Any) -> str:
        """Enqueue under the id of this name; the same call again after a crash is the same job."""
        new = bide.accept(call)._replace(id=named(name), **changes)
        await self.insert(new)
        return new.id

    async def insert(self, *new: NewJob) -> list[str]:
        """Returns the ids of the jobs there are now: where a key was taken, that of the job that has it."""
        ids: list[str] = []
        for job, answer in zip(new, await self.store.insert(new), strict=True):
            assert not isinstance(answer, IdempotencyClash)
            ids.append(answer.job.id if isinstance(answer, Existing) else job.id)
            self.witness.write("accepted", job=ids[-1])
        return ids

    async def join(self, new: NewJob) -> None:
        """Accept a job in a transaction of a caller's."""
        async with self.caller() as connection:
            joined = self.store.join(connection)
            await joined.begin()
            await joined.insert([new])
            await joined.commit()
        self.witness.write("accepted", job=new.id)

    async def answer(self, job: str, key: str, value: Mapping[str, Any]) -> None:
        """Answer the open question with this key, as the person it was shown to."""
        for view in await bide.show_prompts(job):
            if view.key == key:
                self.witness.write("answering", job=job, prompt=str(view.id), value=value)
                await self.respond(job, str(view.id), value)

    async def respond(self, job: str, prompt: str, value: Mapping[str, Any]) -> None:
        receipt = await bide.respond(job, value, prompt=prompt, by="ann", response_id=uuid.UUID(named(prompt)))
        assert str(receipt.prompt_id) == prompt
        self.witness.write("answered", job=job, prompt=prompt, value=receipt.value)

    async def cancel(self, name: str) -> None:
        await self.store.cancel(named(name), None, "ann", "not needed")
        self.witness.write("cancelled", job=named(name))

    async def delete(self, name: str) -> None:
        self.witness.write("deleting", job=named(name))
        try:
            await self.store.delete(named(name), None)
        except NotFound:
            # By the process before, which was killed before it was told; in this one it would have been told.
            assert self.taken_up
        self.witness.write("deleted", job=named(name))

    taken_up = False
    """Whether another process had been at work before."""

    # ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def advance(self, minutes: float) -> None:
        """Let time pass, for this process and any that takes up the scenario; do what has come due."""
        self.witness.write("time", now=self.clock.now() + round(minutes * MINUTE))
        self.clock.advance(minutes * 60)
        await self.upkeep.sweep(thorough=False)

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def row(self, name: str) -> JobRow | None:
        rows = await self.store.get([named(name)], None)
        return rows[0] if rows else None

    async def ended(self, name: str) -> bool:
        row = await self.row(name)
        return row is not None and row.status.terminal

    async def settled(self) -> None:
        """Nothing runs and nothing is ready."""
        await self.until(self._idle)

    async def _idle(self) -> bool:
        stats = await self.store.stats(None)
        return not stats.ready and not stats.by_status[S.RUNNING]

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Look again whenever something was committed, until it is so."""
        changed = asyncio.Event()
        unsubscribe = self.store.subscribe(lambda _: changed.set())
        try:
            while True:
                changed.clear()
                if await condition():
                    return
                change = asyncio.create_task(changed.wait())
                await asyncio.wait({change, *self._workers}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                for worker in self._workers:
                    if worker.done():
                        worker.result()
        finally:
            unsubscribe()

    # ── Working ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def working(self, *queues: str) -> AsyncGenerator[Worker]:
        """A real worker, which drains and retires in the end. What is due already is ready before it comes."""
        await self.upkeep.sweep(thorough=False)
        options = replace(_OPTIONS, queues=queues or ("default",))
        if self.faults.fails:
            options = replace(options, lease=_BEATING)
        worker = Worker(self.store, bide.registry, options, None)
        running = asyncio.create_task(worker.run())
        await worker.ready()
        self._workers.add(running)
        try:
            yield worker
        finally:
            self._workers.discard(running)
            if not running.done():
                worker.stop()
            await running

    async def to_the_end(self, name: str, answers: Mapping[str, tuple[int, Mapping[str, Any]]] | None = None) -> None:
        """Answer what the job asks, from that attempt on; else let time pass, until it has ended."""
        job = named(name)
        while True:
            await self.settled()
            row = await self.row(name)
            assert row is not None, name
            if row.status.terminal:
                return
            asked = [view.key for view in await bide.prompts(job)]
            known = [key for key in asked if answers and key in answers and row.attempt >= answers[key][0]]
            if known and answers:
                await self.answer(job, known[0], answers[known[0]][1])
                continue
            due = await self.upkeep.next_due()
            if due is None:
                # The worker looks after what is due as well: it may just have been woken by that one.
                assert await self.row(name) != row, f"{name} is {row.status}, asks {asked}, and nothing is due"
                continue
            await self.advance(due / 60 + 0.001)

    # ── Puppets: workers played by hand ──────────────────────────────────────────────────────────────────────────────

    async def puppet(self, queue: str) -> str:
        worker = str(uuid.uuid4())
        await self.store.register(
            WorkerRow(id=worker, host="theatre", pid=1, queues=(queue,), slots=9, lease=30_000_000)
        )
        return worker

    async def claim(
        self, worker: str, *queues: str, limit: int = 9, limits: Mapping[str, LaneLimit] | None = None
    ) -> list[Claim]:
        demand = Demand(queues, {"small": 1}, limit, limits or {})
        _, claims = await self.store.settle_and_claim(worker, (), [demand])
        if self.faults.fails:
            # As a real worker does: what runs under it, and it knows nothing of, was claimed, and the reply lost.
            known = {claim.id for claim in claims}
            running = (await self.store.beat(worker)).running
            await self.store.release({job: lease for job, lease in running.items() if job not in known})
            if not claims:
                _, claims = await self.store.settle_and_claim(worker, (), [demand])
        return list(claims)

    async def settle(self, worker: str, claim: Claim, outcome: Outcome) -> Settled:
        settled, _ = await self.store.settle_and_claim(worker, [Settle(claim.id, claim.lease, 5, outcome)], ())
        return settled[0]

    async def complete(self, worker: str, claims: Collection[Claim]) -> None:
        for claim in claims:
            settled = await self.settle(worker, claim, Completed('"by hand"'))
            assert settled in (Settled.APPLIED, Settled.CANCELLED), settled


Tell: TypeAlias = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Story:
    """`ends` says how its jobs end, wherever the scenario was interrupted; `after`, which stories it goes on from."""

    tell: Tell
    ends: Ends
    after: Sequence[str]


STORIES: dict[str, Story] = {}
"""By their names, in the order in which they are told."""


def story(ends: Ends, *, after: Sequence[str] = ()) -> Callable[[Tell], Tell]:
    def add(tell: Tell) -> Tell:
        STORIES[tell.__name__] = Story(tell, ends, after)
        return tell

    return add


def without_others(name: str) -> Collection[str]:
    """What has to be told so that this story, or what comes before all of them, is what it is in the whole."""
    if name not in STORIES:
        return [next(iter(STORIES))]
    return {name, *(one for before in STORIES[name].after for one in without_others(before))}


# ── Stories ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@story({})
async def pruning(stage: Stage) -> None:
    """The only finished job, past its retention."""
    if not any(True for _ in stage.witness.lines("pruning")):
        await stage.accept("old", jobs.small.call("old"))
        async with stage.working():
            await stage.to_the_end("old")
        await stage.advance(60)
        stage.witness.write("pruning", job=named("old"))
    prunable = Prunable(before=stage.store.now())
    while await stage.store.count_prunable(prunable, None):
        await stage.store.prune(prunable, None)


@story({"keyed": (S.COMPLETED, "once done"), "delayed": (S.CANCELLED, None)})
async def intake(stage: Stage) -> None:
    """The same key twice, and with something else; the same id twice; another owner; a delay."""
    call = jobs.small.options(queue="intake", idempotency_key="k", owner="o").call("once")
    new = bide.accept(call)._replace(id=named("keyed"))
    other = bide.accept(jobs.small.options(queue="intake").call("x"))._replace(id=named("delayed"), delay=60 * MINUTE)
    assert await stage.insert(new, other) == [new.id, other.id]
    assert await stage.insert(new._replace(id=named("keyed twice"))) == [new.id]
    (clash,) = await stage.store.insert([new._replace(id=named("clash"), digest="another")])
    assert isinstance(clash, IdempotencyClash)
    assert clash.job == new.id
    async with stage.working("intake", "elsewhere"):
        await stage.to_the_end("keyed")
        await stage.cancel("delayed")
        await stage.settled()


@story({"joined": (S.COMPLETED, "joined done")})
async def joining(stage: Stage) -> None:
    """In a transaction of a caller's; who was not told how it ended does the same again."""
    new = bide.accept(jobs.small.options(queue="joined").call("joined"))._replace(id=named("joined"))
    try:
        await stage.join(new)
    except (OSError, StoreUnavailable):
        assert stage.faults.fails
        await stage.join(new)
    async with stage.working("joined"):
        await stage.to_the_end("joined")


@story({"article": (S.COMPLETED, "b" * 5_000)})
async def writing(stage: Stage) -> None:
    """The long way of one job. Its input is large, too."""
    await stage.accept("article", jobs.article.options(labels={"kind": "article"}).call("hedgehogs " * 200))
    async with stage.working():
        await stage.to_the_end("article", {"outline": (1, PROCEED)})


@story(
    {
        "patient": (S.COMPLETED, ["proceed", "proceed"]),
        "either": (S.COMPLETED, "left"),
        "nap": (S.COMPLETED, "slept"),
    }
)
async def waiting(stage: Stage) -> None:
    """Deadlines with and without default; one of two questions answered; a sleep beside a question."""
    await stage.accept("patient", jobs.patient.call())
    async with stage.working():
        await stage.to_the_end("patient", {"insisted": (2, PROCEED)})
        await stage.accept("either", jobs.either.call())
        await stage.to_the_end("either", {"left": (1, PROCEED)})
        await stage.accept("nap", jobs.nap.call())
        await stage.to_the_end("nap")


@story({"article again": (S.COMPLETED, "b" * 5_000)}, after=("intake", "writing"))
async def forking(stage: Stage) -> None:
    """The long job again, as another one, which keeps what was done and answered."""
    fork = Fork(id=named("article again"), by="ann", finished=True)
    await stage.store.fork(named("article"), None, fork)
    stage.witness.write("accepted", job=fork.id)
    keyed = Fork(id=named("fork clash"), idempotency_key="k", digest="a fork")
    with pytest.raises(IdempotencyConflict):
        await stage.store.fork(named("keyed"), None, keyed)
    async with stage.working():
        await stage.to_the_end("article again")


@story({"cancelled waiting": (S.CANCELLED, None), "cancelled by answer": (S.CANCELLED, None)})
async def cancelling(stage: Stage) -> None:
    """Of a waiting job, and by an answer."""
    await stage.accept("cancelled waiting", jobs.asking.call())
    async with stage.working():
        await stage.settled()
        await stage.cancel("cancelled waiting")
        await stage.accept("cancelled by answer", jobs.asking.call())
        await stage.settled()
        await stage.answer(named("cancelled by answer"), "really", {"action": "cancel"})


@story({"cancelled running": (S.CANCELLED, None)})
async def interrupting(stage: Stage) -> None:
    """Cancelling a running job: its worker is told."""
    await stage.accept("cancelled running", jobs.long.call())
    async with stage.working("slow"):
        await _running(stage, "cancelled running")
        await stage.cancel("cancelled running")
        await stage.settled()


@story(
    {
        "failing": (S.FAILED, "it never could"),
        "parent": (S.COMPLETED, ANY),
        "threaded": (S.COMPLETED, {"thread": 6}),
    }
)
async def ending(stage: Stage) -> None:
    """A failure, a child, a thread."""
    await stage.accept("failing", jobs.failing.call())
    async with stage.working("default", "children"):
        await stage.to_the_end("failing")
        await stage.accept("parent", jobs.parent.call())
        await stage.to_the_end("parent")
        await stage.accept("threaded", jobs.threaded.call())
        await stage.to_the_end("threaded")


@story({"long": (S.COMPLETED, "let go")})
async def draining(stage: Stage) -> None:
    """A worker is told to stop twice, and gives back what runs; the next one goes on with the same attempt."""
    await stage.accept("long", jobs.long.call())
    if not await stage.ended("long"):
        async with stage.working("slow") as worker:
            await _running(stage, "long")
            worker.stop()
            worker.stop()
            await worker.ended()
    scene.gate.set()
    async with stage.working("slow"):
        await stage.to_the_end("long")
    scene.gate.clear()


@story({"lost": (S.COMPLETED, "by hand")})
async def losing(stage: Stage) -> None:
    """Claims whose reply is lost, workers that retire, die and stand still; all by hand."""
    new = bide.accept(jobs.small.options(queue="lost").call("lost"))
    await stage.insert(new._replace(id=named("lost")))
    if not await stage.ended("lost"):
        worker = await stage.puppet("lost")
        await stage.store.release({claim.id: claim.lease for claim in await stage.claim(worker, "lost")})
        await stage.claim(worker, "lost")
        await stage.store.retire(worker)
        worker = await stage.puppet("lost")
        await stage.claim(worker, "lost")
        await stage.store.rescue([worker])
        worker = await stage.puppet("lost")
        claims = await stage.claim(worker, "lost")
        with stage.faults.counting_all():
            beat = await stage.store.beat(worker)
        assert set(beat.running) == {claim.id for claim in claims}
        facts = [Fact(claim.id, claim.lease, E.LOG, '{"message":"noted once"}') for claim in claims]
        late = [fact._replace(lease=fact.lease - 1) for fact in facts]
        assert not any(await stage.store.note(late))
        stage.faults.arm()
        assert all(await stage.store.note(facts))
        await stage.complete(worker, claims)
        # The reply was lost: the same call again.
        await stage.complete(worker, claims)
        await stage.store.retire(worker)


@story(
    {
        "overdue": (S.COMPLETED, "by hand"),
        "worker lost": (S.FAILED, "The worker that ran this job was lost."),
        "cancelled at its end": (S.CANCELLED, None),
    }
)
async def overrunning(stage: Stage) -> None:
    """A job past its timeout; one that has no attempt left; one cancelled while it ends; and tombstones."""
    new = bide.accept(jobs.small.options(queue="over").call("over"))
    await stage.insert(new._replace(id=named("overdue"), timeout=MINUTE))
    if not await stage.ended("overdue"):
        worker = await stage.puppet("over")
        await stage.store.overdue({claim.id: claim.lease for claim in await stage.claim(worker, "over")})
        claims = await stage.claim(worker, "over")
        await stage.complete(worker, claims)
        await stage.store.retire(worker)
    await stage.insert(new._replace(id=named("worker lost"), max_attempts=1))
    if not await stage.ended("worker lost"):
        worker = await stage.puppet("over")
        await stage.claim(worker, "over")
        await stage.store.rescue([worker])
    await stage.insert(new._replace(id=named("cancelled at its end")))
    if not await stage.ended("cancelled at its end"):
        worker = await stage.puppet("over")
        claims = await stage.claim(worker, "over")
        await stage.cancel("cancelled at its end")
        assert set(await stage.store.cancels(worker)) == {claim.id for claim in claims}
        await stage.complete(worker, claims)
        await stage.store.retire(worker)
    await stage.advance(25 * 60)
    await stage.store.rescue(())


@story({"old and humble": (S.COMPLETED, ANY), "young and urgent": (S.COMPLETED, ANY)})
async def fairness(stage: Stage) -> None:
    """A job that has waited for long goes before a more urgent one."""
    new = bide.accept(jobs.small.options(queue="fair").call("fair"))
    await stage.insert(new._replace(id=named("old and humble")))
    await stage.advance(20)
    await stage.insert(new._replace(id=named("young and urgent"), priority=50))
    await stage.store.promote(10 * MINUTE)
    for name in ("old and humble", "young and urgent"):
        if not await stage.ended(name):
            worker = await stage.puppet("fair")
            claims = await stage.claim(worker, "fair", "elsewhere", limit=1)
            # Where the reply to a claim was lost, the next job is claimed as well, beyond the limit.
            assert stage.faults.fails or [claim.id for claim in claims] == [named(name)]
            await stage.complete(worker, claims)
            await stage.store.retire(worker)
    async with stage.working("fair"):
        await stage.settled()


@story({"narrow": (S.COMPLETED, "ann served"), "narrow next": (S.COMPLETED, "ann served")})
async def limiting(stage: Stage) -> None:
    """Jobs that run one at a time, and make room when they ask."""
    names = ("narrow", "narrow next")
    for name in names:
        await stage.accept(name, jobs.narrow.call("ann"))
    async with stage.working():
        for name in names:
            await stage.to_the_end(name, {"shall I": (1, PROCEED)})
    # The worker may have done so already: it is crashed at in `metering`, where none is.
    await stage.store.forget_permits()


@story(dict.fromkeys(METERED, (S.COMPLETED, "by hand")))
async def metering(stage: Stage) -> None:
    """A queue from which one job an hour starts."""
    new = bide.accept(jobs.small.options(queue="metered").call("metered"))
    await stage.insert(*(new._replace(id=named(name)) for name in METERED))
    while not all([await stage.ended(name) for name in METERED]):
        await stage.advance(61)
        worker = await stage.puppet("metered")
        await stage.complete(worker, await stage.claim(worker, "metered", limits=HOURLY))
        assert not await stage.claim(worker, "metered", limits=HOURLY), "a second start within the hour"
        await stage.store.retire(worker)
    await stage.advance(61)
    with stage.faults.counting_all():
        await stage.store.forget_permits()


@story({})
async def deleting(stage: Stage) -> None:
    if not any(True for _ in stage.witness.lines("deleting")):
        await stage.accept("deleted", jobs.small.call("deleted"))
        async with stage.working():
            await stage.to_the_end("deleted")
    await stage.delete("deleted")


@story({}, after=("intake", "writing", "forking"))
async def reading(stage: Stage) -> None:
    """Whoever only looks."""
    store = stage.store
    assert len(await store.list(JobFilter(limit=3), None)) == 3
    assert [row.id for row in await store.list(JobFilter(), "o")] == [named("keyed")]
    assert (await store.stats("o")).by_status[S.COMPLETED] == 1
    assert {row.status for row in await store.list(JobFilter(statuses=(S.CANCELLED,)), None)} == {S.CANCELLED}
    labelled = await store.list(JobFilter(labels=(("kind", "article"),)), None)
    assert {row.id for row in labelled} == {named("article"), named("article again")}
    assert (await store.feed(0, {"o"})).events
    assert await store.prompts(None, limit=500)
    assert not await store.prompts(None, open_only=True)
    assert not await store.prompts("o", open_only=True)
    answered = next(iter(stage.witness.lines("answered")))
    prompt = await store.answered_by(named(answered["prompt"]), answered["job"], None)
    assert prompt is not None
    assert prompt.id == answered["prompt"]
    assert await store.last_closed(answered["job"], None) is not None
    assert await store.workers() == []
    mark = (await store.changes(-1)).mark
    assert (await store.changes(mark - 50)).jobs
    assert await store.step_result(named("article"), "fetch", "") == '{"hedgehogs ":10}'
    assert await store.next_due() is None
    assert store.mark() >= 0


async def _running(stage: Stage, name: str) -> None:
    """Until it runs and has recorded its step; or has ended, in the process before."""

    async def begun() -> bool:
        return await stage.ended(name) or bool(
            [row for row in await stage.store.history(named(name), None, 0, 99) if row.kind == E.STEP_COMPLETED]
            and (row := await stage.row(name))
            and row.status is S.RUNNING
        )

    await stage.until(begun)


# ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def verify(stage: Stage, stories: Collection[str]) -> None:
    """The database is sound, agrees with all that was acknowledged, and holds the expected ends."""
    lines = list(stage.witness.lines())
    gone = {line["job"] for line in lines if line["what"] in ("deleting", "pruning")}
    accepted = {line["job"] for line in lines if line["what"] == "accepted"}
    await assert_sound(stage.store, expected=accepted - gone, at_rest=True)
    assert not await stage.store.get(list(gone), None), "deleted, and still there"
    for told in stories:
        for name, expected in STORIES[told].ends.items():
            end = await _end(name)
            assert end == expected, f"{name!r} has ended as {end}, not as {expected}"
    for line in lines:
        if line["what"] == "answered":
            (prompt,) = await stage.store.prompts(None, prompt=line["prompt"])
            assert prompt.response is not None
            assert json.loads(prompt.response.value or "null") == line["value"]
        elif line["what"] == "cancelled":
            (row,) = await stage.store.get([line["job"]], None)
            assert row.status is S.CANCELLED
    children = await stage.store.list(JobFilter(queues=("children",)), None)
    parents = [named("parent")] if "ending" in stories else []
    assert [child.parent for child in children] == parents, "one child, however often its step ran"
    assert repeated_steps(stage.witness) == []


async def _end(name: str) -> tuple[S, object]:
    job = await bide.get(named(name))
    try:
        return job.status, await bide.result(job)
    except JobFailed as error:
        return job.status, error.detail
    except JobWasCancelled:
        return job.status, None


async def play(ground: Ground, folder: Path, faults: Faults, stories: Collection[str]) -> None:
    """Play these stories in `folder`, from wherever they stand there, to their end, and verify."""
    witness = Witness(folder / "witness.jsonl")
    lines = list(witness.lines())
    now = max((line["now"] for line in lines if line["what"] == "time"), default=None)
    clock = ManualClock(BEGIN)
    if now is not None:
        clock.advance(us=now - clock.now())
    scene.witness, scene.gate = witness, asyncio.Event()
    with ground.counted(faults):
        faults.story = OPENING
        try:
            store = await _opened(ground, folder, clock, faults)
        except StoreUnavailable:
            assert faults.fails
            store = await _opened(ground, folder, clock, faults)
        try:
            stage = Stage(witness, faults, store, clock, lambda: ground.caller(folder, faults))
            await _tell(stage, lines, stories)
        finally:
            await bide.shut()


async def _opened(ground: Ground, folder: Path, clock: ManualClock, faults: Faults) -> Store:
    await ground.migrate(folder)
    store = ground.store(folder, clock, faults)
    await bide.open_on(lambda: store)
    return store


async def _tell(stage: Stage, lines: Collection[Mapping[str, Any]], stories: Collection[str]) -> None:
    stage.taken_up = bool(lines)
    stage.faults.story = "taking up"
    await _take_up(stage, lines)
    told = {line["name"] for line in lines if line["what"] == "told"}
    for name, one in STORIES.items():
        if name in stories and name not in told:
            stage.faults.story = name
            await one.tell(stage)
            stage.witness.write("told", name=name)
    await verify(stage, stories)


async def _take_up(stage: Stage, lines: Collection[Mapping[str, Any]]) -> None:
    """What a process finds that another was killed in: dead workers, and answers that were not acknowledged."""
    await stage.store.rescue([worker.id for worker in await stage.store.workers()])
    answered = {line["prompt"] for line in lines if line["what"] == "answered"}
    for line in lines:
        if line["what"] == "answering" and line["prompt"] not in answered:
            # Whether it was accepted, nobody was told; the same response again has the same receipt.
            await stage.respond(line["job"], line["prompt"], line["value"])
