"""The server that `bench.http` measures: an app with Bide's router, and beside it a route that does nothing."""

from __future__ import annotations

import asyncio
import os

from fastapi import FastAPI

from bide import Bide, JobContext
from bide.http import Limits, Principal

bide = Bide(os.environ["BENCH_URL"])


@bide.job(expose=True)
async def work(ctx: JobContext, n: int) -> int:
    """A few milliseconds, as of a call elsewhere."""
    await asyncio.sleep(0.005)
    return n


@bide.job(expose=True)
async def wait(ctx: JobContext) -> None:
    """Runs until it is cancelled."""
    await asyncio.Event().wait()


async def authorize() -> Principal:
    return Principal("bench")


app = FastAPI()
app.include_router(bide.router(authorize=authorize, limits=Limits(requests=1e6, streams=100_000)))


@app.get("/constant")
async def constant() -> dict[str, str]:
    return {"status": "running"}
