"""The checker names what is wrong: each invariant is broken by hand in the database, in every way it looks for."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from bide.events import EventKind as E
from bide.store.base import (
    Cancelled,
    Completed,
    Fact,
    Failed,
    LaneLimit,
    PromptRow,
    Retrying,
    Settle,
    Settled,
    StepRow,
    Store,
    Suspended,
)
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import connect
from bide.store.postgres.migrations.run import up
from bide.store.sqlite import SQLiteStore
from bide.testing import ManualClock, Unsound, assert_sound, check
from bide.testing.checker.__main__ import main
from bide.testing.contract.moves import (
    BROKEN,
    HOUR,
    claim,
    claims,
    enqueue,
    enqueue_all,
    finish,
    kinds,
    new_id,
    new_job,
    percent,
    progress,
    question,
    record,
    register,
    settle,
    start,
    step,
    wait_for_answer,
    wanting,
)
from tests.postgres import apart


@dataclass(frozen=True)
class World:
    """A database with jobs in every state, named by what became of them."""

    store: Store
    url: str
    jobs: dict[str, str]

    def plant(self, statements: Iterable[str]) -> None:
        """Write past the store; `:done` in a statement is the id of the job named so."""
        if self.url.startswith("sqlite"):
            plant_in_sqlite(self.url, statements, self.jobs)
        else:
            apart(plant_in_postgres(self.url, statements, self.jobs))


def plant_in_sqlite(url: str, statements: Iterable[str], jobs: Mapping[str, str]) -> None:
    database = sqlite3.connect(url.removeprefix("sqlite:///"))
    with database:
        for statement in statements:
            changed = database.execute(statement, jobs).rowcount
            assert changed != 0, f"nothing was planted by {statement}"
    database.close()


async def plant_in_postgres(url: str, statements: Iterable[str], jobs: Mapping[str, str]) -> None:
    database = await connect(url)
    await database.execute("begin")
    for statement in statements:
        there = re.sub(r"\bbide_", "bide.", statement)
        there = re.sub(r"(ready|defaulted) = ([01])", r"\1 = (\2 = 1)", there)
        there = re.sub(r":([a-z]+)", lambda name: f"'{jobs[name[1]]}'", there)
        changed = await database.execute(there)
        assert not changed.endswith(" 0"), f"nothing was planted by {there}"
    await database.execute("commit")
    await database.close()


HISTORY_OF_DONE = [
    E.ENQUEUED,  # 1
    E.STARTED,
    E.PROGRESS,
    E.PROGRESS,
    E.STEP_COMPLETED,  # 5
    E.STEP_FAILED,
    E.RETRYING,
    E.STARTED,
    E.PROGRESS,
    E.PROMPT_OPENED,  # 10
    E.PROMPT_SERVED,
    E.WAITING,
    E.PROMPT_ANSWERED,
    E.RESUMED,
    E.STARTED,  # 15
    E.STEP_COMPLETED,
    E.PROGRESS,
    E.COMPLETED,
]
HISTORY_OF_CANCELLED = [
    E.ENQUEUED,  # 1
    E.STARTED,
    E.PROGRESS,
    E.PROMPT_OPENED,
    E.CANCEL_REQUESTED,  # 5
    E.CANCEL_DELIVERED,
    E.PROMPT_WITHDRAWN,
    E.CANCELLED,
]


async def done(store: Store, worker: str) -> str:
    run = await start(store, worker, max_attempts=3, idempotency_key="one")
    await store.note([percent(run, 10), percent(run, 50)])
    await record(store, run, step("good"))
    await record(store, run, step("bad", error='{"type":"ValueError","message":"no"}'))
    await settle(store, worker, run, Retrying(BROKEN, 0))
    await store.wake_due()
    run = await claim(store, worker)
    await store.note([percent(run, 20)])
    prompt = await store.ask(run.id, run.lease, question(timeout=HOUR))
    await store.serve(run.id, None)
    await settle(store, worker, run, Suspended((prompt.id,), None))
    await store.respond(new_id(), prompt.id, None, "answer", '"yes"', "ann")
    run = await claim(store, worker)
    await record(store, run, step("bad"))
    await settle(store, worker, run, Completed('"done"'), progress=progress(90))
    assert await kinds(store, run.id) == HISTORY_OF_DONE
    return run.id


async def cancelled(store: Store, worker: str) -> str:
    run = await start(store, worker)
    await store.note([percent(run, 10)])
    await store.ask(run.id, run.lease, question())
    await store.cancel(run.id, None, "ann", None)
    await store.note([Fact(run.id, run.lease, E.CANCEL_DELIVERED, "{}")])
    assert await settle(store, worker, run, Cancelled()) is not Settled.LOST
    assert await kinds(store, run.id) == HISTORY_OF_CANCELLED
    return run.id


async def failed(store: Store, worker: str) -> str:
    run = await start(store, worker)
    await settle(store, worker, run, Failed(BROKEN))
    return run.id


async def together(store: Store, worker: str) -> dict[str, str]:
    """Two that ran at once in a lane of two."""
    await enqueue_all(store, new_job(lane="job work()"), new_job(lane="job work()"))
    demand = replace(wanting(2), type_limits={"work": LaneLimit(concurrency=2, rate=2, period=HOUR)})
    runs = await claims(store, worker, demand)
    for run in runs:
        await settle(store, worker, run, Completed("1"))
    return dict(zip(("first", "second"), [run.id for run in runs], strict=True))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def world(kind: str, tmp_path: Path, clock: ManualClock, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    store: SQLiteStore | PostgresStore
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/jobs.db"
        store = SQLiteStore(tmp_path / "jobs.db", clock=clock, synchronous="NORMAL")
    else:
        url = str(request.getfixturevalue("postgres_url"))
        store = PostgresStore(url, clock=clock)
    await store.open()
    worker = await register(store)
    jobs = {
        "done": await done(store, worker),
        "other": await finish(store, worker, idempotency_key="other"),
        "failed": await failed(store, worker),
        "cancelled": await cancelled(store, worker),
        **await together(store, worker),
        "waiting": (await wait_for_answer(store, worker))[0].id,
        "running": (await start(store, worker)).id,
        "ready": await enqueue(store),
        "delayed": await enqueue(store, delay=HOUR),
        "nobody": new_id(),
    }
    yield World(store, url, jobs)
    await store.close()


@dataclass(frozen=True)
class Planted:
    invariant: int
    job: str | None
    """The job that is to be named, by its name in the world; None: the store as a whole."""
    message: str
    """Part of what is said."""
    statements: tuple[str, ...]
    at_rest: bool = False


def event(job: str, seq: int, change: str) -> str:
    return f"update bide_event set {change} where job = :{job} and seq = {seq}"


def row(job: str, change: str) -> str:
    return f"update bide_job set {change} where id = :{job}"


def prompt(job: str, change: str) -> str:
    return f"update bide_prompt set {change} where job = :{job}"


def response(change: str) -> str:
    return f"update bide_response set {change} where job = :done"


def also(job: str, kind: str, data: str = "null") -> tuple[str, ...]:
    """One more event, numbered and counted as it should be."""
    return (
        "insert into bide_event (job, seq, at, kind, attempt, lease, data)"
        f" select id, seq + 1, created_at, '{kind}', attempt, lease, {data} from bide_job where id = :{job}",
        row(job, "seq = seq + 1"),
    )


GOOD_STEP = """'{"step":"good","key":"fetch"}'"""

PLANTED = {
    "a waiting job without a question": Planted(
        1, "waiting", "no prompt is open", (prompt("waiting", "status = 'withdrawn', closed_at = opened_at"),)
    ),
    "a job left running": Planted(1, "running", "rests as running", (row("running", "reason = reason"),), at_rest=True),
    "a job that is never ready": Planted(
        1, "ready", "only 0 jobs are ready", (row("ready", "ready = 0"),), at_rest=True
    ),
    "a due time that nobody minds": Planted(1, None, "is due at", (row("delayed", "ready = 1"),), at_rest=True),
    "a job that was never enqueued": Planted(2, "done", "event 1 is log", (event("done", 1, "kind = 'log'"),)),
    "a job enqueued twice": Planted(2, "done", "event 4 is job.enqueued", (event("done", 4, "kind = 'job.enqueued'"),)),
    "a gap": Planted(3, "done", "where 4 was to come", ("delete from bide_event where job = :done and seq = 4",)),
    "a missing end of the history": Planted(
        3, "done", "seq is 18", ("delete from bide_event where job = :done and seq = 18",)
    ),
    "events out of order": Planted(
        3, "done", "not after", (event("done", 3, "pos = (select max(pos) from bide_event) + 1"),)
    ),
    "an illegal move": Planted(3, "done", "no pending job can do", (event("done", 8, "kind = 'job.completed'"),)),
    "another status": Planted(3, "ready", "the row's status", (row("ready", "status = 'pending_hitl', due_at = 1"),)),
    "another attempt": Planted(3, "done", "the row's attempt", (row("done", "attempt = 3"),)),
    "another seq": Planted(3, "done", "the row's seq", (row("done", "seq = 99"),)),
    "another progress": Planted(3, "done", "the row's progress", (row("done", """progress = '{"percent":1}'"""),)),
    "a lost progress": Planted(3, "cancelled", "no progress", (row("cancelled", "progress = null"),)),
    "another beginning": Planted(3, "done", "was created at", (row("done", "created_at = 1"),)),
    "another start": Planted(3, "done", "was started at", (row("done", "started_at = 1"),)),
    "a lost start": Planted(3, "done", "was started at", (row("done", "started_at = null"),)),
    "another end": Planted(3, "done", "finished at", (row("done", "finished_at = 1"),)),
    "a lost end": Planted(3, "done", "finished at", (row("done", "finished_at = null"),)),
    "a lost result": Planted(3, "done", "with no result", (row("done", "result = null"),)),
    "a lost cancel": Planted(3, "cancelled", "the row does not", (row("cancelled", "cancel_requested_at = null"),)),
    "an invented cancel": Planted(3, "done", "its history does not", (row("done", "cancel_requested_at = 1"),)),
    "a step without its event": Planted(3, "done", "its history does not say so", (event("done", 5, "kind = 'log'"),)),
    "a question without its event": Planted(3, "done", "prompt.opened", (event("done", 10, "kind = 'log'"),)),
    "an answer without its event": Planted(3, "done", "prompt.answered", (event("done", 13, "kind = 'log'"),)),
    "a showing without its event": Planted(3, "done", "prompt.served", (event("done", 11, "kind = 'log'"),)),
    "a run under no worker": Planted(3, "running", "under no worker", (row("running", "worker = null"),)),
    "an event after the end": Planted(4, "done", "comes after", also("done", "log")),
    "an edge after the end": Planted(4, "done", "comes after", also("done", "job.failed")),
    "an attempt left out": Planted(5, "done", "is of attempt 3, not 2", (event("done", 8, "attempt = 3"),)),
    "an event of another attempt": Planted(5, "done", "is of attempt 1, not 2", (event("done", 9, "attempt = 1"),)),
    "an attempt spent without reason": Planted(
        5, "done", "is of attempt 2, not 1", (event("done", 7, "kind = 'job.released'"),)
    ),
    "an attempt too many": Planted(5, "done", "attempt 2 of at most 1", (row("done", "max_attempts = 1"),)),
    "an end without a reason": Planted(5, "failed", "with reason None", (row("failed", "reason = null"),)),
    "an end without an error": Planted(5, "failed", "and error None", (row("failed", "error = null"),)),
    "a write without the lease": Planted(6, "done", "in the run of", (event("done", 9, "lease = lease - 1"),)),
    "a lease given twice": Planted(
        6,
        "done",
        "starts a run with lease",
        ("update bide_event set lease = 1 where job = :done and kind = 'job.started'",),
    ),
    "a lease that fell": Planted(6, "done", "carries lease 0", (event("done", 12, "lease = 0"),)),
    "a row behind its history": Planted(6, "done", "the row's lease is 0", (row("done", "lease = 0"),)),
    "a run under another lease": Planted(6, "running", "the run's is", (row("running", "lease = lease + 1"),)),
    "a step recorded again": Planted(
        7, "done", "again", (event("done", 9, f"kind = 'step.completed', data = {GOOD_STEP}"),)
    ),
    "a step recorded by no run": Planted(
        7, "ready", "while the job is pending", also("ready", "step.completed", GOOD_STEP)
    ),
    "a step forgotten": Planted(7, "done", "is not remembered", ("delete from bide_step where name = 'good'",)),
    "an answer that does not fit": Planted(8, "done", "does not fit its schema", (response("value = '7'"),)),
    "an answer without a value": Planted(8, "done", "there is no value", (response("value = null"),)),
    "an answer at the deadline": Planted(
        8,
        "done",
        "by somebody after its deadline",
        (response("at = (select deadline_at from bide_prompt where id = prompt)"),),
    ),
    "a default before the deadline": Planted(
        8, "done", "by its default before its deadline", (response("defaulted = 1"),)
    ),
    "an answer before the question": Planted(8, "done", "before it was opened", (response("at = 1"),)),
    "an answer lost": Planted(8, "done", "there is no response", ("delete from bide_response where job = :done",)),
    "an answer to an open question": Planted(
        8, "done", "and is open", (prompt("done", "status = 'open', closed_at = null"),)
    ),
    "a question open for ever": Planted(
        8, "cancelled", "is open, and the job is", (prompt("cancelled", "status = 'open', closed_at = null"),)
    ),
    "a question closed at no time": Planted(8, "done", "closed at None", (prompt("done", "closed_at = null"),)),
    "an answer after the cancel": Planted(
        8, "cancelled", "accepts an answer", (event("cancelled", 7, "kind = 'prompt.answered'"),)
    ),
    "a person's cancel that cancelled nothing": Planted(
        8, "done", "and the job was not", (response("action = 'cancel', value = null"),)
    ),
    "a waiting job that holds a worker": Planted(9, "waiting", "held by worker", (row("waiting", "worker = 'w'"),)),
    "a waiting job that holds its lease": Planted(
        9,
        "waiting",
        "still counts",
        (
            row("waiting", "lease = (select lease from bide_event where job = :waiting and kind = 'job.started')"),
            "update bide_event set lease = (select lease from bide_job where id = :waiting) where job = :waiting"
            " and seq > 1",
        ),
    ),
    "progress that falls": Planted(10, "done", "back to", (event("done", 4, """data = '{"percent":5}'"""),)),
    "progress of a job that does not run": Planted(
        10, "ready", "while the job is pending", also("ready", "progress", """'{"percent":5}'""")
    ),
    "progress after the end": Planted(
        10, "done", "while the job is completed", also("done", "progress", """'{"percent":99}'""")
    ),
    "a cancel overwritten": Planted(
        12, "cancelled", "after a cancel had been requested", (event("cancelled", 8, "kind = 'job.released'"),)
    ),
    "a question after the cancel": Planted(
        12, "cancelled", "after the cancel had been delivered", (event("cancelled", 7, "kind = 'prompt.opened'"),)
    ),
    "a cancel requested twice": Planted(
        12, "cancelled", "for the second time", (event("cancelled", 6, "kind = 'cancel.requested'"),)
    ),
    "more at once than the limit": Planted(
        16,
        "second",
        "is number 2 to run in 'job work()', of at most 1",
        (event("second", 2, """data = '{"limits":{"lane":{"concurrency":1}}}'"""),),
    ),
    "more at once in a queue": Planted(
        16,
        "second",
        "is number 2 to run in 'queue default', of at most 1",
        tuple(event(job, 2, """data = '{"limits":{"queue":{"concurrency":1}}}'""") for job in ("first", "second")),
    ),
    "more within a period than the rate": Planted(
        16,
        "second",
        "is number 2 to start in 'job work()' within the period, of at most 1",
        (event("second", 2, """data = '{"limits":{"lane":{"rate":1,"period":1}}}'"""),),
    ),
    "a cancel that nobody requested": Planted(
        12, "done", "that nobody requested", (event("done", 3, "kind = 'cancel.delivered'"),)
    ),
    "a cancel that came to nothing": Planted(
        12,
        "running",
        "rests as running",
        (*also("running", "cancel.requested"), row("running", "cancel_requested_at = created_at")),
        at_rest=True,
    ),
    "one key, two jobs": Planted(
        13, "other", "has the idempotency key", ("drop index bide_job_key", row("other", "idempotency_key = 'one'"))
    ),
    **{
        f"an orphan in {table}": Planted(
            14, None, "orphan", (f"update bide_{table} set job = :nobody where job = :{job}",)
        )
        for table, job in {"event": "done", "step": "done", "prompt": "waiting", "response": "done"}.items()
    },
    "a label that is nobody's": Planted(
        14, None, "orphan", ("insert into bide_label (name, value, job) values ('a', 'b', :nobody)",)
    ),
    "an answer given to another job": Planted(14, None, "orphan", (response("job = :other"),)),
    "two open questions with one key": Planted(
        8,
        "waiting",
        "has 2 prompts",
        (
            "drop index bide_prompt_key",
            "insert into bide_prompt (id, job, owner, key, kind, data, schema, status, opened_at)"
            " select :nobody, job, owner, key, kind, data, schema, status, opened_at from bide_prompt"
            " where job = :waiting",
        ),
    ),
    "a question of another owner": Planted(
        8, "waiting", "is of 'eve'", ("update bide_prompt set owner = 'eve' where job = :waiting",)
    ),
    "a response to nothing": Planted(14, None, "orphan", ("delete from bide_prompt where job = :done",)),
}

OF_SQLITE = {
    "a payload that is nobody's": Planted(
        14, None, "orphan", ("insert into bide_payload (job, slot, body) values (:nobody, 'input', '1')",)
    ),
}
"""PostgreSQL keeps payloads in the row of their job."""

EVERYWHERE = [("sqlite", name) for name in (*PLANTED, *OF_SQLITE)] + [("postgres", name) for name in PLANTED]


async def test_what_the_store_wrote_is_sound(world: World) -> None:
    jobs = [job for name, job in world.jobs.items() if name != "nobody"]
    assert await check(world.store, expected=jobs) == []
    await assert_sound(world.store, expected=jobs)


@pytest.mark.parametrize(("kind", "name"), EVERYWHERE)
async def test_what_is_planted_is_named(world: World, name: str) -> None:
    planted = {**PLANTED, **OF_SQLITE}[name]
    before = await check(world.store, at_rest=planted.at_rest)
    world.plant(planted.statements)
    violations = await check(world.store, at_rest=planted.at_rest)
    job = world.jobs[planted.job] if planted.job else None
    # What a job left running says at rest is not planted but true of the world; a test of just that is left alone.
    new = [one for one in violations if one not in before] or violations
    named = [one for one in new if one.invariant == planted.invariant and planted.message in one.message]
    assert named, "\n".join(map(str, violations))
    assert job is None or {one.job for one in named} == {job}


class Lying:
    """A store whose tables do not forbid what ours do: it gives these prompts and these steps."""

    def __init__(
        self, store: Store, *, prompts: Sequence[PromptRow] | None = None, steps: Sequence[StepRow] | None = None
    ) -> None:
        self._store = store
        self._prompts = prompts
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def prompts(self, *args: Any, **options: Any) -> Sequence[PromptRow]:
        return await self._store.prompts(*args, **options) if self._prompts is None else self._prompts

    async def steps(self, *args: Any) -> Sequence[StepRow]:
        return await self._store.steps(*args) if self._steps is None else self._steps


async def test_what_sqlite_forbids_is_named_in_other_stores(world: World) -> None:
    done = world.jobs["done"]
    (prompt,) = await world.store.prompts(None, job=done)
    steps = await world.store.steps(done, None)
    assert prompt.response is not None
    elsewhere = replace(prompt, response=replace(prompt.response, job=world.jobs["other"]))
    lies = {
        (8, "more than one response"): Lying(world.store, prompts=[prompt, prompt]),
        (8, "is of prompt"): Lying(world.store, prompts=[elsewhere]),
        (7, "has 2 rows"): Lying(world.store, steps=[*steps, *steps]),
    }
    for (invariant, message), lying in lies.items():
        violations = [one for one in await check(cast("Store", lying)) if one.job == done]
        assert any(one.invariant == invariant and message in one.message for one in violations), violations


async def test_a_job_that_vanished_is_named(world: World) -> None:
    vanished = world.jobs["nobody"]
    violations = await check(world.store, expected=[world.jobs["done"], vanished])
    assert [(one.invariant, one.job) for one in violations] == [(1, vanished)]


def test_every_invariant_that_is_promised_is_broken_here() -> None:
    promised = {int(number) for number in re.findall(r"^ +(\d+)\. ", check.__doc__ or "", re.MULTILINE)}
    assert {planted.invariant for planted in PLANTED.values()} == promised


async def test_all_that_is_wrong_is_told_at_once(world: World) -> None:
    world.plant([row("done", "seq = 99"), row("waiting", "worker = 'w'")])
    with pytest.raises(Unsound, match="invariant 9, job") as unsound:
        await assert_sound(world.store)
    assert {one.invariant for one in unsound.value.violations} == {3, 9}


async def test_many_violations_are_counted_and_some_are_shown(world: World) -> None:
    world.plant(["update bide_event set lease = 99 where job = :done", "delete from bide_event where job <> :done"])
    with pytest.raises(Unsound, match=r"… and \d+ more"):
        await assert_sound(world.store)


async def test_a_store_may_be_checked_while_others_work(world: World) -> None:
    jobs: list[str] = []
    worker = await register(world.store)
    checked = asyncio.Event()

    async def drain() -> None:
        while True:
            if not checked.is_set():
                jobs.extend(await enqueue_all(world.store, *(new_job(max_attempts=2) for _ in range(5))))
            if not (runs := await claims(world.store, worker, wanting(5))):
                return
            await world.store.note([percent(run, 50) for run in runs])
            settles = [Settle(run.id, run.lease, 1, Completed("1")) for run in runs]
            await world.store.settle_and_claim(worker, settles, [])

    draining = asyncio.create_task(drain())
    for _ in range(5):
        await assert_sound(world.store, expected=tuple(jobs))
    assert not draining.done()
    checked.set()
    await draining
    await assert_sound(world.store, expected=jobs)
    assert (await world.store.stats(None)).ready == 0


async def test_a_kind_of_event_from_a_later_version_is_no_violation(world: World) -> None:
    world.plant(also("ready", "job.admired"))
    await assert_sound(world.store)


async def test_the_command_prints_what_it_found(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.store.close()
    await run_command(world.url, 0)
    assert "no violations" in capsys.readouterr().out
    world.plant([row("done", "seq = 99")])
    await run_command(world.url, 1)
    told = capsys.readouterr().out
    assert f"invariant 3, job {world.jobs['done']}" in told
    assert "; 1 violation\n" in told


async def run_command(url: str, expected: int) -> None:
    # The command has an event loop of its own, so it gets a thread of its own.
    assert await asyncio.to_thread(main, [url]) == expected


async def test_the_command_looks_in_the_schema_of_the_settings(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIDE_DATABASE_SCHEMA", "elsewhere")
    with pytest.raises(SystemExit, match="2"):
        await run_command(postgres_url, 0)
    assert "bide migrate up" in capsys.readouterr().err
    await up(postgres_url, schema="elsewhere")
    await run_command(postgres_url, 0)
    assert "no jobs; no violations" in capsys.readouterr().out


def test_the_command_makes_no_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for url, told in (
        (f"sqlite:///{tmp_path}/none.db", "there is no database"),
        ("jobs.db", "Write sqlite:///jobs.db"),
        ("postgresql://localhost:1/jobs", "Is the server running"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main([url])
        assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
