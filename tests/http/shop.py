"""An app as users write it, with a job for each thing that HTTP shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header
from pydantic import BaseModel

from bide import Bide, Confirm, Form, JobContext, Proceed, Revise, Settings
from bide.http import Limits, Principal, Right
from bide.http.refusals import Unauthenticated

SECRET = "a secret that only the tests know: 0123456789"

PEOPLE: dict[str, tuple[Sequence[Right], str | None]] = {
    "ann": (("create", "view", "cancel", "answer"), "ann"),
    "bob": (("create", "view", "cancel", "answer"), "bob"),
    "viewer": (("view",), "ann"),
    "answerer": (("answer",), "ann"),
    "nothing": ((), "ann"),
    "admin": (("admin",), None),
}
"""Who there is: their rights, and whose jobs they reach."""


class Address(BaseModel):
    street: str
    number: int


async def authorize(x_who: Annotated[str | None, Header()] = None) -> Principal:
    """The name alone is believed: it is not the proof of identity that is tested here."""
    if x_who not in PEOPLE:
        raise Unauthenticated("Say who you are.")
    rights, owner = PEOPLE[x_who]
    return Principal(id=x_who, rights=rights, owner=owner)


class Shop:
    """`bide`, its job types, and `app`, which serves them under `/api`. `database` is a file, or an address."""

    def __init__(
        self, database: Path | str, *, limits: Limits | None = None, worker: bool = True, **settings: Any
    ) -> None:
        given = {"secrets": SECRET, "drain": "0.1s", **settings}
        url = f"sqlite:///{database}" if isinstance(database, Path) else database
        self.bide = bide = Bide(url, settings=Settings.model_validate(given))
        self.gate = asyncio.Event()
        self.calls: list[str] = []

        @bide.job(expose=True)
        async def add(ctx: JobContext[Any], a: int, b: int = 0) -> int:
            """Adds two numbers."""
            return a + b

        @bide.job(expose=True)
        async def deliver(ctx: JobContext[Any], to: Address, *, note: str = "") -> str:
            ctx.progress(10, "Packing")
            match await ctx.ask("send", Confirm(summary=f"Send it to {to.street} {to.number}?"), timeout="7d"):
                case Proceed():
                    return f"sent to {to.street}"
                case Revise(feedback=feedback):
                    return feedback

        @bide.job(expose=True)
        async def enquire(ctx: JobContext[Any]) -> Address:
            return await ctx.ask("address", Form(Address))

        @bide.job(expose=True)
        async def hold(ctx: JobContext[Any]) -> None:
            await self.gate.wait()

        @bide.job(expose=True)
        async def stages(ctx: JobContext[Any], n: int) -> int:
            for i in range(n):
                await ctx.options(key=i).step(self.call, f"stage {i}")
            return n

        @bide.job(expose=True)
        async def fail(ctx: JobContext[Any], message: str) -> None:
            raise ValueError(message)

        @bide.job
        async def tell(ctx: JobContext[Any], events: int, size: int) -> None:
            """Writes so many events of so many bytes."""
            await ctx.step(self.emit, ctx, events, size)

        @bide.job
        async def internal(ctx: JobContext[Any]) -> None:
            """Not for the outside."""

        self.add, self.deliver, self.enquire, self.hold = add, deliver, enquire, hold
        self.stages, self.fail, self.internal, self.tell = stages, fail, internal, tell
        self.router = bide.router(authorize=authorize, limits=limits, worker=worker)
        self.app = FastAPI()
        self.app.include_router(self.router, prefix="/api")

    async def emit(self, ctx: JobContext[Any], events: int, size: int) -> None:
        for _ in range(events):
            ctx.emit("x" * size)

    async def call(self, what: str) -> str:
        self.calls.append(what)
        return what
