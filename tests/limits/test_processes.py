"""Limits over worker processes: what ran at once is counted outside the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bide import JobStatus
from bide.testing import assert_sound
from tests.limits.app import AT_ONCE, App
from tests.support import WorkerProcess, finished, holds, quick

TARGET = "tests.limits.app:bide"
SETTINGS: dict[str, Any] = {"lease": 2, "poll": 0.2, "drain": 10, "retention": "never"}


@pytest_asyncio.fixture
async def app(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    """The test's own view of the app: it enqueues and reads, and executes nothing."""
    monkeypatch.setenv("BIDE_TEST_URL", database)
    app = App(database, tmp_path, quick(retention=None))
    async with app.bide:
        yield app
        await assert_sound(app.bide.store, at_rest=True)


async def test_two_workers_run_as_many_at_once_as_the_limits_allow(app: App, tmp_path: Path) -> None:
    # With fewer slots than the limit allows, one of them alone cannot come up to it.
    workers = [WorkerProcess(TARGET, tmp_path, **SETTINGS, slots=2, threads=2) for _ in range(2)]
    with workers[0], workers[1]:
        await asyncio.gather(*(worker.ready() for worker in workers))
        narrow = await app.bide.enqueue_many([app.narrow.call() for _ in range(150)])
        keyed = await app.bide.enqueue_many([app.of_tenant.call(f"tenant-{n % 3}") for n in range(90)])
        done = await asyncio.gather(*(finished(app.bide, job) for job in [*narrow, *keyed]))
    assert {job.status for job in done} == {JobStatus.COMPLETED}
    assert {line["pid"] for line in app.witness.lines("starts")} == {worker.pid for worker in workers}
    assert app.most_at_once("narrow") == AT_ONCE
    assert [app.most_at_once(f"tenant-{n}") for n in range(3)] == [2, 2, 2]


async def test_the_permits_of_a_killed_worker_are_free_once_its_jobs_are_taken_back(app: App, tmp_path: Path) -> None:
    with WorkerProcess(TARGET, tmp_path, **SETTINGS) as victim:
        first = await app.held.enqueue()
        await holds(lambda: any(app.witness.lines("holds")))
        second = await app.held.enqueue()
        await victim.kill()
    (tmp_path / "gate").touch()
    with WorkerProcess(TARGET, tmp_path, **SETTINGS):
        assert (await finished(app.bide, first)).result == 2
        assert (await finished(app.bide, second)).result == 1
