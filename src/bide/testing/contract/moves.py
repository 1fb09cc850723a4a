"""The fixtures of the suite, and the moves its tests are made of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
import uuid_utils

from bide.events import EventKind as E
from bide.store.base import (
    Accepted,
    Claim,
    Completed,
    Demand,
    EventRow,
    Fact,
    JobRow,
    NewJob,
    NewPrompt,
    Outcome,
    PromptRow,
    Settle,
    Settled,
    StepRow,
    Store,
    Suspended,
    WorkerRow,
)
from bide.testing.checker import assert_sound
from bide.testing.clock import ManualClock

MakeStore: TypeAlias = Callable[[], Store]
Connect: TypeAlias = Callable[[], Awaitable[object]]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
BROKEN = '{"type":"ValueError","message":"it broke","traceback":null}'
ODD_TEXTS = (
    "'; drop table jobs; --",
    'a "quoted" \\ back\\slash and a \t tab',
    "two\nlines\r\nand more",
    "🦔 hérisson é e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u2028 and \u2029 end lines in JavaScript",
    "\x01\x1f\x7f\ufeff\ufffe\uffff",
    "مرحبا \u202e reversed",
    "%s %(x)s :name ? $1 {brace}",
    "null",
    " ",
    "k" * 10_000,
)


@pytest.mark.asyncio
class Fixtures:
    """What every group of tests is given."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock(datetime(2030, 1, 1, tzinfo=UTC))

    @pytest_asyncio.fixture
    async def store(self, make_store: MakeStore) -> AsyncIterator[Store]:
        store = make_store()
        await store.open()
        yield store
        await store.close()

    @pytest_asyncio.fixture
    async def another(self, make_store: MakeStore) -> AsyncIterator[Store]:
        """A second store on the same database; `store` was opened before it, as the checks afterwards need it."""
        another = make_store()
        await another.open()
        yield another
        await another.close()

    @pytest_asyncio.fixture
    async def worker(self, store: Store) -> str:
        return await register(store)

    @pytest_asyncio.fixture(autouse=True)
    async def sound_afterwards(self, store: Store) -> AsyncIterator[None]:
        """Whatever a test did through the verbs, the invariants hold."""
        yield
        await assert_sound(store)


def new_id() -> str:
    return str(uuid_utils.uuid7())


def new_job(**options: Any) -> NewJob:
    return NewJob(id=new_id(), type="work", input="{}")._replace(**options)


async def enqueue(store: Store, **options: Any) -> str:
    """Accept one job; returns its id."""
    return (await enqueue_all(store, new_job(**options)))[0]


async def enqueue_all(store: Store, *jobs: NewJob) -> list[str]:
    for inserted in await store.insert(jobs):
        assert isinstance(inserted, Accepted), inserted
    return [job.id for job in jobs]


async def register(store: Store, lease: int = 30 * SECOND) -> str:
    """A new worker; returns its id."""
    worker = WorkerRow(id=new_id(), host="here", pid=1, queues=("default",), slots=10, lease=lease)
    await store.register(worker)
    return worker.id


def wanting(limit: int = 1, *, queues: Sequence[str] = ("default",), types: Sequence[str] = ("work",)) -> Demand:
    """Of the first version of these types."""
    return Demand(tuple(queues), dict.fromkeys(types, 1), limit)


async def claims(store: Store, worker: str, *demands: Demand) -> Sequence[Claim]:
    _, taken = await store.settle_and_claim(worker, [], demands)
    return taken


async def claim(store: Store, worker: str) -> Claim:
    """The next job of the default queue, which must be there."""
    taken = await claims(store, worker, wanting())
    assert len(taken) == 1, "there was nothing to claim"
    return taken[0]


async def start(store: Store, worker: str, **options: Any) -> Claim:
    """Accept a job and claim it."""
    job_id = await enqueue(store, **options)
    run = await claim(store, worker)
    assert run.id == job_id
    return run


async def settle(
    store: Store, worker: str, run: Claim, outcome: Outcome, elapsed: int = 0, progress: str | None = None
) -> Settled:
    """Let a run end; as often as it takes, where others hold its row."""
    end = Settle(run.id, run.lease, elapsed, outcome, progress)
    while True:
        answers, taken = await store.settle_and_claim(worker, [end], [])
        assert not taken, "nothing had been demanded"
        assert len(answers) == 1
        if answers[0] is not Settled.HELD:
            return answers[0]
        await asyncio.sleep(0.01)


async def finish(store: Store, worker: str, **options: Any) -> str:
    """Accept, run and complete a job; returns its id."""
    run = await start(store, worker, **options)
    assert await settle(store, worker, run, Completed('"done"')) is Settled.APPLIED
    return run.id


def question(key: str = "sure", **options: Any) -> NewPrompt:
    """A question whose answer is a text."""
    plain = NewPrompt(id=new_id(), key=key, kind="form", data='{"title":"Sure?"}', schema='{"type":"string"}')
    return replace(plain, **options)


async def wait_for_answer(
    store: Store, worker: str, *prompts: NewPrompt, wake_at: int | None = None, **options: Any
) -> tuple[Claim, list[PromptRow]]:
    """A job that waits for these questions (one, if none is given)."""
    run = await start(store, worker, **options)
    rows = [await store.ask(run.id, run.lease, prompt) for prompt in prompts or (question(),)]
    outcome = Suspended(tuple(row.id for row in rows), wake_at)
    assert await settle(store, worker, run, outcome) is Settled.APPLIED
    return run, rows


def step(name: str = "fetch", key: str = "fetch", result: str | None = '"page"', error: str | None = None) -> StepRow:
    return StepRow(name=name, key=key, result=result if error is None else None, error=error)


async def record(store: Store, run: Claim, done: StepRow) -> None:
    await store.record(run.id, run.lease, done, json.dumps({"step": done.name, "key": done.key}))


def percent(run: Claim, value: float) -> Fact:
    return Fact(run.id, run.lease, E.PROGRESS, progress(value))


def progress(value: float) -> str:
    return json.dumps({"percent": value, "message": None, "stages": []})


async def row(store: Store, job_id: str) -> JobRow:
    rows = await store.get([job_id], None)
    assert len(rows) == 1, f"job {job_id} does not exist"
    return rows[0]


async def history(store: Store, job_id: str) -> list[EventRow]:
    events: list[EventRow] = []
    while page := await store.history(job_id, None, events[-1].seq if events else 0, 1000):
        events += page
    return events


async def kinds(store: Store, job_id: str) -> list[str]:
    return [event.kind for event in await history(store, job_id)]


async def last(store: Store, job_id: str, kind: E) -> EventRow:
    """The latest event of this kind."""
    return [event for event in await history(store, job_id) if event.kind == kind][-1]


async def everything(store: Store, job_id: str) -> object:
    """All that can be read of a job, to compare before and after what must change nothing."""
    return (
        await row(store, job_id),
        await history(store, job_id),
        list(await store.prompts(None, job=job_id)),
        list(await store.steps(job_id, None)),
    )


async def prompt_row(store: Store, prompt: str) -> PromptRow:
    rows = await store.prompts(None, prompt=prompt)
    assert len(rows) == 1, f"prompt {prompt} does not exist"
    return rows[0]
