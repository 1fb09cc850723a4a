"""What the tests run in processes of their own: `uvicorn tests.http.app:app`. Its database is in the environment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from starlette.responses import StreamingResponse

from bide import Bide, Confirm, JobContext, Proceed
from bide.http import Limits, anyone

bide = Bide(os.environ["BIDE_TEST_URL"])


@bide.job(expose=True)
async def add(ctx: JobContext, a: int) -> int:
    return a


@bide.job(expose=True)
async def ask(ctx: JobContext) -> str:
    match await ctx.ask("go", Confirm(summary="Go on?")):
        case Proceed():
            return "went on"
        case _:
            return "turned back"


@bide.job(expose=True)
async def run(ctx: JobContext, seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "ran"


@bide.job(expose=True)
async def tell(ctx: JobContext, events: int, size: int) -> None:
    """Writes so many events of so many bytes."""

    async def write() -> None:
        for _ in range(events):
            ctx.emit("x" * size)

    await ctx.step(write)


app = FastAPI()
app.include_router(
    bide.router(
        authorize=anyone,
        limits=Limits(requests=1_000_000, streams=100_000),
        worker=os.environ.get("BIDE_TEST_WORKER") != "no",
    )
)


@app.get("/own/{job_id}")
async def own(job_id: UUID) -> StreamingResponse:
    """A stream as users write one themselves."""

    async def lines() -> AsyncGenerator[str]:
        async for event in bide.events(job_id):
            yield f"{event.kind}\n"

    return StreamingResponse(lines())


@app.get("/constant")
async def constant() -> dict[str, Any]:
    """What a route of the framework costs that does nothing."""
    return {"id": "01999f5e-3c1a-7b2d-9a4e-5f6071829304", "status": "running", "progress": 30.0}
