"""One request of somebody who was let in: whose jobs it may touch, and as whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import UUID

from fastapi import Depends
from starlette.requests import HTTPConnection

from bide.errors import NotFound
from bide.http.access import Principal
from bide.http.runtime import Gate, Runtime
from bide.store.base import JobRow

if TYPE_CHECKING:
    from bide.app import Bide

KEY = "bide.call"
"""Where in the ASGI scope the guard of a route leaves it."""


@dataclass(frozen=True, slots=True)
class Call:
    gate: Gate
    who: Principal

    @property
    def runtime(self) -> Runtime:
        return self.gate.runtime

    @property
    def app(self) -> Bide[Any]:
        return self.gate.runtime.app

    @property
    def owner(self) -> str | None:
        """Part of every query: None sees every owner's jobs."""
        return self.who.owner

    @property
    def full(self) -> bool:
        """Whether to show what only administrators see."""
        return self.who.may("admin")

    def id(self, job: UUID) -> str:
        """The id of a job, for a query with `owner`. Raises NotFound for another than the one of a job token."""
        if self.who.job not in {None, job}:
            raise NotFound(f"Job {job} not found")
        return str(job)

    async def row(self, job: UUID) -> JobRow:
        """The job as of now. Raises NotFound."""
        return await self.app.row(self.id(job), self.owner)

    def find_room(self) -> None:
        """Raise TooMany where who asks may hold open no more."""
        self.gate.meter.room(self.who.counted_as)

    @contextmanager
    def held(self, end: Callable[[], None]) -> Generator[None]:
        """Something of who asks stays open, and counts; `end` is called when it is to end: there were too many already,
        or the server is about to stop."""
        with self.gate.meter.stream(self.who.counted_as), self.runtime.held(end):
            if self.gate.meter.over(self.who.counted_as):
                end()
            yield

    @contextmanager
    def until_expired(self, end: Callable[[], None]) -> Generator[None]:
        """Within, `end` is called once what has let in who asks is no longer valid."""
        expires, timer = self.who.expires_at, None
        if expires is not None:
            left = (expires - datetime.now(UTC)).total_seconds()
            timer = asyncio.get_running_loop().call_later(max(0.0, left), end)
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()


def this_call(connection: HTTPConnection) -> Call:
    """What the guard of this route has left. Where there was none, nobody gets in: it is a defect of the route."""
    call: object = connection.scope.get(KEY)
    if not isinstance(call, Call):
        raise TypeError(f"{connection.scope.get('path')} has no guard")
    return call


def leave(connection: HTTPConnection, call: Call) -> None:
    """Let `this_call` find it."""
    cast("dict[str, object]", connection.scope)[KEY] = call


async def _this_call(connection: HTTPConnection) -> Call:
    # FastAPI would call what is not `async` in a thread.
    return this_call(connection)


ThisCall = Annotated[Call, Depends(_this_call)]
