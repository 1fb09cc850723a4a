"""The server of the tests of the JavaScript packages: `uvicorn app:app`. Its database is in the environment.

Who asks is the header `X-User`, so that each test has jobs of its own; the requests of each are counted.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from bide import Bide, Confirm, Fail, Form, JobContext, Proceed
from bide.http import Limits, Principal, job_token

bide = Bide(os.environ["BIDE_TEST_URL"])

requests: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


class Flat(BaseModel):
    """A flat to let."""

    rooms: int = Field(ge=1, le=9)
    street: str = Field(min_length=1)


class Account(BaseModel):
    """One whose number no double holds."""

    number: int
    limit: int = 2**53 + 1


@bide.job(expose=True)
async def add(ctx: JobContext, a: int, b: int = 1) -> int:  # noqa: ARG001
    """Add two numbers."""
    return a + b


@bide.job(expose=True)
async def gated(ctx: JobContext, gate: str, percent: float = 50, fails: bool = False) -> str:
    """Report progress, and wait for a gate; fail behind it, where that is asked for."""
    ctx.progress(percent, "at the gate")
    await gates[gate].wait()
    if fails:
        raise Fail("behind the gate")
    return "through"


@bide.job(expose=True)
async def write(ctx: JobContext, words: list[str], gate: str = "", drafts: int = 1) -> str:
    """Write a text, word by word, once or several times; with a gate, the second half behind it."""

    async def draft() -> str:
        for n, word in enumerate(words):
            if gate and n == len(words) // 2:
                await gates[gate].wait()
            ctx.emit(word)
            await asyncio.sleep(0)
        return "".join(words)

    for n in range(1, drafts):
        await ctx.options(key=n).step(draft)
    return await ctx.step(draft)


@bide.job(expose=True)
async def ask(ctx: JobContext, questions: int = 1) -> str:
    """Ask, once or several times."""
    for n in range(questions):
        match await ctx.ask(f"go-{n}", Confirm(summary=f"Go on, {n}?")):
            case Proceed():
                pass
            case _:
                return "turned back"
    return "went on"


@bide.job(expose=True)
async def both(ctx: JobContext) -> str:
    """Ask two questions at once."""
    await asyncio.gather(*(ctx.ask(key, Confirm(summary=f"Go on, {key}?")) for key in ("first", "second")))
    return "went on"


@bide.job(expose=True)
async def let(ctx: JobContext) -> Flat:
    """Ask for a flat."""
    return await ctx.ask("flat", Form(Flat))


@bide.job(expose=True)
async def keep(ctx: JobContext) -> str:
    """Ask for an account, and say what came back."""
    given = await ctx.ask("account", Form(Account, initial=Account(number=2**63 - 1)))
    return f"{given.number} {given.limit}"


@bide.job(expose=True, max_attempts=1)
async def fail(ctx: JobContext) -> None:  # noqa: ARG001
    """Fail."""
    raise Fail("as it was told to")


@bide.job(expose=True, max_attempts=2)
async def stumble(ctx: JobContext) -> int:
    """Fail the first time."""
    if ctx.attempt == 1:
        raise ValueError("stumbled")
    return ctx.attempt


async def authorize(connection: HTTPConnection) -> Principal:
    user = connection.headers.get("x-user", "nobody")
    return Principal(user, ("admin",), user) if "x-admin" in connection.headers else Principal(user)


app = FastAPI()
app.include_router(bide.router(authorize=authorize, limits=Limits(requests=1_000_000, streams=100_000)))


class Count:
    """Notes each request under its user, but for those of the tests themselves."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/tests/"):
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            noted = {"method": scope["method"], "path": scope["path"], "headers": headers, "status": None}
            requests[headers.get("x-user", "nobody")].append(noted)

            async def noting(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    noted["status"] = message["status"]
                await send(message)

            await self._app(scope, receive, noting)
        else:
            await self._app(scope, receive, send)


app.add_middleware(Count)


@app.get("/tests/requests/{user}")
async def requested(user: str) -> list[dict[str, Any]]:
    return requests[user]


@app.post("/tests/gates/{gate}")
async def open_gate(gate: str) -> None:
    gates[gate].set()


@app.get("/tests/token/{job}")
async def token(job: UUID) -> str:
    return job_token(bide, await bide.get(job))
