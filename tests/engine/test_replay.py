"""What a run remembers is what the next run gets: steps, failures, sleeps, output (ENGINE 5 to 10)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from bide import (
    Bide,
    Confirm,
    Event,
    EventKind,
    Fail,
    Job,
    JobContext,
    JobStatus,
    Proceed,
    Retry,
    RetryPolicy,
    StepFailed,
    current_step,
)
from bide.errors import DuplicateStep, IdempotencyConflict, InvalidOption, InvalidPayload, NestedStep, UnencodableType
from bide.testing import Harness
from tests.support import comes

QUESTION = Confirm(summary="Go on?")


class Colour(Enum):
    RED = "red"


class Base(BaseModel):
    name: str


class Derived(Base):
    more: int = 1


class Aliased(BaseModel):
    inner_name: str = Field(alias="innerName")


@dataclass
class Point:
    x: int
    y: tuple[int, ...]


async def make_derived() -> Base:
    return Derived(name="n")


async def make_mapping() -> dict[int, str]:
    return {1: "one"}


async def make_tuple() -> tuple[int, str]:
    return (1, "one")


async def make_moment() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def make_day() -> date:
    return date(2026, 1, 2)


async def make_amount() -> Decimal:
    return Decimal("1.10")


async def make_colour() -> Colour:
    return Colour.RED


async def make_point() -> Point:
    return Point(1, (2, 3))


async def make_aliased() -> Aliased:
    return Aliased(innerName="x")


async def make_float() -> float:
    return 1e16


async def make_nothing() -> None:
    return None


MAKERS = [
    make_derived,
    make_mapping,
    make_tuple,
    make_moment,
    make_day,
    make_amount,
    make_colour,
    make_point,
    make_aliased,
    make_float,
    make_nothing,
]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
async def test_the_first_run_and_its_replay_see_the_same_value(make: Callable[[], Any], bide: Bide[None]) -> None:
    seen: list[object] = []

    @bide.job
    async def twice(ctx: JobContext) -> None:
        seen.append(await ctx.step(make))
        await ctx.ask("go", QUESTION)

    async with Harness(bide) as jobs:
        job = await twice.enqueue()
        await jobs.run_until_idle()
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        await jobs.result(job)
    first, replayed = seen
    assert first == replayed
    assert type(first) is type(replayed)


class Opaque:
    """Nothing that JSON can keep."""


async def test_a_step_whose_result_cannot_be_kept_is_refused_before_its_effect(bide: Bide[None]) -> None:
    effects: list[str] = []

    async def effect() -> Opaque:
        effects.append("done")
        return Opaque()

    @bide.job
    async def careless(ctx: JobContext) -> str:
        with pytest.raises(UnencodableType):
            await ctx.options(returns=Opaque).step(effect)
        return "refused"

    async with Harness(bide) as jobs:
        job = await careless.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "refused"
        assert effects == []


async def test_a_failed_step_fails_alike_when_replayed_and_takes_the_same_path(bide: Bide[None]) -> None:
    calls: list[str] = []

    async def flaky() -> str:
        calls.append("flaky")
        if len(calls) == 1:
            raise ValueError("no luck")
        return "luck"

    @bide.job
    async def forgiving(ctx: JobContext) -> str:
        try:
            path = await ctx.step(flaky)
        except StepFailed as failed:
            path = f"{failed.error}: {failed.detail}"
        await ctx.ask("go", QUESTION)
        return path

    async with Harness(bide) as jobs:
        job = await forgiving.enqueue()
        await jobs.run_until_idle()
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "ValueError: no luck"
        assert calls == ["flaky"]


async def test_only_a_retry_of_the_job_clears_a_failed_step(bide: Bide[None]) -> None:
    calls: list[int] = []

    async def flaky() -> int:
        calls.append(1)
        if calls.count(1) == 1:
            raise ValueError("no luck")
        return calls.count(1)

    async def solid() -> str:
        calls.append(-1)
        return "kept"

    @bide.job(max_attempts=2)
    async def trusting(ctx: JobContext) -> tuple[str, int]:
        return await ctx.step(solid), await ctx.step(flaky)

    async with Harness(bide) as jobs:
        job = await trusting.enqueue()
        await jobs.run_until_idle()
        assert (await bide.get(job)).reason == "retrying"
        await jobs.advance("2s")
        await jobs.run_until_idle()
        assert await jobs.result(job) == ("kept", 2)
        assert calls.count(-1) == 1
        assert (await bide.get(job)).attempt == 2


async def test_a_step_is_tried_again_within_its_run(bide: Bide[None]) -> None:
    attempts: list[int] = []
    keys: set[str] = set()

    async def flaky() -> str:
        attempts.append(current_step().attempt)
        keys.add(current_step().idempotency_key)
        if len(attempts) < 3:
            raise ConnectionError
        return "through"

    @bide.job(max_attempts=1)
    async def persistent(ctx: JobContext) -> str:
        return await ctx.options(retry=RetryPolicy(max_attempts=3, base=0.001, cap=0.001)).step(flaky)

    async with Harness(bide) as jobs:
        job = await persistent.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "through"
        assert attempts == [1, 2, 3]
        assert len(keys) == 1


async def now() -> str:
    return "mine"


async def uuid() -> str:
    return "mine"


async def random() -> str:
    return "mine"


async def sleep() -> str:
    return "mine"


async def ask() -> str:
    return "mine"


@pytest.mark.parametrize("own", [now, uuid, random, sleep, ask], ids=lambda own: own.__name__)
async def test_a_step_may_be_named_as_what_the_context_remembers_itself(
    own: Callable[[], Awaitable[str]], bide: Bide[None]
) -> None:
    @bide.job(max_attempts=1)
    async def both(ctx: JobContext) -> str:
        await ctx.now("k")
        await ctx.uuid("k")
        await ctx.random("k")
        await ctx.sleep("1s", key="k")
        await ctx.ask("k", QUESTION)
        return await ctx.options(key="k").step(own)

    async with Harness(bide) as jobs:
        job = await both.enqueue()
        await jobs.run_until_idle()
        await jobs.advance("1s")
        await jobs.run_until_idle()
        await jobs.answer(job, "k", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "mine"


async def test_the_names_of_what_the_context_remembers_itself_are_refused(bide: Bide[None]) -> None:
    async def disguised() -> None: ...

    disguised.__name__ = "ctx.now"

    @bide.job(max_attempts=1)
    async def posing(ctx: JobContext) -> str:
        with pytest.raises(InvalidOption, match=r"'ctx\.sleep'"):
            ctx.options(name="ctx.sleep")
        with pytest.raises(InvalidOption, match=r"'ctx\.now'"):
            await ctx.step(disguised)
        return "refused"

    async with Harness(bide) as jobs:
        job = await posing.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "refused"


@dataclass
class Model:
    """It compares by value, so it has no hash."""

    name: str

    async def __call__(self) -> Base:
        return Base(name=self.name)


async def test_any_callable_may_be_a_step(bide: Bide[None]) -> None:
    @bide.job(max_attempts=1)
    async def calling(ctx: JobContext) -> list[Base]:
        model = Model("m")
        return [
            await ctx.step(model),
            await ctx.options(name="method").step(model.__call__),
            await ctx.options(name="part").step(partial(Model.__call__, model)),
        ]

    async with Harness(bide) as jobs:
        job = await calling.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == [Base(name="m")] * 3


async def test_what_a_step_closes_over_is_let_go_with_its_job(bide: Bide[None]) -> None:
    class Document:
        """Something large."""

    held: list[weakref.ref[Document]] = []

    @bide.job
    async def summary(ctx: JobContext) -> str:
        document = Document()
        held.append(weakref.ref(document))

        async def summarise() -> str:
            return type(document).__name__

        return await ctx.step(summarise)

    async with Harness(bide) as jobs:
        job = await summary.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "Document"
        gc.collect()
        assert [reference() for reference in held] == [None]


async def test_functions_of_one_code_and_different_annotations_are_told_apart(bide: Bide[None]) -> None:
    def make(kind: Any) -> Callable[[], Any]:
        def value() -> Any:
            return ("a", "b")

        value.__annotations__["return"] = kind
        return value

    @bide.job
    async def typed(ctx: JobContext) -> None:
        as_list: Any = await ctx.options(key=1).step(make(Any))
        as_tuple: Any = await ctx.options(key=2).step(make(tuple[str, str]))
        assert (as_list, as_tuple) == (["a", "b"], ("a", "b"))

    async with Harness(bide) as jobs:
        job = await typed.enqueue()
        await jobs.run_until_idle()
        await jobs.result(job)


async def test_steps_are_leaves(bide: Bide[None]) -> None:
    refused: list[str] = []

    @bide.job
    async def nesting(ctx: JobContext) -> None:
        async def ask() -> None:
            await ctx.ask("go", QUESTION)

        async def sleep() -> None:
            await ctx.sleep(1)

        async def step() -> None:
            await ctx.step(make_tuple)

        for verb in (ask, sleep, step):
            try:
                await ctx.step(verb)
            except NestedStep:
                refused.append(verb.__name__)

    async with Harness(bide) as jobs:
        job = await nesting.enqueue()
        await jobs.run_until_idle()
        await jobs.result(job)
        assert refused == ["ask", "sleep", "step"]


async def test_a_repeat_needs_a_key(bide: Bide[None]) -> None:
    @bide.job
    async def repeating(ctx: JobContext) -> str:
        await ctx.step(make_tuple)
        with pytest.raises(DuplicateStep):
            await ctx.step(make_tuple)
        await ctx.options(key="again").step(make_tuple)
        return "keyed"

    async with Harness(bide) as jobs:
        job = await repeating.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "keyed"


async def test_steps_may_be_inserted_removed_and_reordered_while_a_job_waits(bide: Bide[None]) -> None:
    ran: list[str] = []
    code = "old"

    async def a() -> str:
        ran.append("a")
        return "a"

    async def b() -> str:
        ran.append("b")
        return "b"

    async def new() -> str:
        ran.append("new")
        return "new"

    @bide.job
    async def edited(ctx: JobContext) -> list[str]:
        first = a if code == "old" else new
        done = [await ctx.step(first), await ctx.step(b)]
        await ctx.ask("go", QUESTION)
        return done

    async with Harness(bide) as jobs:
        job = await edited.enqueue()
        await jobs.run_until_idle()
        code = "new"
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == ["new", "b"]
        assert ran == ["a", "b", "new"]
        completed = (await bide.history(job))[-1]
        assert completed.data["unvisited"] == ["a"]


async def test_a_renamed_step_keeps_its_name(bide: Bide[None]) -> None:
    ran: list[str] = []
    code = "old"

    async def old() -> str:
        ran.append("old")
        return "result"

    async def renamed() -> str:
        ran.append("renamed")
        return "other"

    @bide.job
    async def edited(ctx: JobContext) -> str:
        result = await (ctx.step(old) if code == "old" else ctx.options(name="old").step(renamed))
        await ctx.ask("go", QUESTION)
        return result

    async with Harness(bide) as jobs:
        job = await edited.enqueue()
        await jobs.run_until_idle()
        code = "new"
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == "result"
        assert ran == ["old"]


async def test_a_job_whose_stored_value_no_longer_decodes_waits_for_other_code(bide: Bide[None]) -> None:
    returns: Any = str

    async def make() -> Any:
        return "text"

    @bide.job
    async def edited(ctx: JobContext) -> str:
        try:
            value = await ctx.options(returns=returns).step(make)
        except Exception:  # noqa: BLE001 - an incompatible deploy is not for the job to catch
            value = "caught"
        await ctx.ask("go", QUESTION)
        return str(value)

    async with Harness(bide) as jobs:
        job = await edited.enqueue()
        await jobs.run_until_idle()
        returns = int
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        waiting = await bide.get(job)
        assert waiting.status is JobStatus.PENDING
        assert waiting.attempt == 1
        returns = str
        await jobs.advance("5m")
        await jobs.run_until_idle()
        assert await jobs.result(job) == "text"


async def test_a_sleep_is_a_deadline_that_is_set_once(bide: Bide[None]) -> None:
    runs: list[int] = []

    @bide.job
    async def sleepy(ctx: JobContext) -> datetime:
        runs.append(1)
        await ctx.sleep("1d")
        await ctx.sleep("2h", key="again")
        return await ctx.now()

    async with Harness(bide, now="2026-01-01T00:00:00+00:00") as jobs:
        job = await sleepy.enqueue()
        await jobs.run_until_idle()
        assert (await bide.get(job)).reason == "sleeping"
        await jobs.advance("23h")
        await jobs.run_until_idle()
        assert len(runs) == 1
        await jobs.advance("1h")
        await jobs.run_until_idle()
        await jobs.advance("2h")
        await jobs.run_until_idle()
        assert await jobs.result(job) == datetime(2026, 1, 2, 2, tzinfo=UTC)
        assert (await bide.get(job)).attempt == 1


async def test_now_uuid_and_random_are_the_same_in_every_run(bide: Bide[None]) -> None:
    seen: list[tuple[datetime, UUID, float]] = []

    @bide.job
    async def random(ctx: JobContext) -> None:
        seen.append((await ctx.now(), await ctx.uuid(), await ctx.random()))
        await ctx.ask("go", QUESTION)

    async with Harness(bide) as jobs:
        job = await random.enqueue()
        await jobs.run_until_idle()
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        await jobs.result(job)
        assert seen[0] == seen[1]


async def test_progress_stands_still_while_a_run_replays_and_never_falls(bide: Bide[None]) -> None:
    @bide.job
    async def steady(ctx: JobContext) -> None:
        ctx.progress(10, "first")
        await ctx.step(make_tuple)
        ctx.progress(70, "second")
        await ctx.ask("go", QUESTION)
        await ctx.options(key="more").step(make_tuple)
        ctx.progress(20, "third")
        ctx.progress(900, "fourth")

    async with Harness(bide) as jobs:
        job = await steady.enqueue()
        await jobs.run_until_idle()
        assert (await bide.get(job)).progress.percent == 70
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        await jobs.result(job)
        done = await bide.get(job)
        assert done.progress.percent == 100
        shown = [
            (event.data["percent"], event.data["message"])
            for event in await bide.history(job)
            if event.kind == EventKind.PROGRESS
        ]
        percents = [percent for percent, _ in shown]
        assert percents == sorted(percents)
        assert [message for _, message in shown].count("first") <= 1


async def test_output_is_ordered_and_not_repeated_by_a_replay(bide: Bide[None]) -> None:
    async def write() -> str:
        for word in ("one ", "two ", "three"):
            current_step().emit(word)
        return "written"

    @bide.job
    async def author(ctx: JobContext) -> str:
        result = await ctx.step(write)
        await ctx.ask("go", QUESTION)
        return result

    async with Harness(bide) as jobs:
        job = await author.enqueue()
        await jobs.run_until_idle()
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        await jobs.result(job)
        history = await bide.history(job)
        output = [event.data["text"] for event in history if event.kind == EventKind.OUTPUT]
        assert "".join(output) == "one two three"
        kinds = [event.kind for event in history]
        last = max(n for n, kind in enumerate(kinds) if kind == EventKind.OUTPUT)
        assert last < kinds.index(EventKind.STEP_COMPLETED)


async def test_a_step_that_runs_again_resets_its_output(bide: Bide[None]) -> None:
    tries: list[int] = []

    async def write() -> str:
        tries.append(1)
        current_step().emit(f"try {len(tries)}")
        if len(tries) == 1:
            raise ConnectionError
        return "written"

    @bide.job
    async def author(ctx: JobContext) -> str:
        return await ctx.options(retry=RetryPolicy(max_attempts=2, base=0.001, cap=0.001)).step(write)

    async with Harness(bide) as jobs:
        job = await author.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "written"
        told = [event for event in await bide.history(job) if event.kind in {EventKind.OUTPUT, EventKind.OUTPUT_RESET}]
        assert [event.data.get("text") for event in told] == ["try 1", None, "try 2"]


def output(history: Sequence[Event]) -> list[str | None]:
    """The texts of a job's output, and None for each time that it began anew."""
    return [event.data.get("text") for event in history if event.kind in {EventKind.OUTPUT, EventKind.OUTPUT_RESET}]


async def test_output_that_no_later_try_repeats_is_taken_back(bide: Bide[None]) -> None:
    tries: list[int] = []

    async def write() -> str:
        tries.append(1)
        if len(tries) == 1:
            current_step().emit("half a sent")
            raise ConnectionError
        if len(tries) == 2:
            raise ConnectionError
        return "written"

    @bide.job
    async def author(ctx: JobContext) -> str:
        return await ctx.options(retry=RetryPolicy(max_attempts=3, base=0.0, jitter=0.0)).step(write)

    async with Harness(bide) as jobs:
        job = await author.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "written"
        assert output(await bide.history(job)) == ["half a sent", None]


async def test_output_of_a_worker_that_died_is_taken_back_when_its_step_runs_again(bide: Bide[None]) -> None:
    tries: list[int] = []
    accepted: list[Job[str]] = []

    async def written() -> list[str | None]:
        return output(await bide.history(accepted[0]))

    async def write() -> str:
        tries.append(1)
        if len(tries) == 1:
            current_step().emit("half a sent")
            await comes(written)
        return "written"

    @bide.job
    async def author(ctx: JobContext) -> str:
        return await ctx.step(write)

    async with Harness(bide) as jobs:
        async with jobs.paused():
            job = await author.enqueue()
            accepted.append(job)
            assert await jobs.crash(3)  # it claims, writes the output, and dies before it records the step
        await jobs.run_until_idle()
        assert await jobs.result(job) == "written"
        assert len(tries) == 2
        assert output(await bide.history(job)) == ["half a sent", None]


async def test_output_of_a_step_that_runs_for_the_first_time_takes_nothing_back(bide: Bide[None]) -> None:
    async def write() -> None:
        current_step().emit("text")

    @bide.job
    async def author(ctx: JobContext) -> None:
        await ctx.options(key="before").step(write)
        await ctx.ask("go", QUESTION)
        await ctx.options(key="after").step(write)

    async with Harness(bide) as jobs:
        job = await author.enqueue()
        await jobs.run_until_idle()
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        await jobs.result(job)
        assert output(await bide.history(job)) == ["text", "text"]


async def test_output_of_any_length_is_told_in_pieces_and_in_order(bide: Bide[None]) -> None:
    long = "".join(f"{n} " for n in range(2_500_000))  # more than the 16 MB of a payload

    async def write() -> None:
        for text in ("begin ", long, "end"):
            current_step().emit(text)

    @bide.job
    async def author(ctx: JobContext) -> None:
        await ctx.step(write)

    async with Harness(bide) as jobs:
        job = await author.enqueue()
        await jobs.run_until_idle()
        await jobs.result(job)
        texts = [text or "" for text in output(await bide.history(job))]
        assert "".join(texts) == f"begin {long}end"
        assert max(map(len, texts)) <= 64 * 1024


async def test_a_large_result_is_loaded_on_use(bide: Bide[None]) -> None:
    async def large() -> str:
        return "x" * 1_000_000

    @bide.job
    async def heavy(ctx: JobContext) -> int:
        text = await ctx.step(large)
        await ctx.ask("go", QUESTION)
        return len(text)

    async with Harness(bide) as jobs:
        job = await heavy.enqueue()
        await jobs.run_until_idle()
        await jobs.answer(job, "go", Proceed())
        await jobs.run_until_idle()
        assert await jobs.result(job) == 1_000_000


async def test_a_job_enqueued_in_a_step_is_enqueued_once(bide: Bide[None]) -> None:
    @bide.job
    async def child(ctx: JobContext, n: int) -> int:
        return n

    tries: list[int] = []

    async def fan_out() -> list[UUID]:
        tries.append(1)
        made = [(await child.enqueue(n)).id for n in range(3)]
        if len(tries) == 1:
            raise Retry(after="1s")
        return made

    @bide.job
    async def parent(ctx: JobContext) -> list[UUID]:
        return await ctx.step(fan_out)

    async with Harness(bide) as jobs:
        job = await parent.options(owner="ana").enqueue()
        await jobs.run_until_idle()
        await jobs.advance("1s")
        await jobs.run_until_idle()
        made = await jobs.result(job)
        children = await bide.list(types=["child"])
        assert {known.id for known in children} == set(made)
        assert len(children) == 3
        assert {known.parent for known in children} == {job.id}
        assert {known.owner for known in children} == {"ana"}
        assert len(tries) == 2


async def test_a_job_enqueued_outside_a_step_needs_a_key(bide: Bide[None]) -> None:
    @bide.job
    async def child(ctx: JobContext) -> None: ...

    @bide.job
    async def parent(ctx: JobContext) -> str:
        with pytest.raises(InvalidOption):
            await child.enqueue()
        await child.options(idempotency_key="mine").enqueue()
        return "keyed"

    async with Harness(bide) as jobs:
        job = await parent.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(job) == "keyed"
        assert len(await bide.list(types=["child"])) == 1


async def test_one_idempotency_key_is_one_job(bide: Bide[None]) -> None:
    @bide.job
    async def pay(ctx: JobContext, amount: int, to: str = "ana") -> None: ...

    async with Harness(bide):
        first = await pay.options(idempotency_key="k").enqueue(1, to="ana")
        assert (await pay.options(idempotency_key="k").enqueue(1, to="ana")).id == first.id
        assert (await pay.options(idempotency_key="k", owner="other").enqueue(1, to="ana")).id != first.id
        with pytest.raises(IdempotencyConflict):
            await pay.options(idempotency_key="k").enqueue(2, to="ana")


async def test_what_a_job_raises_ends_it_as_its_policy_says(bide: Bide[None]) -> None:
    attempts: dict[str, int] = {}

    @bide.job(retry=RetryPolicy(max_attempts=3, base=1, jitter=0, give_up_on=(KeyError,)))
    async def failing(ctx: JobContext, how: str) -> None:
        attempts[how] = ctx.attempt
        match how:
            case "fail":
                raise Fail("no use")
            case "retry":
                raise Retry(after="10s")
            case "key":
                raise KeyError("gone")
            case "exit":
                raise SystemExit(3)
            case "interrupt":
                raise KeyboardInterrupt
            case _:
                raise ValueError("again")

    async with Harness(bide) as jobs:
        made = {how: await failing.enqueue(how) for how in ("fail", "retry", "key", "exit", "interrupt", "value")}
        await jobs.run_until_idle()
        for how in ("fail", "key", "exit", "interrupt"):
            assert (await bide.get(made[how])).status is JobStatus.FAILED, how
        await jobs.advance("1s")
        await jobs.run_until_idle()
        assert attempts == {"fail": 1, "retry": 1, "key": 1, "exit": 1, "interrupt": 1, "value": 2}
        for _ in range(4):
            await jobs.advance("10s")
            await jobs.run_until_idle()
        assert attempts["value"] == attempts["retry"] == 3
        assert (await bide.get(made["value"])).status is JobStatus.FAILED
        assert (await bide.get(made["retry"])).status is JobStatus.FAILED


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("even this fails")


def untraceable() -> SyntaxError:
    """What the standard library's own formatting of a traceback breaks over."""
    error = SyntaxError("x")
    error.filename, error.lineno, error.offset = "f", 1, 1
    error.text = 5  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue] - that is what is wrong
    return error


@pytest.mark.parametrize(
    "error",
    [Unprintable(), ValueError("nul \x00 and \ud800 surrogate"), untraceable()],
    ids=["str", "odd", "untraceable"],
)
async def test_an_odd_error_is_told_and_the_worker_lives(error: Exception, bide: Bide[None]) -> None:
    @bide.job(max_attempts=1)
    async def failing(ctx: JobContext) -> None:
        raise error

    @bide.job
    async def other(ctx: JobContext) -> str:
        return "alive"

    async with Harness(bide) as jobs:
        job = await failing.enqueue()
        await jobs.run_until_idle()
        failed = await bide.get(job)
        assert failed.error is not None
        assert failed.error.type == type(error).__name__
        assert "\x00" not in failed.error.message
        after = await other.enqueue()
        await jobs.run_until_idle()
        assert await jobs.result(after) == "alive"


@pytest.mark.parametrize("value", [float("nan"), "nul \x00", "\ud800", 2**64, b"bytes", {1: 2}], ids=repr)
async def test_a_result_that_is_not_json_fails_the_job_once(value: Any, bide: Bide[None]) -> None:
    runs: list[int] = []

    @bide.job(max_attempts=3)
    async def odd(ctx: JobContext) -> Any:
        runs.append(1)
        return value

    async with Harness(bide) as jobs:
        job = await odd.enqueue()
        await jobs.run_until_idle()
        failed = await bide.get(job)
        assert failed.status is JobStatus.FAILED
        assert failed.reason == "invalid_result"
        assert failed.error is not None
        assert failed.error.type == InvalidPayload.__name__
        assert len(runs) == 1


async def test_a_step_is_told_with_a_digest_of_its_arguments_where_they_are_data(bide: Bide[None]) -> None:
    async def look(*_: object) -> None: ...

    @bide.job
    async def work(ctx: JobContext) -> None:
        for key, argument in enumerate((1, Base(name="a"), date(2026, 1, 1), Decimal("1.5"), object())):
            await ctx.options(key=key).step(look, argument)

    async with Harness(bide) as jobs:
        job = await work.enqueue()
        await jobs.run_until_idle()
        told = [event.data for event in await bide.history(job) if event.kind == EventKind.STEP_COMPLETED]
        assert ["input" in data for data in told] == [True, True, True, True, False]
        assert len({data["input"] for data in told[:4]}) == 4
