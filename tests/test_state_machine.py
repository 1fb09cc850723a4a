"""Random sequences of what people and faults do to jobs, against a simple model of what must come of them.

The model knows nothing of attempts, leases or replays: that is the point. Whatever happens in between, crashes of the
worker included, a job must come to the same end as if nothing had.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar, assert_never, get_args
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from bide import (
    Bide,
    Confirm,
    Decision,
    Fail,
    Job,
    JobContext,
    JobStatus,
    JobType,
    Proceed,
    PromptTimedOut,
    PromptView,
    Retry,
    Revise,
)
from bide.errors import (
    AlreadyFinished,
    BideError,
    Conflict,
    IdempotencyConflict,
    InvalidResponse,
    NotAssigned,
    NotFinished,
    NotFound,
    PromptAmbiguous,
    PromptClosed,
    PromptNotServed,
)
from bide.testing import Harness, assert_sound
from tests.harness import PostgresHarness
from tests.postgres import execute

T = TypeVar("T")
E = TypeVar("E", bound=BideError)

START = datetime(2030, 1, 1, tzinfo=UTC)

# ── The jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

bide = Bide("sqlite:///unused.db")

WAIT = 60.0
"""Seconds of every sleep, delay and pause in here, so that several often fall due together."""

PATIENCE = 120.0
"""Seconds that a question with a deadline stays open."""


class World:
    """What the jobs do outside the database, and what they wait for there. Anew for each example."""

    def __init__(self) -> None:
        self.effects: Counter[tuple[UUID, str]] = Counter()
        self.started = asyncio.Event()
        self.gate = asyncio.Event()


world: World


async def effect(job: UUID, name: str) -> str:
    world.effects[job, name] += 1
    return name


def plain(decision: Decision) -> str:
    match decision:
        case Proceed():
            return "yes"
        case Revise(feedback=feedback):
            return feedback
        case _:
            assert_never(decision)


@bide.job(max_attempts=50)
async def quick(ctx: JobContext, n: int) -> str:
    return f"{await ctx.step(effect, ctx.job_id, 'quick')} {n}"


@bide.job(max_attempts=50)
async def broken(ctx: JobContext, n: int) -> str:
    await ctx.step(effect, ctx.job_id, "broken")
    raise Fail(f"{n} is wrong")


@bide.job(max_attempts=50)
async def flaky(ctx: JobContext, n: int) -> str:
    done = await ctx.step(effect, ctx.job_id, "flaky")
    if ctx.attempt == 1:
        raise Retry("not yet", after=WAIT)
    return f"{done} {n}"


@bide.job(max_attempts=50)
async def sleeper(ctx: JobContext, n: int) -> str:
    before = await ctx.options(key="before").step(effect, ctx.job_id, "before")
    await ctx.sleep(WAIT)
    return f"{before} {await ctx.options(key='after').step(effect, ctx.job_id, 'after')} {n}"


@bide.job(max_attempts=50)
async def asker(ctx: JobContext, n: int) -> str:
    await ctx.options(key="before").step(effect, ctx.job_id, "before")
    answer = plain(await ctx.ask("one", Confirm(summary=str(n)), assignee="ana"))
    await ctx.options(key="after").step(effect, ctx.job_id, "after")
    return answer


@bide.job(max_attempts=50)
def in_a_thread(ctx: JobContext, n: int) -> str:
    ctx.run(ctx.step(effect, ctx.job_id, "thread"))
    return plain(ctx.run(ctx.ask("one", Confirm(summary=str(n)))))


@bide.job(max_attempts=50)
async def patient(ctx: JobContext, n: int) -> str:
    try:
        return plain(await ctx.ask("one", Confirm(summary=str(n)), timeout=PATIENCE))
    except PromptTimedOut:
        return await ctx.step(effect, ctx.job_id, "late")


@bide.job(max_attempts=50)
async def defaulting(ctx: JobContext, n: int) -> str:
    return plain(await ctx.ask("one", Confirm(summary=str(n)), timeout=PATIENCE, default=Revise(feedback="default")))


@bide.job(max_attempts=50)
async def both(ctx: JobContext, n: int) -> str:
    one, two, done = await asyncio.gather(
        ctx.ask("one", Confirm(summary=str(n))),
        ctx.ask("two", Confirm(summary=str(n)), timeout=PATIENCE, default=Proceed()),
        ctx.step(effect, ctx.job_id, "beside"),
    )
    return f"{plain(one)} {plain(two)} {done}"


@bide.job(max_attempts=50)
async def parent(ctx: JobContext, n: int) -> str:
    return await ctx.step(bear, n)


async def bear(n: int) -> str:
    await quick.enqueue(n)
    return "born"


Mode: TypeAlias = Literal["waits", "in a step", "returns", "swallows", "swallows and asks", "raises"]


@bide.job(max_attempts=50)
async def held(ctx: JobContext, mode: Mode) -> str:
    world.started.set()
    try:
        if mode == "in a step":
            await ctx.step(wait_for_the_gate)
        await wait_for_the_gate()
    except asyncio.CancelledError:
        match mode:
            case "swallows":
                return "completed after all"
            case "swallows and asks":
                return plain(await ctx.ask("never", Confirm(summary="?")))
            case "raises":
                raise OSError("the cleanup failed") from None
            case _:
                raise
    return "let go"


async def wait_for_the_gate() -> str:
    world.started.set()
    await world.gate.wait()
    return "let go"


@bide.job(max_attempts=50)
async def busy(ctx: JobContext, n: int) -> str:
    decision, done = await asyncio.gather(ctx.ask("one", Confirm(summary=str(n))), ctx.step(wait_for_the_gate))
    return f"{plain(decision)} {done}"


# ── The model ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Question:
    deadline: float | None = None
    default: str | None = None
    assignee: str | None = None
    answer: str | None = None
    closed: Literal["answered", "expired", "withdrawn"] | None = None
    served: bool = False

    @property
    def open(self) -> bool:
        return self.closed is None


@dataclass
class Expected:
    """What a job is to look like, at rest."""

    kind: str
    n: int
    owner: str
    due: float
    key: str | None = None
    status: JobStatus = JobStatus.PENDING
    result: str | None = None
    finished: float | None = None
    questions: dict[str, Question] = field(default_factory=dict[str, Question])
    slept: bool = False
    tried: bool = False
    children: int = 0
    parent: UUID | None = None

    @property
    def open(self) -> dict[str, Question]:
        return {key: question for key, question in self.questions.items() if question.open}

    def end(self, status: JobStatus, now: float, result: str | None = None) -> None:
        self.status, self.finished, self.result = status, now, result
        for question in self.open.values():
            question.closed = "withdrawn"

    def wake(self, now: float) -> None:
        """What a sweep does at this time."""
        for question in self.open.values():
            if question.deadline is not None and question.deadline <= now:
                question.answer, question.closed = question.default, "expired"
                if self.status is JobStatus.PENDING_HITL:
                    self.status, self.due = JobStatus.PENDING, now

    def run(self, now: float) -> None:
        """What a worker makes of it."""
        if self.status is not JobStatus.PENDING or self.due > now:
            return
        match self.kind:
            case "quick":
                self.end(JobStatus.COMPLETED, now, f"quick {self.n}")
            case "broken":
                self.end(JobStatus.FAILED, now)
            case "flaky" if not self.tried:
                self.tried, self.due = True, now + WAIT
            case "flaky":
                self.end(JobStatus.COMPLETED, now, f"flaky {self.n}")
            case "sleeper" if not self.slept:
                self.slept, self.due = True, now + WAIT
            case "sleeper":
                self.end(JobStatus.COMPLETED, now, f"before after {self.n}")
            case "asker":
                self._asks(now, {"one": Question(assignee="ana")}, "{one}")
            case "in_a_thread":
                self._asks(now, {"one": Question()}, "{one}")
            case "patient":
                self._asks(now, {"one": Question(deadline=now + PATIENCE)}, "{one}")
            case "defaulting":
                self._asks(now, {"one": Question(deadline=now + PATIENCE, default="default")}, "{one}")
            case "both":
                two = Question(deadline=now + PATIENCE, default="yes")
                self._asks(now, {"one": Question(), "two": two}, "{one} {two} beside")
            case "parent":
                self.children = 1
                self.end(JobStatus.COMPLETED, now, "born")
            case _:
                raise AssertionError(self.kind)

    def _asks(self, now: float, questions: dict[str, Question], result: str) -> None:
        self.questions = self.questions or questions
        if self.open:
            self.status = JobStatus.PENDING_HITL
        else:
            answers = {key: question.answer or "late" for key, question in self.questions.items()}
            self.end(JobStatus.COMPLETED, now, result.format(**answers))


KINDS: list[JobType[[int], str]] = [
    quick, broken, flaky, sleeper, asker, in_a_thread, patient, defaulting, both, parent,
]  # fmt: skip

# ── The machine ──────────────────────────────────────────────────────────────────────────────────────────────────────

JOBS: Bundle[UUID] = Bundle("jobs")
OWNERS = st.sampled_from(["", "ana"])
ANSWERS = st.sampled_from([Proceed(), Revise(feedback="shorter")])


class Jobs(RuleBasedStateMachine):
    """Nothing runs between two rules, so that whatever state a job is in, each rule may meet it there."""

    def __init__(self) -> None:
        super().__init__()
        global world  # noqa: PLW0603 - the jobs above are functions of this module
        self.runner = asyncio.Runner()
        self.now = 0.0
        self.jobs: dict[UUID, Expected] = {}
        self.gone: dict[UUID, Expected] = {}
        self.crashes = 0
        self.responses = 0
        self.harness = self.make_harness()
        self.pause = AsyncExitStack()
        self.do(self.harness.__aenter__())
        self.do(self.pause.enter_async_context(self.harness.paused()))
        world = World()

    def make_harness(self) -> Harness[Any]:
        return Harness(bide, now=START)

    def do(self, op: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(op)

    async def work(self) -> None:
        await self.pause.aclose()
        await self.harness.run_until_idle()
        await self.pause.enter_async_context(self.harness.paused())

    def refused(self, error: type[E], op: Coroutine[Any, Any, Any]) -> E:
        """The error of a call that is to raise exactly this one."""
        try:
            done = self.do(op)
        except BideError as raised:
            # Exactly this one: most of them are conflicts.
            if type(raised) is error:
                return raised
            raise
        raise AssertionError(f"{done!r} instead of {error.__name__}")

    def exists(self, job: UUID, op: Coroutine[Any, Any, Any]) -> bool:
        """Whether the job is still there; if it was deleted, the call must say so, and else it is not made."""
        if job in self.jobs:
            op.close()
            return True
        self.refused(NotFound, op)
        return False

    def expect_run(self) -> None:
        """Let the model do what a worker does until it is idle."""
        for job in self.jobs.values():
            job.run(self.now)
        self.adopt_children()

    def adopt_children(self) -> None:
        """Find the jobs that jobs have enqueued: exactly one for each that did, and they ran as well."""
        for found in self.do(bide.list(limit=200)):
            if found.parent is not None and found.id not in self.jobs:
                mother = self.jobs[found.parent]
                child = Expected("quick", mother.n, mother.owner, self.now, parent=found.parent)
                child.run(self.now)
                self.jobs[found.id] = child
        born = Counter(job.parent for job in (*self.jobs.values(), *self.gone.values()))
        for identity, job in self.jobs.items():
            assert born[identity] == job.children

    def prompts(self, job: UUID) -> dict[str, PromptView]:
        return {prompt.key: prompt for prompt in self.do(bide.prompts(job, open_only=False))}

    @initialize(target=JOBS)
    def begin(self) -> MultipleResults[UUID]:
        """One job of each kind, so that every example has something to happen to."""
        return multiple(*(self.add(kind, 0) for kind in KINDS))

    def add(
        self, kind: JobType[[int], str], n: int, owner: str = "", delay: float = 0.0, key: str | None = None
    ) -> UUID:
        job = self.do(kind.options(owner=owner, delay=delay, idempotency_key=key).enqueue(n))
        self.jobs[job.id] = Expected(kind.name, n, owner, self.now + delay, key)
        return job.id

    # ── Enqueueing ───────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(
        target=JOBS,
        kind=st.sampled_from(KINDS),
        n=st.integers(0, 2),
        owner=OWNERS,
        delay=st.sampled_from([0.0, WAIT]),
        key=st.sampled_from([None, None, "k1", "k2"]),
    )
    def enqueue(
        self, kind: JobType[[int], str], n: int, owner: str, delay: float, key: str | None
    ) -> UUID | MultipleResults[UUID]:
        again = kind.options(owner=owner, delay=delay, idempotency_key=key, priority=1)
        same = [
            (identity, job)
            for identity, job in self.jobs.items()
            if key is not None and (job.owner, job.key) == (owner, key)
        ]
        for identity, job in same:
            if (job.kind, job.n) == (kind.name, n):
                assert self.do(again.enqueue(n)).id == identity
            else:
                assert self.refused(IdempotencyConflict, again.enqueue(n)).job_id == identity
            return multiple()
        return self.add(kind, n, owner, delay, key)

    # ── Working ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule()
    def run_until_idle(self) -> None:
        self.do(self.work())
        self.expect_run()

    @rule(write=st.integers(1, 12), after=st.booleans())
    def crash(self, write: int, after: bool) -> None:
        """The worker dies at one of its writes, and another goes on: in the end it must not show."""
        new = [identity for identity, job in self.jobs.items() if job.kind == "flaky" and not job.tried]
        if self.do(self.harness.crash(write, after=after)):
            self.crashes += 1
        self.do(self.work())
        for identity in new:
            # It fails in its first attempt alone, and that may be the one that the crash ended.
            self.jobs[identity].tried = self.do(bide.get(identity)).status is JobStatus.COMPLETED
        self.expect_run()

    @rule(by=st.sampled_from([1.0, WAIT, PATIENCE, 1_000.0]), run=st.booleans())
    def advance(self, by: float, run: bool) -> None:
        self.do(self.harness.advance(by))
        self.now += by
        for job in self.jobs.values():
            job.wake(self.now)
        if run:
            self.run_until_idle()

    def asking(self, job: UUID) -> UUID:
        """This job, or another one that asks something if this one never did."""
        if job not in self.jobs or self.jobs[job].questions:
            return job
        return next((identity for identity, other in self.jobs.items() if other.open), job)

    # ── People ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(job=JOBS, key=st.sampled_from(["one", "two"]), answer=ANSWERS, by=st.sampled_from(["ana", "ben"]))
    def answer(self, job: UUID, key: str, answer: Proceed | Revise, by: str) -> None:
        """Answer a question, and once more; in time or not, as who may or not."""
        job = self.asking(job)
        if not self.exists(job, bide.respond(job, answer, prompt=job, by=by)) or key not in self.jobs[job].questions:
            return
        expected = self.jobs[job].questions[key]
        prompt = self.prompts(job)[key].id
        respond = partial(bide.respond, job, answer, prompt=prompt, by=by)
        if expected.assignee not in (None, by):
            self.refused(NotAssigned, respond())
        elif not expected.open:
            assert self.refused(PromptClosed, respond()).reason == expected.closed
        else:
            self.responses += 1
            once = UUID(int=self.responses)
            receipt = self.do(respond(response_id=once))
            assert (receipt.job_id, receipt.prompt_id, receipt.by) == (job, prompt, by)
            assert self.do(respond(response_id=once)) == receipt
            self.refused(PromptClosed, respond())
            self.accept(self.jobs[job], key, answer)

    @rule(job=JOBS, answer=ANSWERS)
    def answer_what_is_open(self, job: UUID, answer: Proceed | Revise) -> None:
        """Without naming the question: only if there is one, and somebody was shown it."""
        job = self.asking(job)
        if not self.exists(job, bide.respond(job, answer)):
            return
        match list(self.jobs[job].open.items()):
            case [] if closed := self.jobs[job].questions.values():
                told = self.refused(PromptClosed, bide.respond(job, answer, by="ana"))
                assert told.reason in {question.closed for question in closed}
            case []:
                self.refused(Conflict, bide.respond(job, answer, by="ana"))
            case [(_, question)] if not question.served:
                self.refused(PromptNotServed, bide.respond(job, answer, by="ana"))
            case [(key, _)]:
                self.do(bide.respond(job, answer, by="ana"))
                self.accept(self.jobs[job], key, answer)
            case _:
                self.refused(PromptAmbiguous, bide.respond(job, answer, by="ana"))

    def accept(self, job: Expected, key: str, answer: Proceed | Revise) -> None:
        job.questions[key].answer, job.questions[key].closed = plain(answer), "answered"
        if job.status is JobStatus.PENDING_HITL:
            job.status, job.due = JobStatus.PENDING, self.now

    @rule(job=JOBS)
    def show(self, job: UUID) -> None:
        job = self.asking(job)
        if self.exists(job, bide.show_prompts(job)):
            shown = self.do(bide.show_prompts(job))
            assert {prompt.key for prompt in shown} == self.jobs[job].open.keys()
            for question in self.jobs[job].open.values():
                question.served = True

    @rule(job=JOBS)
    def answer_wrong(self, job: UUID) -> None:
        job = self.asking(job)
        if job in self.jobs:
            for key in self.jobs[job].open:
                respond = bide.respond(job, {"action": "maybe"}, prompt=self.prompts(job)[key].id, by="ana")
                self.refused(InvalidResponse, respond)

    # ── Control ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(job=JOBS)
    def cancel(self, job: UUID) -> None:
        if not self.exists(job, bide.cancel(job)):
            return
        expected = self.jobs[job]
        if expected.status in {JobStatus.COMPLETED, JobStatus.FAILED}:
            self.refused(AlreadyFinished, bide.cancel(job))
            return
        assert self.do(bide.cancel(job, by="ana", reason="no need")).status is JobStatus.CANCELLED
        if expected.status is not JobStatus.CANCELLED:
            expected.end(JobStatus.CANCELLED, self.now)

    @rule(job=JOBS)
    def cancel_by_an_answer(self, job: UUID) -> None:
        job = self.asking(job)
        if job in self.jobs:
            for key in self.jobs[job].open:
                prompt = self.prompts(job)[key].id
                receipt = self.do(bide.respond(job, {"action": "cancel"}, prompt=prompt, by="ana"))
                assert receipt.action == "cancel"
                self.jobs[job].questions[key].closed = "answered"
                self.jobs[job].end(JobStatus.CANCELLED, self.now)
                break

    @rule(target=JOBS, mode=st.sampled_from(get_args(Mode)))
    def cancel_what_runs(self, mode: Mode) -> UUID:
        async def scenario() -> Job[str]:
            world.started.clear()
            world.gate.clear()
            job = await held.enqueue(mode)
            running = asyncio.create_task(self.work())
            await world.started.wait()
            asked = await bide.cancel(job)
            assert (asked.status, asked.cancel_requested_at is None) == (JobStatus.RUNNING, False)
            await bide.cancel(job)
            if mode == "returns":
                # Before the worker has heard of it: what it then writes is a result, and must not count.
                world.gate.set()
            await running
            return job

        job = self.do(scenario())
        self.jobs[job.id] = Expected("held", 0, "", self.now, status=JobStatus.CANCELLED, finished=self.now)
        self.expect_run()
        return job.id

    @rule(target=JOBS, answer=ANSWERS)
    def answer_what_runs(self, answer: Proceed | Revise) -> UUID:
        """While another branch is in a step the job is running, and its open question takes an answer all the same."""

        async def scenario() -> Job[str]:
            world.started.clear()
            world.gate.clear()
            job = await busy.enqueue(0)
            running = asyncio.create_task(self.work())
            await world.started.wait()
            async with aclosing(bide.events(job)) as events:
                async for event in events:
                    if event.kind == "prompt.opened":
                        break
            await self.harness.answer(job, "one", answer)
            assert (await bide.get(job)).status is JobStatus.RUNNING
            world.gate.set()
            await running
            return job

        job = self.do(scenario())
        expected = Expected(
            "busy", 0, "", self.now, questions={"one": Question(answer=plain(answer), closed="answered")}
        )
        expected.end(JobStatus.COMPLETED, self.now, f"{plain(answer)} let go")
        self.jobs[job.id] = expected
        self.expect_run()
        return job.id

    @rule(job=JOBS)
    def delete(self, job: UUID) -> None:
        if not self.exists(job, bide.delete(job)):
            return
        if self.jobs[job].status.terminal:
            self.do(bide.delete(job))
            self.gone[job] = self.jobs.pop(job)
        else:
            self.refused(NotFinished, bide.delete(job))

    @rule(older_than=st.sampled_from([0.0, WAIT, PATIENCE]), status=st.sampled_from([JobStatus.COMPLETED, None]))
    def cleanup(self, older_than: float, status: JobStatus | None) -> None:
        statuses = [status] if status is not None else [status for status in JobStatus if status.terminal]
        old = [
            identity
            for identity, job in self.jobs.items()
            if job.status in statuses and job.finished is not None and job.finished < self.now - older_than
        ]
        assert self.do(bide.cleanable(older_than=older_than, statuses=statuses)) == len(old)
        assert self.do(bide.cleanup(older_than=older_than, statuses=statuses)) == len(old)
        for identity in old:
            self.gone[identity] = self.jobs.pop(identity)

    # ── What must hold ───────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def the_jobs_are_as_the_model_says(self) -> None:
        found = {job.id: job for job in self.do(bide.list(limit=200))}
        assert found.keys() == self.jobs.keys()
        prompts: dict[UUID, set[str]] = {}
        for prompt in self.do(bide.prompts()):
            prompts.setdefault(prompt.job_id, set()).add(prompt.key)
        for identity, expected in self.jobs.items():
            job = self.do(bide.get(identity))
            assert found[identity] == job.model_copy(update={"result": None})
            seen = (job.status, job.result, job.owner, prompts.get(identity, set()))
            assert seen == (expected.status, expected.result, expected.owner, set(expected.open)), expected
            assert (job.finished_at is None) == (expected.finished is None)
            assert job.finished_at is None or (job.finished_at - START).total_seconds() == expected.finished
        by_status = self.do(bide.stats()).by_status
        assert {status: n for status, n in by_status.items() if n} == Counter(job.status for job in self.jobs.values())

    @invariant()
    def an_owner_sees_its_own_alone(self) -> None:
        mine = {job.id for job in self.do(bide.list(owner="ana", limit=200))}
        assert mine == {identity for identity, job in self.jobs.items() if job.owner == "ana"}

    @invariant()
    def no_effect_is_repeated_without_a_crash(self) -> None:
        for what, times in world.effects.items():
            assert times <= 1 + self.crashes, what

    def teardown(self) -> None:
        try:
            self.do(self.work())
            self.do(assert_sound(bide.store, expected=[str(identity) for identity in self.jobs], at_rest=True))
        finally:
            world.gate.set()
            self.do(self.pause.aclose())
            self.do(self.harness.__aexit__(None, None, None))
            self.runner.close()


def machine_on(url: str, through: str | None = None) -> type[Jobs]:
    """The machine, each example of which begins with this PostgreSQL emptied. `through`: where the store finds it."""

    class JobsInPostgres(Jobs):
        def make_harness(self) -> Harness[Any]:
            tables = ("job", "label", "event", "step", "prompt", "response", "permit", "open_lane", "worker")
            self.do(execute(url, "truncate " + ", ".join(f"bide.{table}" for table in tables)))
            return PostgresHarness(bide, through or url, now=START)

    return JobsInPostgres


def run(machine: type[Jobs], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_jobs_do_what_the_model_says() -> None:
    run(Jobs, 40)


def test_jobs_in_postgres_do_what_the_model_says(postgres_url: str) -> None:
    run(machine_on(postgres_url), 20)


def test_jobs_behind_a_pooler_do_what_the_model_says(postgres_url: str, pooled_url: str) -> None:
    run(machine_on(postgres_url, pooled_url), 10)
