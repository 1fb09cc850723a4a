"""Workers in processes of their own, on one database: killed, and told of each other's work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bide import EventKind, JobStatus, Proceed
from bide.testing.checker import assert_sound
from tests.store.postgres.app import App
from tests.support import WorkerProcess, finished, quick, until

pytestmark = pytest.mark.parametrize("way", ["postgres_url", "pooled_url"], ids=["direct", "pooled"], indirect=True)

TARGET = "tests.store.postgres.app:bide"
SETTINGS: dict[str, Any] = {"lease": 2, "poll": 30, "drain": 10, "retention": "never"}
"""With a poll so long that nothing would be in time without notifications."""


@pytest_asyncio.fixture
async def app(way: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    """The test's own view of the app: it enqueues, answers and reads, and executes nothing."""
    monkeypatch.setenv("BIDE_TEST_URL", way)
    monkeypatch.setenv("BIDE_LISTEN_URL", postgres_url)
    app = App(way, quick(retention=None))
    async with app.bide:
        yield app


async def test_jobs_of_a_killed_worker_are_finished_by_others(app: App, tmp_path: Path) -> None:
    bide = app.bide
    jobs = await bide.enqueue_many([app.chain.call(n) for n in range(300)])
    with WorkerProcess(TARGET, tmp_path, **{**SETTINGS, "slots": 20}) as victim:
        await until(bide, jobs[100], EventKind.COMPLETED)
        await victim.kill()
    with WorkerProcess(TARGET, tmp_path, **SETTINGS), WorkerProcess(TARGET, tmp_path, **SETTINGS):
        done = await asyncio.gather(*(finished(bide, job) for job in jobs))
    assert [job.result for job in done] == [n + 5 for n in range(300)]
    assert {job.status for job in done} == {JobStatus.COMPLETED}
    await assert_sound(bide.store, expected=[str(job.id) for job in jobs], at_rest=True)


async def test_an_answer_given_in_one_process_wakes_the_worker_of_another(app: App, tmp_path: Path) -> None:
    bide = app.bide
    with WorkerProcess(TARGET, tmp_path, **SETTINGS) as worker:
        await worker.ready()
        job = await app.approved.enqueue()
        await until(bide, job, EventKind.WAITING)
        (prompt,) = await bide.prompts(job)
        await bide.respond(job, Proceed(), prompt=prompt.id)
        assert (await finished(bide, job)).result == "done"
