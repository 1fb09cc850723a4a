"""Workers that die: nothing accepted is lost, and nothing finished is done again."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import pytest_asyncio

from bide import EventKind, JobStatus
from bide.errors import PromptClosed
from tests.faults.app import App, starts
from tests.faults.rows import Row, covers
from tests.support import WorkerProcess, finished, holds, is_file, quick, until

TARGET = "tests.faults.app:bide"
SETTINGS: dict[str, Any] = {"lease": 3, "poll": 0.05, "cancel_grace": 0.2, "drain": 10, "retention": "never"}
PROCEED = {"action": "proceed"}


@pytest_asyncio.fixture
async def app(url: str, tmp_path: Path) -> AsyncIterator[App]:
    """The test's own view of the app: it enqueues, answers and reads, and executes nothing."""
    app = App(tmp_path, quick(retention=None))
    async with app.bide:
        yield app


@covers(Row.KILL_MID_JOB, Row.TWO_PROCESSES)
async def test_a_worker_killed_between_two_steps_loses_the_job_to_another_that_repeats_none(app: App) -> None:
    job = await app.chain.enqueue()
    with WorkerProcess(TARGET, app.folder, **SETTINGS) as worker:
        await until(app.bide, job, EventKind.STEP_COMPLETED)
        await holds(lambda: bool(app.wrote("between")))
        await worker.kill()
    app.open_gate("between")
    app.open_gate("second")
    with WorkerProcess(TARGET, app.folder, **SETTINGS) as other:
        done = await finished(app.bide, job)
        assert (done.status, done.attempt, done.result) == (JobStatus.COMPLETED, 2, "first second")
        assert [line["pid"] for line in app.ran("first")] == [worker.pid]
        assert [line["pid"] for line in app.ran("second")] == [other.pid]
    assert starts(list(await app.bide.history(job))) == [1, 2]
    assert (await until(app.bide, job, EventKind.RESCUED)).data["reason"] == "rescued"


@covers(Row.KILL_BEFORE_RECORD)
async def test_an_effect_cut_off_before_its_record_is_repeated_under_the_same_key(app: App) -> None:
    app.open_gate("between")
    job = await app.chain.enqueue()
    with WorkerProcess(TARGET, app.folder, **SETTINGS) as worker:
        await holds(lambda: bool(app.ran("second")))
        await worker.kill()
    app.open_gate("second")
    with WorkerProcess(TARGET, app.folder, **SETTINGS):
        assert (await finished(app.bide, job)).result == "first second"
    assert len(app.ran("first")) == 1
    keys = [line["key"] for line in app.ran("second")]
    assert keys == [f"{job.id}:second:"] * 2


@covers(Row.KILL_WHILE_WAITING)
async def test_nobody_is_missed_while_a_job_waits_and_everything_is_dead(app: App) -> None:
    job = await app.asking.enqueue()
    with WorkerProcess(TARGET, app.folder, **SETTINGS) as worker:
        await until(app.bide, job, EventKind.WAITING)
        waiting = await app.bide.get(job)
        row = (await app.bide.store.get([str(job.id)], None))[0]
        assert (waiting.status, row.worker) == (JobStatus.PENDING_HITL, None)
        await worker.kill()
    (prompt,) = await app.bide.prompts(job)
    assert prompt.status == "open"
    before = await app.bide.history(job)
    with WorkerProcess(TARGET, app.folder, **SETTINGS) as other:
        await other.ready()
        # A job that came after the answer would be proof of a sweep that did nothing to this one.
        app.open_gate("patient")
        assert (await finished(app.bide, await app.patient.enqueue())).status is JobStatus.COMPLETED
        assert await app.bide.history(job) == before
        await app.bide.respond(job, PROCEED, prompt=prompt.id, by="ann")
        done = await finished(app.bide, job)
    assert (done.result, done.attempt) == ("first proceed second", 1)
    assert len(app.ran("first")) == len(app.ran("second")) == 1


@covers(Row.KILL_AT_ANSWER)
@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after the commit"])
async def test_an_answer_cut_off_at_its_commit_is_absent_or_whole(committed: bool, app: App) -> None:
    job = await app.asking.enqueue()
    async with app.bide.worker():
        await until(app.bide, job, EventKind.WAITING)
    (prompt,) = await app.bide.prompts(job)
    response = uuid4()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.answer", app.folder, str(job.id), str(prompt.id), str(response)),
        "after" if committed else "before",
    )
    assert await child.wait() == -signal.SIGKILL
    (left,) = await app.bide.prompts(job, open_only=False)
    assert (left.status, left.answer is not None) == (("answered", True) if committed else ("open", False))
    assert (await app.bide.get(job)).status is (JobStatus.PENDING if committed else JobStatus.PENDING_HITL)
    receipt = await app.bide.respond(job, PROCEED, prompt=prompt.id, by="ann", response_id=response)
    assert receipt == await app.bide.respond(job, PROCEED, prompt=prompt.id, by="ann", response_id=response)
    assert (receipt.value, receipt.by) == (PROCEED, "ann")
    with pytest.raises(PromptClosed):
        await app.bide.respond(job, PROCEED, prompt=prompt.id, by="bob")
    async with app.bide.worker():
        assert (await finished(app.bide, job)).result == "first proceed second"


@covers(Row.KILL_WHILE_WAITING)
async def test_a_waiting_job_holds_no_connection_of_its_own(app: App) -> None:
    with WorkerProcess(TARGET, app.folder, **SETTINGS) as worker:
        first = await app.asking.enqueue()
        await until(app.bide, first, EventKind.WAITING)
        process = psutil.Process(worker.pid)
        files, threads = process.num_fds(), process.num_threads()
        jobs = await app.bide.enqueue_many(app.asking.call() for _ in range(20))
        for job in jobs:
            await until(app.bide, job, EventKind.WAITING)
        # Some of the connections that all of them share may not have been needed before.
        shared = 2 if is_file(app.url) else app.bide.settings.pool_size
        assert process.num_fds() <= files + shared
        assert process.num_threads() <= threads + 2


@covers(Row.LOST_REPLY, Row.ENQUEUE_TWICE)
async def test_an_enqueue_whose_reply_was_lost_is_repeated_by_its_key(app: App) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.answer", app.folder, "enqueue", "", "", "after"
    )
    assert await child.wait() == -signal.SIGKILL
    (accepted,) = await app.bide.list()
    again = await app.chain.options(idempotency_key="once").enqueue()
    assert again.id == accepted.id
    assert len(await app.bide.list()) == 1


@covers(Row.TWO_PROCESSES)
async def test_two_worker_processes_share_the_jobs_of_one_file(app: App) -> None:
    app.open_gate("between")
    app.open_gate("second")
    with (
        WorkerProcess(TARGET, app.folder, slots=2, **SETTINGS) as one,
        WorkerProcess(TARGET, app.folder, slots=2, **SETTINGS) as two,
    ):
        await one.ready()
        await two.ready()
        jobs = await app.bide.enqueue_many(app.chain.call() for _ in range(60))
        for job in jobs:
            assert (await finished(app.bide, job)).attempt == 1
        pids = [line["pid"] for line in app.ran("second")]
        assert len(pids) == len(jobs)
        assert set(pids) == {one.pid, two.pid}
