"""A rolling deploy: the schema moves while the workers of the version before it are at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bide import Bide, EventKind, JobContext, JobStatus
from bide.errors import SchemaMismatch, StoreBusy
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import connect
from bide.store.postgres.migrations import HEAD, run
from tests.faults.app import App
from tests.faults.rows import Row, covers
from tests.support import WorkerProcess, finished, holds, quick, told, until

NEXT = "9999"
"""The revision of the version after this one."""

EXPAND = f"""
    alter table bide.job add column novelty text;
    alter table bide.event add column novelty text;
    create index job_novelty on bide.job (novelty);
    update bide.version set version_num = '{NEXT}';
"""


async def expand(url: str) -> None:
    """What a migration does that takes nothing away."""
    db = await connect(url)
    await db.execute(f"begin; set local lock_timeout = '{run.LOCK_TIMEOUT}'; {EXPAND} commit")
    await db.close()


SETTINGS: dict[str, Any] = {"lease": 10, "poll": 0.1, "retention": "never"}


@pytest_asyncio.fixture
async def app(url: str, tmp_path: Path) -> AsyncIterator[App]:
    app = App(tmp_path, quick(retention=None))
    async with app.bide:
        yield app


@covers(Row.MIGRATION, Row.TWO_VERSIONS)
async def test_workers_of_two_versions_share_the_jobs_while_the_schema_moves(
    app: App, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older ones are there before the migration and after it; the newer code comes once it is done."""
    newer: Bide[None] = Bide(url, settings=quick())

    @newer.job(name=app.chain.name, version=2)
    async def chain(ctx: JobContext) -> str:
        return "by the newer"

    with WorkerProcess("tests.faults.app:bide", app.folder, **SETTINGS) as older:
        await older.ready()
        running = await app.chain.enqueue()
        await holds(lambda: bool(app.wrote("between")))
        asked = await app.asking.enqueue()
        await until(app.bide, asked, EventKind.WAITING)
        await expand(url)
        # What ran before goes on, what comes after is claimed, and what was prepared before is prepared anew.
        app.open_gate("between")
        app.open_gate("second")
        assert (await finished(app.bide, running)).result == "first second"
        (prompt,) = await app.bide.prompts(asked)
        await app.bide.respond(asked, {"action": "proceed"}, prompt=prompt.id, by="ann")
        assert (await finished(app.bide, asked)).result == "first proceed second"
        # Who comes now with the code of before is told what to do.
        with pytest.raises(SchemaMismatch) as refused:
            await PostgresStore(url).open()
        assert refused.value.hint is not None
        assert "Upgrade Bide" in refused.value.hint
        monkeypatch.setattr("bide.store.postgres.store.HEAD", NEXT)
        async with newer:
            job = await chain.enqueue()
            both = [await app.chain.enqueue() for _ in range(5)]
            for one in both:
                await finished(app.bide, one)
            assert await told(newer, job) == [EventKind.ENQUEUED], "it was left alone by the older"
            async with newer.worker():
                done = await finished(newer, job)
            assert (done.result, done.attempt) == ("by the newer", 1)
        assert "Error" not in older.log.read_text()


@covers(Row.MIGRATION)
async def test_a_migration_that_cannot_get_its_lock_gives_up_and_can_be_repeated(
    app: App, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LOCK_TIMEOUT", "300ms")
    with WorkerProcess("tests.faults.app:bide", app.folder, **SETTINGS) as worker:
        await worker.ready()
        stranger = await connect(url)
        await stranger.execute("begin; select count(*) from bide.job")
        with pytest.raises(StoreBusy) as busy:
            await run.down(url, "base")
        assert busy.value.retryable
        assert busy.value.hint is not None
        assert "Commit it sooner" in busy.value.hint
        assert (await run.status(url)).current == HEAD
        # Nothing was changed, and nobody waits behind it.
        app.open_gate("between")
        app.open_gate("second")
        assert (await finished(app.bide, await app.chain.enqueue())).status is JobStatus.COMPLETED
        await stranger.close()
        worker.process.terminate()
        assert await asyncio.to_thread(worker.process.wait) == 0
    await app.bide.delete((await app.bide.list())[0])
    assert (await run.down(url, "base")).current is None
    assert (await run.up(url)).current == HEAD
