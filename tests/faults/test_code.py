"""Jobs whose own code goes wrong: it costs that job, and never the worker."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from bide import Bide, Confirm, EventKind, JobContext, JobStatus, Retry, RetryPolicy
from bide.errors import IdempotencyConflict, InvalidOption, InvalidPayload
from bide.store.base import Suspended
from bide.store.sqlite import SQLiteStore
from bide.store.sqlite.procedure import TURN
from bide.testing import ManualClock, check
from bide.testing.contract.moves import claim, register, row, settle
from bide.upkeep import Upkeep
from tests.faults.rows import Row, covers
from tests.support import finished, holds, quick, store_at, told, until, working

HOUR = 3_600_000_000


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("even this fails")


class Fatal(BaseException):
    pass


class Quitting(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


ERRORS = [
    Fatal("fatal"),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    Unprintable(),
    Quitting(),
    StopIteration(),
]


async def raises(error: BaseException) -> None:
    raise error


def raises_in_thread(error: BaseException) -> None:
    raise error


@covers(Row.ODD_ERRORS)
@pytest.mark.parametrize("where", ["job", "def job", "step", "def step", "step of a def job", "def step of a def job"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_whatever_is_raised_fails_that_job_and_the_worker_lives(
    error: BaseException, where: str, bide: Bide[None]
) -> None:
    @bide.job(max_attempts=1)
    async def failing(ctx: JobContext) -> None:
        match where:
            case "job":
                raise error
            case "step":
                await ctx.step(raises, error)
            case _:
                await ctx.step(raises_in_thread, error)

    @bide.job(max_attempts=1)
    def failing_in_thread(ctx: JobContext) -> None:
        match where:
            case "def job":
                raise error
            case "step of a def job":
                ctx.run(ctx.step(raises, error))
            case _:
                ctx.run(ctx.step(raises_in_thread, error))

    @bide.job
    async def other(ctx: JobContext) -> str:
        return "alive"

    async with bide.worker():
        job = await (failing_in_thread if where.endswith("def job") else failing).enqueue()
        failed = await finished(bide, job)
        assert failed.status is JobStatus.FAILED
        assert failed.error is not None
        assert (await finished(bide, await other.enqueue())).result == "alive"


@covers(Row.ODD_TEXT)
async def test_odd_text_in_errors_progress_and_logs_is_escaped(bide: Bide[None]) -> None:
    odd = "nul \x00, surrogate \ud800, escape \x1b[2J"

    @bide.job(max_attempts=2)
    async def telling(ctx: JobContext) -> None:
        ctx.progress(10, odd)
        ctx.log(odd)
        if ctx.attempt == 1:
            raise Retry(odd, after=0)
        try:
            await ctx.options(max_attempts=2).step(raises, ValueError(odd))
        finally:
            ctx.log(f"last {odd}")

    async with bide.worker():
        job = await telling.enqueue()
        failed = await finished(bide, job)
        assert failed.status is JobStatus.FAILED
        assert failed.error is not None
        assert failed.error.traceback is not None
        history = await bide.history(job)
        shown = [failed.error.message, failed.error.traceback, failed.progress.message, str(history)]
        for text in shown:
            assert text is not None
            assert not {"\x00", "\ud800", "\x1b"} & set(text)
            assert "\\ud800" in text
        # The last line before the end is not overtaken by it.
        assert [event.data["message"][:4] for event in history if event.kind == EventKind.LOG].count("last") == 1


@covers(Row.ODD_TEXT)
async def test_odd_text_of_callers_is_refused_or_escaped_and_costs_nobody_else(bide: Bide[None]) -> None:
    @bide.job
    async def brief(ctx: JobContext) -> str:
        return "done"

    async with bide.worker():
        for odd in ("nul \x00", "surrogate \ud800"):
            good, *refused = await asyncio.gather(
                brief.enqueue(),
                enqueue(brief, owner=odd),
                enqueue(brief, idempotency_key=odd),
                return_exceptions=True,
            )
            assert not isinstance(good, BaseException)
            assert [type(error) for error in refused] == [InvalidOption, InvalidOption]
            delayed = await brief.options(delay="1h").enqueue()
            cancelled = await bide.cancel(delayed, by=odd, reason=odd)
            assert cancelled.reason is not None
            assert not {"\x00", "\ud800"} & set(cancelled.reason)


async def enqueue(job_type: Any, **options: Any) -> object:
    return await job_type.options(**options).enqueue()


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


PAYLOADS: dict[str, tuple[Any, str]] = {
    "NaN": ([1, float("nan")], "$.value[1]"),
    "infinity": ({"a": float("inf")}, "$.value.a"),
    "bytes": ({"a": [b"x"]}, "$.value.a[0]"),
    "surrogate": ({"a": "\ud800"}, "$.value.a"),
    "NUL": (["a\x00"], "$.value[0]"),
    "2**64": ({"n": 2**64}, "$.value.n"),
    "key": ({"a": {1: 2}}, "$.value.a"),
    "100 MB": ("x" * 100_000_000, "$"),
    "deep": (nested(100_000), "$.value[0][0]"),
    "object": ({"a": object()}, "$.value.a"),
}


class Holder(BaseModel):
    at: date = date(2026, 1, 2)
    held: Any


HOLDERS: dict[str, tuple[Any, Callable[[Any], Any], str]] = {
    "Any": (Any, lambda value: value, ""),
    "dict[str, Any]": (dict[str, Any], lambda value: {"a": value}, ".a"),
    "list[Any]": (list[Any], lambda value: [None, value], "[1]"),
    "a model with a field of Any": (Holder, lambda value: Holder(held=value), ".held"),
}
"""Where a value stands that no type is declared for: the annotation, what is around it, and the path to it."""


@covers(Row.PAYLOADS)
@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("name", PAYLOADS)
async def test_an_input_that_is_not_json_is_refused_with_its_path(name: str, holder: str, bide: Bide[None]) -> None:
    value, where = PAYLOADS[name]
    annotation, around, inner = HOLDERS[holder]

    async def takes(ctx: JobContext, value: Any) -> None:
        return None

    takes.__annotations__["value"] = annotation
    job_type = bide.job(takes)
    async with bide:
        with pytest.raises(InvalidPayload) as refused:
            await job_type.enqueue(around(value))
        assert refused.value.path.startswith(where.replace(".value", f".value{inner}"))
        assert await bide.list() == []


@covers(Row.PAYLOADS)
@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("name", PAYLOADS)
async def test_such_a_result_fails_its_job_once(name: str, holder: str, bide: Bide[None]) -> None:
    value, where = PAYLOADS[name]
    annotation, around, inner = HOLDERS[holder]
    runs: list[int] = []

    async def gives(ctx: JobContext) -> Any:
        runs.append(ctx.attempt)
        return around(value)

    gives.__annotations__["return"] = annotation
    job_type = bide.job(max_attempts=5)(gives)
    async with bide.worker():
        failed = await finished(bide, await job_type.enqueue())
        assert (failed.status, failed.reason, failed.attempt) == (JobStatus.FAILED, "invalid_result", 1)
        assert failed.error is not None
        assert failed.error.message.startswith(where.replace(".value", inner))
    assert runs == [1]


@covers(Row.PAYLOADS)
async def test_what_a_step_returns_is_never_altered_in_silence(bide: Bide[None]) -> None:
    async def measure() -> dict[str, Any]:
        return {"score": float("nan"), "blob": b"\x01ok"}

    @bide.job(max_attempts=5)
    async def measuring(ctx: JobContext) -> dict[str, Any]:
        return await ctx.step(measure)

    async with bide.worker():
        failed = await finished(bide, await measuring.enqueue())
        assert (failed.status, failed.attempt) == (JobStatus.FAILED, 1)
        assert failed.error is not None
        assert "$.score: nan is not JSON" in failed.error.message


@covers(Row.ENQUEUE_TWICE)
async def test_one_key_is_one_job_however_many_ask_and_another_body_is_refused(bide: Bide[None]) -> None:
    runs: list[int] = []

    @bide.job
    async def counting(ctx: JobContext, n: int) -> int:
        runs.append(n)
        return n

    async with bide.worker():
        keyed = counting.options(idempotency_key="k", owner="ann")
        jobs = await asyncio.gather(*(keyed.enqueue(1) for _ in range(30)))
        assert len({job.id for job in jobs}) == 1
        await finished(bide, jobs[0])
        assert (await keyed.enqueue(1)).status is JobStatus.COMPLETED
        with pytest.raises(IdempotencyConflict) as clash:
            await keyed.enqueue(2)
        assert clash.value.job_id == jobs[0].id
        # Another owner's key is another key.
        theirs = await counting.options(idempotency_key="k", owner="bob").enqueue(2)
        assert theirs.id != jobs[0].id
        await finished(bide, theirs)
    assert sorted(runs) == [1, 2]


@covers(Row.BLOCKED_LOOP)
async def test_a_worker_whose_loop_is_blocked_is_stuck_and_not_dead(
    bide: Bide[None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "bide")
    blocked, free = threading.Event(), threading.Event()
    seen: dict[str, Any] = {}

    @bide.job(max_attempts=1)
    async def blocking(ctx: JobContext) -> str:
        blocked.set()
        free.wait()
        return "done"

    def watch() -> None:
        """Another process, as it were: it looks on while the loop of the worker stands still."""

        async def look() -> None:
            watcher: Bide[None] = Bide(bide.url)
            async with watcher:
                upkeep = Upkeep(watcher.store, grace=60, age_limit=600, retention=None)
                first = (await watcher.store.workers())[0].beat
                rescued = 0
                while (await watcher.store.workers())[0].beat < first + 5:
                    rescued += await upkeep.rescue()
                    await asyncio.sleep(0.02)
                seen["rescued"] = rescued

        blocked.wait()
        try:
            asyncio.run(look())
        finally:
            free.set()

    bide = Bide(bide.url, settings=quick(lease=0.9))
    blocking = bide.job(max_attempts=1)(blocking.definition.fn)
    watcher = threading.Thread(target=watch)
    watcher.start()
    async with bide.worker():
        job = await blocking.enqueue()
        done = await finished(bide, job)
    watcher.join()
    assert (done.status, done.attempt) == (JobStatus.COMPLETED, 1)
    assert seen == {"rescued": 0}
    assert "event loop has been blocked" in caplog.text


@covers(Row.BLOCKED_LOOP)
async def test_a_claim_whose_answer_waits_for_a_blocked_loop_is_not_given_back(bide: Bide[None], path: Path) -> None:
    bide = Bide(bide.url, settings=quick(slots=2, lease=0.6))
    effects: list[str] = []
    blocked = threading.Event()

    class Slow(sqlite3.Connection):
        turns = 0

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql == TURN.call:
                Slow.turns += 1
                if Slow.turns == 2:  # the one that claims the other job: its answer comes to a loop that is blocked
                    blocked.wait()
            return super().execute(sql, parameters)

    def look(column: str) -> int:
        with closing(sqlite3.connect(path)) as db:
            return int(db.execute(f"select {column}").fetchone()[0])

    @bide.job
    async def blocking(ctx: JobContext) -> None:
        blocked.set()
        while look("count(*) from bide_job where status = 'running'") < 2:
            time.sleep(0.01)
        beats = look("beat from bide_worker")
        while look("beat from bide_worker") < beats + 4:  # all of them come after the claim of the other
            time.sleep(0.01)

    @bide.job
    async def beside(ctx: JobContext) -> None:
        await ctx.step(effect)

    async def effect() -> None:
        effects.append("begins")
        beats = look("beat from bide_worker")
        await holds(lambda: look("beat from bide_worker") >= beats + 2)

    async with bide:
        await blocking.enqueue()
        job = await beside.enqueue()
    connect = partial(sqlite3.connect, factory=Slow)
    async with working(bide, lambda: SQLiteStore(path, synchronous="NORMAL", connect=connect)):
        await finished(bide, job)
        assert EventKind.RELEASED not in await told(bide, job)
    assert effects == ["begins"]


@covers(Row.SWALLOW)
async def test_a_suspension_that_is_swallowed_is_told_again_and_audited(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(cancel_grace=0.02))
    heard: list[str] = []

    @bide.job
    async def greedy(ctx: JobContext) -> str:
        while True:
            with suppress(BaseException):
                return (await ctx.ask("sure", Confirm(summary="?"))).action
            heard.append("swallowed")
            try:
                await asyncio.Event().wait()
            except BaseException:  # noqa: BLE001 - as greedy code does
                heard.append("swallowed")
            return "without an answer"

    async with bide.worker():
        job = await greedy.enqueue()
        waiting = await until(bide, job, EventKind.WAITING)
        assert waiting.data["swallowed"] >= 1
        (prompt,) = await bide.prompts(job)
        await bide.respond(job, {"action": "proceed"}, prompt=prompt.id)
        assert (await finished(bide, job)).result == "proceed"
    assert heard


@covers(Row.TIMEOUT)
async def test_a_job_past_its_timeout_ends_as_timed_out(bide: Bide[None]) -> None:
    cleaned: list[str] = []

    @bide.job(timeout="100ms", max_attempts=1)
    async def endless(ctx: JobContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")

    @bide.job(timeout="100ms", max_attempts=1)
    def busy(ctx: JobContext) -> None:
        while True:
            ctx.check_cancelled()
            time.sleep(0.005)

    async with bide.worker():
        for job_type in (endless, busy):
            failed = await finished(bide, await job_type.enqueue())
            assert (failed.status, failed.reason) == (JobStatus.FAILED, "timeout")
            assert failed.error is not None
            assert failed.error.type == "JobTimedOut"
    assert cleaned == ["up"]


@covers(Row.TIMEOUT, Row.BLOCKED_LOOP)
async def test_who_runs_past_its_timeout_in_a_blocked_loop_is_taken_from_it(bide: Bide[None]) -> None:
    free = threading.Event()

    @bide.job(timeout="300ms", max_attempts=1)
    async def blocking(ctx: JobContext) -> None:
        began.set()
        free.wait()

    began = threading.Event()
    sweeps: list[JobStatus] = []

    def watch() -> None:
        """Another process, as it were."""

        async def look() -> None:
            async with Bide(bide.url) as watcher, asyncio.timeout(20):
                upkeep = Upkeep(watcher.store, grace=0.2, age_limit=600, retention=None)
                while not sweeps or sweeps[-1] is JobStatus.RUNNING:
                    await upkeep.sweep()
                    sweeps.append((await watcher.list())[0].status)
                    await asyncio.sleep(0.02)

        began.wait()
        try:
            asyncio.run(look())
        finally:
            free.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    async with bide.worker():
        failed = await finished(bide, await blocking.enqueue())
    watcher.join()
    assert (failed.status, failed.reason) == (JobStatus.FAILED, "timeout")
    assert failed.error is not None
    assert failed.error.type == "JobTimedOut"
    assert sweeps[0] is JobStatus.RUNNING


@covers(Row.TIMEOUT)
async def test_time_that_a_job_waits_does_not_count(bide: Bide[None]) -> None:
    clock = ManualClock()

    @bide.job(timeout="1h", max_attempts=1)
    async def asking(ctx: JobContext) -> str:
        decision = await ctx.ask("sure", Confirm(summary="?"))
        await ctx.sleep("2h", key="nap")
        return decision.action

    async with working(bide, lambda: store_at(bide.url, clock)):
        job = await asking.enqueue()
        await until(bide, job, EventKind.WAITING)
        clock.advance("2h")
        (prompt,) = await bide.prompts(job)
        await bide.respond(job, {"action": "proceed"}, prompt=prompt.id)
        await until(bide, job, EventKind.SLEEPING)
        clock.advance("2h")
        done = await finished(bide, job)
        assert (done.status, done.result) == (JobStatus.COMPLETED, "proceed")
        assert (await row(bide.store, str(job.id))).elapsed < HOUR


@covers(Row.TIMEOUT)
async def test_time_executed_before_a_question_counts_after_it(bide: Bide[None]) -> None:
    @bide.job(name="work", timeout="1h", max_attempts=1)
    async def slow(ctx: JobContext) -> str:
        await ctx.options(name="work").step(work)
        await ctx.ask("sure", Confirm(summary="?"))
        await asyncio.Event().wait()
        return "never"

    async def work() -> None:
        await asyncio.sleep(0.05)

    async with bide:
        async with bide.worker():
            job = await slow.enqueue()
            await until(bide, job, EventKind.WAITING)
            assert (await row(bide.store, str(job.id))).elapsed >= 50_000
        (prompt,) = await bide.prompts(job)
        await bide.respond(job, {"action": "proceed"}, prompt=prompt.id)
        # Another worker executes it for all but a moment of its hour.
        other = await register(bide.store)
        run = await claim(bide.store, other)
        await settle(bide.store, other, run, Suspended((), bide.store.now()), elapsed=HOUR - 100_000)
        async with bide.worker():
            failed = await finished(bide, job)
            assert (failed.status, failed.reason) == (JobStatus.FAILED, "timeout")
            assert (await row(bide.store, str(job.id))).elapsed >= HOUR


@covers(Row.STARVATION)
async def test_what_waited_too_long_goes_before_what_is_urgent(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(slots=1, age_limit=0.3, lease=0.6))
    order: list[str] = []
    running = 0

    @bide.job
    async def work(ctx: JobContext, name: str) -> None:
        order.append(name)
        if name == "urgent" and order.count("urgent") < 400:
            await ctx.options(name="again").step(again)
        await asyncio.sleep(0.01)

    async def again() -> None:
        await work.options(priority=50).enqueue("urgent")

    async with bide:
        # There is always an urgent one ready: each enqueues the next before it ends.
        for _ in range(2):
            await work.options(priority=50).enqueue("urgent")
        humble = await work.options(priority=-50).enqueue("humble")
        async with bide.worker():
            await finished(bide, humble)
            assert order.count("urgent") < 400, "it was starved until the urgent ones ended"
            running = order.index("humble")
    assert running > 0, "the priority counted first"


@covers(Row.STARVATION)
async def test_what_is_urgent_in_another_queue_starves_nobody(bide: Bide[None]) -> None:
    bide = Bide(bide.url, settings=quick(slots=1, age_limit=0.3, lease=0.6))
    urgent_runs = 0

    @bide.job(queue="a")
    async def urgent(ctx: JobContext) -> None:
        nonlocal urgent_runs
        urgent_runs += 1
        if urgent_runs < 400:
            await ctx.step(again)
        await asyncio.sleep(0.01)

    async def again() -> None:
        await urgent.options(priority=50).enqueue()

    @bide.job(queue="b")
    async def humble(ctx: JobContext) -> int:
        return urgent_runs

    async with bide:
        for _ in range(2):
            await urgent.options(priority=50).enqueue()
        job = await humble.options(priority=-50).enqueue()
        async with bide.worker():
            done = await finished(bide, job)
    assert done.result is not None
    assert 0 < done.result < 400


@covers(Row.TWO_VERSIONS)
async def test_older_code_leaves_alone_what_newer_code_enqueued(bide: Bide[None]) -> None:
    old, new = Bide(bide.url, settings=quick()), Bide(bide.url, settings=quick())

    @old.job(name="work", version=1)
    async def older(ctx: JobContext) -> str:
        return "by the old"

    @new.job(name="work", version=2)
    async def newer(ctx: JobContext) -> str:
        return "by the new"

    async with new, old.worker():
        job = await newer.options(priority=9).enqueue()
        assert (await finished(old, await older.enqueue())).result == "by the old"
        # It goes first, was passed over, and is there to be seen.
        assert ((await new.get(job)).status, (await new.get(job)).attempt) == (JobStatus.PENDING, 0)
        both = await older.enqueue()
        async with new.worker():
            done = await finished(new, job)
        assert (done.result, done.attempt) == ("by the new", 1)
        await finished(new, both)


@covers(Row.TWO_VERSIONS)
@pytest.mark.parametrize(("then", "now"), [(1, 3), (3, 1)], ids=["more since", "fewer since"])
async def test_a_job_has_the_attempts_that_it_was_accepted_with(then: int, now: int, bide: Bide[None]) -> None:
    async def failing(ctx: JobContext) -> None:
        raise ValueError

    bide = Bide(bide.url, settings=quick())
    older: Bide[None] = Bide(bide.url)
    enqueued_by = older.job(retry=RetryPolicy(max_attempts=then))(failing)
    bide.job(retry=RetryPolicy(max_attempts=now, base=0.0, jitter=0.0))(failing)
    async with older:
        job = await enqueued_by.enqueue()
    async with bide.worker():
        failed = await finished(bide, job)
        assert (failed.status, failed.attempt, failed.max_attempts) == (JobStatus.FAILED, then, then)
        assert await check(bide.store) == []


@covers(Row.CHANGED_CODE, Row.TWO_VERSIONS)
async def test_a_job_of_a_type_that_no_worker_knows_stays_visible_and_goes_on_when_it_is_back(
    bide: Bide[None],
) -> None:
    async def asking(ctx: JobContext) -> str:
        first = await ctx.options(name="first").step(effect)
        return f"{first} {(await ctx.ask('sure', Confirm(summary='?'))).action}"

    effects: list[str] = []

    async def effect() -> str:
        effects.append("once")
        return "effect"

    async def brief(ctx: JobContext) -> str:
        return "done"

    known = bide.job(name="asking")(asking)
    older: Bide[None] = Bide(bide.url, settings=quick())
    older_brief = older.job(name="brief")(brief)
    async with bide.worker():
        job = await known.enqueue()
        await until(bide, job, EventKind.WAITING)
    async with older.worker():
        # It does not know the type, and answers all the same: the question is in the database.
        (prompt,) = await older.prompts(job)
        await older.respond(job, {"action": "proceed"}, prompt=prompt.id)
        new = await bide_enqueue(bide, known)
        for _ in range(3):
            assert (await finished(older, await older_brief.enqueue())).result == "done"
        for parked in (job, new):
            shown = await older.get(parked)
            assert shown.status is JobStatus.PENDING
            assert shown.type == "asking"
        assert {one.id for one in await older.list(types=["asking"])} == {job.id, new.id}
        assert (await older.get(job)).attempt == 1
        assert (await older.get(new)).attempt == 0
    async with bide.worker():
        done = await finished(bide, job)
        assert (done.result, done.attempt) == ("effect proceed", 1)
        await until(bide, new, EventKind.WAITING)
    assert len(effects) == 2


async def bide_enqueue(bide: Bide[None], job_type: Any) -> Any:
    async with bide:
        return await job_type.enqueue()


@covers(Row.CHANGED_CODE)
async def test_a_function_that_changed_while_its_job_waits_repeats_nothing(bide: Bide[None]) -> None:
    effects: list[str] = []

    async def one() -> str:
        effects.append("one")
        return "1"

    async def two() -> str:
        effects.append("two")
        return "2"

    async def before(ctx: JobContext) -> str:
        return await ctx.step(one) + (await ctx.ask("sure", Confirm(summary="?"))).action

    async def after(ctx: JobContext) -> str:
        return await ctx.step(two) + await ctx.step(one) + (await ctx.ask("sure", Confirm(summary="Changed"))).action

    newer: Bide[None] = Bide(bide.url, settings=quick())
    newer.job(name="work")(after)
    async with bide.worker():
        job = await bide.job(name="work")(before).enqueue()
        await until(bide, job, EventKind.WAITING)
    async with newer.worker():
        (prompt,) = await newer.prompts(job)
        assert prompt.data["summary"] == "?"
        await newer.respond(job, {"action": "proceed"}, prompt=prompt.id)
        assert (await finished(newer, job)).result == "21proceed"
    assert effects == ["one", "two"]


@covers(Row.CHANGED_CODE)
async def test_a_value_that_new_code_cannot_read_parks_the_job_unspent(bide: Bide[None]) -> None:
    async def text() -> str:
        return "not a number"

    async def number() -> int:
        return 1

    async def before(ctx: JobContext) -> str:
        value = await ctx.options(name="value").step(text)
        await ctx.ask("sure", Confirm(summary="?"))
        return value

    async def after(ctx: JobContext) -> str:
        return str(await ctx.options(name="value").step(number))

    newer: Bide[None] = Bide(bide.url, settings=quick())
    newer.job(name="work", max_attempts=1)(after)
    async with bide.worker():
        job = await bide.job(name="work", max_attempts=1)(before).enqueue()
        await until(bide, job, EventKind.WAITING)
    async with newer.worker():
        (prompt,) = await newer.prompts(job)
        await newer.respond(job, {"action": "proceed"}, prompt=prompt.id)
        parked = await until(newer, job, EventKind.SLEEPING)
        assert "no longer fits" in parked.data["deferred"]
        shown = await newer.get(job)
        assert (shown.status, shown.attempt) == (JobStatus.PENDING, 1)
        assert EventKind.FAILED not in await told(newer, job)


@covers(Row.ODD_ERRORS)
async def test_the_tasks_that_a_job_leaves_behind_end_with_it(bide: Bide[None]) -> None:
    ended: list[str] = []
    leaked: list[asyncio.Task[None]] = []

    @bide.job
    async def leaking(ctx: JobContext) -> str:
        async def late() -> None:
            await holds(lambda: bool(ended))
            try:
                ctx.progress(50)
            except Exception as error:  # noqa: BLE001 - which one it is, is what is tested
                ended.append(type(error).__name__)

        leaked.append(asyncio.ensure_future(late()))
        return "done"

    async with bide.worker():
        assert (await finished(bide, await leaking.enqueue())).result == "done"
        ended.append("finished")
        await leaked[0]
    assert ended == ["finished", "JobEnded"]


@covers(Row.ODD_TEXT)
async def test_odd_progress_is_clamped_and_never_falls(bide: Bide[None]) -> None:
    @bide.job
    async def telling(ctx: JobContext) -> None:
        for percent in (-5, 50, 30, float("inf"), 10):
            ctx.progress(percent)
            await asyncio.sleep(0)

    @bide.job
    async def falling(ctx: JobContext) -> None:
        ctx.progress(50)
        ctx.progress(30, "still at work")

    async with bide.worker():
        assert (await finished(bide, await telling.enqueue())).progress.percent == 100
        done = await finished(bide, await falling.enqueue())
        assert (done.progress.percent, done.progress.message) == (50, "still at work")
