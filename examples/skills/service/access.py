"""Who is let in, and how much they may send."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from bide.http import Forbidden, local_only
from examples.skills.service.errors import Refused

BODY = 1024 * 1024
"""Bytes of a request."""


async def this_machine(connection: HTTPConnection) -> None:
    """A dependency: lets in programs and pages of this machine, by names that nobody else can point here."""
    try:
        await local_only(connection)
    except Forbidden:
        raise Refused(
            403, "Only this machine is let in. Started with another --host, the service lets in all."
        ) from None


class BoundedRoute(APIRoute):
    """A route that reads no more of a request than it may be long."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            return await handle(_Bounded(request.scope, request.receive))

        return bounded


class _Bounded(Request):
    async def stream(self) -> AsyncGenerator[bytes]:
        size = 0
        async for chunk in super().stream():
            size += len(chunk)
            if size > BODY:
                # One that FastAPI knows: what else is raised while a body is read becomes a 400.
                raise HTTPException(413, f"The body is longer than {BODY:,} bytes.")
            yield chunk
