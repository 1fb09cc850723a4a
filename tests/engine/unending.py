"""An app with jobs that nothing ends, for the test and for its worker process."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

from bide import Bide, JobContext, JobType


async def stubborn(ctx: JobContext) -> None:
    while True:
        with suppress(BaseException):
            await asyncio.Event().wait()


async def blocked(ctx: JobContext) -> None:
    await ctx.step(block)


def block() -> None:
    time.sleep(3_600)


def make(folder: Path) -> tuple[Bide[None], dict[str, JobType[[], None]]]:
    app = Bide(f"sqlite:///{folder}/jobs.db")
    return app, {job.__name__: app.job(max_attempts=1)(job) for job in (stubborn, blocked)}


if "BIDE_TEST_FOLDER" in os.environ:
    bide, _ = make(Path(os.environ["BIDE_TEST_FOLDER"]))
