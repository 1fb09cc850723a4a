"""Processes that are killed in the middle of a transaction: all of it is there afterwards, or nothing is."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bide import EventKind, JobStatus
from bide.testing import assert_sound
from tests.on.app import POINTS, App
from tests.on.hosts import POSTGRES, SQLITE, Place
from tests.support import ROOT, WorkerProcess, finished, told

SETTINGS = {"lease": 3, "poll": 0.05, "drain": 10, "retention": "never"}
ONE_SESSION_EACH = (SQLITE[4], POSTGRES[6])


@pytest_asyncio.fixture
async def app(place: Place, tmp_path: Path) -> AsyncIterator[App]:
    """The test's own view of it: it enqueues and reads, and executes nothing."""
    (tmp_path / "url").write_text(place.url)
    app = App(tmp_path)
    async with app.bide:
        yield app
        await assert_sound(app.bide.store)


@pytest.mark.ways(*ONE_SESSION_EACH)
@pytest.mark.parametrize("point", POINTS)
async def test_who_dies_while_enqueueing_has_enqueued_with_all_the_rest_or_not_at_all(
    app: App, place: Place, point: str
) -> None:
    (app.folder / "point").write_text(point)
    process = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.on.app"],
        cwd=ROOT,
        env={**os.environ, "BIDE_TEST_FOLDER": str(app.folder)},
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    jobs = await app.bide.list()
    if point != "committed":
        assert (list(jobs), place.notes()) == ([], [])
        return
    assert place.notes() == [1]
    (job,) = jobs
    with WorkerProcess("tests.on.app:bide", app.folder, **SETTINGS):
        assert (await finished(app.bide, job)).result == 2


@pytest.mark.ways(*ONE_SESSION_EACH)
@pytest.mark.parametrize("point", POINTS)
async def test_the_effect_of_a_step_is_there_once_wherever_its_worker_dies(app: App, place: Place, point: str) -> None:
    (app.folder / "point").write_text(point)
    with WorkerProcess("tests.on.app:bide", app.folder, **SETTINGS) as worker:
        job = await app.keep.enqueue()
        assert await worker.ended() == -signal.SIGKILL
    assert place.notes() == ([1] if point == "committed" else [])
    with WorkerProcess("tests.on.app:bide", app.folder, **SETTINGS):
        done = await finished(app.bide, job)
    # The attempt that wrote the row is the one whose result is remembered.
    writer = 1 if point == "committed" else 2
    assert (done.status, done.attempt, done.result) == (JobStatus.COMPLETED, 2, writer)
    assert place.notes() == [writer]
    assert (await told(app.bide, job)).count(EventKind.STEP_COMPLETED) == 1
