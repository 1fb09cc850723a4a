"""What an accepted job answers with: 202, `Location`, `Retry-After`, and `Prefer: wait` — on Bide's routes, and on the
host's own through `accepting`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import NoMatchFound

from bide.errors import StoreError
from bide.http import waiting
from bide.http.access import Principal
from bide.http.call import Call
from bide.http.refusals import TooMany
from bide.http.runtime import Gate, Runtime
from bide.job import Job
from bide.store.base import JobRow

if TYPE_CHECKING:
    from uuid import UUID

    from bide.app import Bide

R = TypeVar("R")

log = logging.getLogger("bide.http")

POLL = 1
"""Seconds after which to look again, for who only polls."""

Accept = Callable[[Job[Any]], Awaitable[Job[Any]]]


def accepting(app: Bide[Any]) -> Callable[[Request, Response], Accept]:
    """A dependency for the host's own endpoints, so that what they enqueue answers as `POST /jobs` does.

        @api.post("/posts", status_code=202)
        async def create(topic: str, accept: Annotated[Accept, Depends(accepting(bide))]) -> Job[Post]:
            return await accept(await write_post.options(owner=…).enqueue(topic))

    It sets `Location` and `Retry-After`, waits as long as `Prefer: wait=` says, and makes the status 200 where the job
    has finished by then; an error it has then is without its traceback.
    """

    def dependency(request: Request, response: Response) -> Accept:
        async def accept(job: Job[R]) -> Job[R]:
            warn_unowned(app, job)
            gate = Runtime.of(app).gate
            seconds = waiting.preferred(request.headers.getlist("prefer"))
            if seconds is not None:
                # The endpoint has let the caller in, and made this very job for it.
                call = Call(gate, Principal(job.owner or "anyone", ("admin",), None))
                try:
                    await waiting.until(call, job.id, lambda row: row.status.terminal, seconds)
                    job = _public(await app.get(job))
                    response.headers["Preference-Applied"] = f"wait={seconds:g}"
                except (TooMany, StoreError):
                    seconds = None  # accepted it is, all the same: who is told otherwise makes another one
            done = seconds is not None and job.status.terminal
            response.headers.update(accepted_headers(request, gate, job.id, done=done))
            if done:
                response.status_code = 200
            return job

        return accept

    return dependency


def _public(job: Job[R]) -> Job[R]:
    """The job without what tells of the code: whoever asks may be anybody."""
    if job.error is None:
        return job
    return job.model_copy(update={"error": job.error.model_copy(update={"traceback": None})})


def accepted_headers(request: Request, gate: Gate, job: UUID, *, done: bool) -> dict[str, str]:
    headers: dict[str, str] = {}
    if (path := job_path(request, gate, job)) is not None:
        headers["Location"] = path
    if not done:
        headers["Retry-After"] = str(POLL)
    return headers


def job_path(request: Request, gate: Gate, job: UUID) -> str | None:
    """Where the job is to be read; None where the router is not part of the app that answers."""
    try:
        path = request.app.url_path_for(gate.route_name, job_id=str(job))
    except NoMatchFound:
        return None
    return str(request.scope.get("root_path", "")).rstrip("/") + str(path)


def warn_unowned(app: Bide[Any], job: Job[Any] | JobRow) -> None:
    """Once for each type: what is wrong is the code."""
    unowned = Runtime.of(app).unowned
    if not job.owner and job.type not in unowned:
        unowned.add(job.type)
        log.warning(
            "a job of the type %s was enqueued over HTTP without an owner: only administrators will see it. "
            "Give it one: .options(owner=…).enqueue(…)",
            job.type,
        )
