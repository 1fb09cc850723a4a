"""The app of processes that are killed at a chosen point of a transaction: of a worker's step, or of who enqueues.

`python -m tests.on.app` is who enqueues. Where it is to die is in the file `point`; it dies there once.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from bide import Bide, JobContext
from tests.support import quick

T = TypeVar("T")

POINTS = ("written", "recorded", "committed")
"""The user's row is written; so is what Bide writes; both are committed, and nobody knows yet."""


class App:
    """The app of one folder, in which the test has put what it needs to know."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = (folder / "url").read_text()
        self.bide = Bide(self.url, settings=quick())
        self.double = self.bide.job(name="double", max_attempts=3)(_double)
        self.keep = self.bide.job(name="keep", max_attempts=3)(self._keep)

    async def _keep(self, ctx: JobContext) -> int:
        return await self.in_session(lambda session: ctx.options(on=session).step(self.write, session, ctx.attempt))

    async def in_session(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        scheme, _, rest = self.url.partition(":")
        engine = create_async_engine(f"{'sqlite+aiosqlite' if scheme == 'sqlite' else 'postgresql+asyncpg'}:{rest}")
        async with AsyncSession(engine) as session:
            event.listen(session.sync_session, "before_commit", self._before_commit)
            event.listen(session.sync_session, "after_commit", self._after_commit)
            result = await work(session)
        await engine.dispose()
        return result

    async def write(self, session: AsyncSession, n: int) -> int:
        await session.execute(text(f"insert into note (n) values ({n})"))
        self.die("written")
        return n

    def _before_commit(self, _: Session) -> None:
        self.die("recorded")

    def _after_commit(self, _: Session) -> None:
        self.die("committed")

    def die(self, point: str) -> None:
        chosen = self.folder / "point"
        if chosen.exists() and chosen.read_text() == point:
            chosen.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    async def enqueue(self) -> None:
        async def work(session: AsyncSession) -> None:
            await self.bide.begin(session)
            await self.write(session, 1)
            await self.double.options(on=session).enqueue(1)
            await session.commit()

        async with self.bide:
            await self.in_session(work)


async def _double(ctx: JobContext, n: int) -> int:
    return 2 * n


if "BIDE_TEST_FOLDER" in os.environ:
    app = App(Path(os.environ["BIDE_TEST_FOLDER"]))
    bide = app.bide
    if __name__ == "__main__":
        asyncio.run(app.enqueue())
