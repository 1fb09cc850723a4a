"""Jobs over HTTP: created, read, listed, cancelled, retried, forked, deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from fastapi import Header, Query
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BeforeValidator, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from bide.app import PAGE
from bide.clock import microseconds
from bide.codec import escape
from bide.errors import BideError, IdempotencyConflict, StoreError, UnknownJobType
from bide.http import paging, problems, render, waiting
from bide.http.accepting import accepted_headers, warn_unowned
from bide.http.call import Call, ThisCall, this_call
from bide.http.refusals import Forbidden, TooLarge, TooMany
from bide.http.schemas import Cancel, CancelMany, Fork, NewJob, NewJobs
from bide.job import JobStatus
from bide.job_type import OWNER_LIMIT, JobCall
from bide.store.base import JobFilter, JobRow

T = TypeVar("T")

log = logging.getLogger("bide.http")

UNFINISHED = tuple(status for status in JobStatus if not status.terminal)

AT_ONCE = 20
"""Cancels of one request that are under way together."""

CANCEL_MANY = 1_000
"""Jobs that one request cancels at most, where it chooses them by a filter."""


def _spelled_out(value: object) -> object:
    """A year alone would be read as so many seconds since 1970."""
    try:
        float(str(value))
    except ValueError:
        return value
    raise ValueError("expected an RFC 3339 date and time, such as 2026-01-31T12:00:00Z")


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key and body again give the same answer; another body under it is refused with 422."
        " When the job is due is not compared.",
    ),
]
IdempotencyKeyOfMany = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=240,
        description="As for one job; the jobs that have no key of their own are named by this one and their place.",
    ),
]
Prefer = Annotated[
    list[str] | None,
    Header(alias="Prefer", description="`wait=N`: answer after at most N seconds, 200 if finished."),
]
Moment = Annotated[AwareDatetime, BeforeValidator(_spelled_out)]
Seconds = Annotated[float, Field(ge=0, le=waiting.LONGEST)]


# ── Creating ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def create_job(
    call: ThisCall, request: Request, body: NewJob, key: IdempotencyKey = None, prefer: Prefer = None
) -> Response:
    """Accept a job of a type that is marked `expose=True`. It is durable when this returns."""
    if key is not None and body.idempotency_key not in {None, key}:
        raise problems.InvalidParameter(
            "body",
            "/idempotency_key",
            "The body names another idempotency key than the header.",
            hint="Send only the header.",
        )
    named = key or body.idempotency_key
    row = await call.app.enqueue_row(_call_of(call, body, named))
    if isinstance(conflict := _same_job(row, body, named), BideError):
        raise conflict
    warn_unowned(call.app, row)
    return await _accepted(call, request, row, prefer)


async def create_jobs(call: ThisCall, body: NewJobs, key: IdempotencyKeyOfMany = None) -> Response:
    """Accept many jobs at once; each has its own outcome."""
    _check_count(call, len(body.jobs))
    outcomes: list[dict[str, Any]] = [{} for _ in body.jobs]
    calls: dict[int, JobCall[Any]] = {}
    keys = [new.idempotency_key or (f"{key}#{n}" if key else None) for n, new in enumerate(body.jobs)]
    for n, new in enumerate(body.jobs):
        try:
            with problems.at(f"/jobs/{n}"):
                calls[n] = _call_of(call, new, keys[n])
        except BideError as error:
            outcomes[n] = _refused(error)
    for n, accepted in zip(calls, await call.app.enqueue_rows(calls.values()), strict=True):
        row = accepted if isinstance(accepted, BideError) else _same_job(accepted, body.jobs[n], keys[n])
        if isinstance(row, BideError):
            outcomes[n] = _refused(row)
        else:
            warn_unowned(call.app, row)
            outcomes[n] = {"status": 202, "job": render.summary(row, full=call.full), "problem": None}
    return render.response({"items": outcomes})


def _same_job(row: JobRow, asked: NewJob, key: str | None) -> JobRow | IdempotencyConflict:
    """The job, if it is as it was asked for. What the core compares is the type and the input."""
    labels: dict[str, str] = orjson.loads(row.labels or "{}")
    same = asked.queue in {None, row.queue} and asked.priority in {None, row.priority} and labels == asked.labels
    if key is None or same:
        return row
    return IdempotencyConflict(key, UUID(row.id), "queue, priority or labels")


def _call_of(call: Call, new: NewJob, key: str | None) -> JobCall[Any]:
    job_type = call.app.registry.find(new.type)
    if job_type is None or not job_type.definition.expose:
        raise UnknownJobType(
            f"No job type named {escape(new.type, 200)!r} may be created here.",
            hint="GET /job-types lists those that may. In the code: @bide.job(expose=True).",
        )
    if new.owner is not None and call.owner is not None and new.owner != call.owner:
        raise Forbidden("A job of another owner.", hint="Leave `owner` out: it is yours.")
    chosen = job_type.options(
        queue=new.queue,
        priority=new.priority,
        delay=new.delay,
        labels=new.labels,
        owner=new.owner if call.owner is None else call.owner,
        idempotency_key=key,
    )
    with problems.at("/input"):
        return chosen.call_json(new.input)


async def _accepted(call: Call, request: Request, row: JobRow, prefer: Sequence[str] | None) -> Response:
    """202; or 200 where the caller prefers to wait, and the job has finished by then."""
    job, seconds = UUID(row.id), waiting.preferred(prefer)
    if seconds:
        try:
            row = await waiting.until(call, job, _finished, seconds)
        except (TooMany, StoreError):
            seconds = None  # accepted it is, all the same: who is told otherwise makes another one
    done = seconds is not None and row.status.terminal
    headers = {"ETag": render.etag(row, full=call.full), **accepted_headers(request, call.gate, job, done=done)}
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds:g}"
    return render.response(render.job(row, full=call.full), status=200 if done else 202, headers=headers)


async def retry_job(
    call: ThisCall, request: Request, job_id: UUID, key: IdempotencyKey = None, prefer: Prefer = None
) -> Response:
    """Run a finished job again, as a new job that keeps every recorded step and answer."""
    made = await call.app.retry(call.id(job_id), owner=call.owner, by=call.who.id, idempotency_key=key)
    return await _accepted(call, request, await call.row(made.id), prefer)


async def fork_job(
    call: ThisCall,
    request: Request,
    job_id: UUID,
    body: Fork | None = None,
    key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> Response:
    """Make a new job that keeps what was recorded up to one event, to go another way from there."""
    after = None if body is None else body.after
    if after is None:
        after = (await call.row(job_id)).seq
    made = await call.app.fork(call.id(job_id), after=after, owner=call.owner, by=call.who.id, idempotency_key=key)
    return await _accepted(call, request, await call.row(made.id), prefer)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


READING: Sequence[dict[str, Any]] = (
    {
        "name": "job_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid", "title": "Job Id"},
    },
    {
        "name": "wait",
        "in": "query",
        "required": False,
        "description": "Answer once the job differs from `If-None-Match`, or from now; after N seconds anyway.",
        "schema": {"type": "number", "minimum": 0, "maximum": waiting.LONGEST, "default": 0, "title": "Wait"},
    },
    {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETags that are known already: 304 while the job is as one of them says.",
        "schema": {"type": "string", "title": "If-None-Match"},
    },
)
"""What `get_job` takes, for the OpenAPI document."""


async def get_job(request: Request) -> Response:
    """One job. The ETag names this very state of it."""
    # Asked for more than all others, and as a rule with nothing but an id: what it takes it looks for by itself, since
    # a dependency or a parameter that is declared costs as much as the answer.
    call = this_call(request)
    job_id = _read(_JOB_ID, request.path_params["job_id"], "path", "job_id")
    row = await call.row(job_id)
    full = call.full
    known = _tags(request)
    wait = _wait(request) if request.scope["query_string"] else 0.0
    if wait and not row.status.terminal and (not known or known & {"*", render.etag(row, full=full)}):
        seq = row.seq
        row = await waiting.until(call, job_id, lambda row: row.seq != seq, wait)
    tag = render.etag(row, full=full)
    headers = {"ETag": tag}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return render.response(call.runtime.bodies.job(row, tag, full=full), headers=headers)


def _tags(request: Request) -> frozenset[str]:
    """The tags of `If-None-Match`, which compares weakly (RFC 9110, 13.1.2)."""
    sent = b",".join([value for name, value in request.scope["headers"] if name == b"if-none-match"])
    return frozenset(tag.strip().removeprefix("W/") for tag in sent.decode("latin-1").split(",") if tag)


_JOB_ID: TypeAdapter[UUID] = TypeAdapter(UUID)
_SECONDS: TypeAdapter[float] = TypeAdapter(Seconds)


def _wait(request: Request) -> float:
    given = request.query_params.get("wait")
    return 0.0 if given is None else _read(_SECONDS, given, "query", "wait")


def _read(kind: TypeAdapter[T], given: str, where: str, name: str) -> T:
    """As FastAPI reads a parameter that is declared."""
    try:
        return kind.validate_python(given)
    except ValidationError as error:
        raise RequestValidationError([{**found, "loc": (where, name)} for found in error.errors()]) from None


async def list_jobs(
    call: ThisCall,
    request: Request,
    status: Annotated[list[JobStatus], Query(default_factory=list, max_length=6)],
    type: Annotated[list[str], Query(default_factory=list, max_length=50)],
    queue: Annotated[list[str], Query(default_factory=list, max_length=50)],
    label: Annotated[
        list[str], Query(default_factory=list, max_length=16, description="`name=value`; all must match.")
    ],
    owner: Annotated[str | None, Query(max_length=OWNER_LIMIT, description="For administrators.")] = None,
    created_after: Moment | None = None,
    created_before: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 50,
    before: Annotated[UUID | None, Query(description="Jobs older than this one; a `cursor` wins.")] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Jobs, newest first. Each filter may be repeated; a job matches one of each."""
    if owner is not None and call.owner is not None and owner != call.owner:
        raise Forbidden("Jobs of another owner.", hint="Leave `owner` out: the list is of your own.")
    labels = _labels(label)
    query = [
        sorted(status), sorted(type), sorted(queue), owner, sorted(labels.items()),
        created_after and created_after.isoformat(), created_before and created_before.isoformat(),
    ]  # fmt: skip
    chosen = JobFilter(
        statuses=tuple(status),
        types=tuple(type),
        queues=tuple(queue),
        labels=tuple(labels.items()),
        created_after=None if created_after is None else microseconds(created_after),
        created_before=None if created_before is None else microseconds(created_before),
        before=_maybe(before if cursor is None else paging.decode(cursor, query)),
        limit=limit + 1,
    )
    rows = await call.app.store.list(chosen, owner if call.owner is None else call.owner)
    page = rows[:limit]
    following = paging.encode(page[-1].id, query) if len(rows) > limit else None
    headers = {"Link": paging.next_link(request, following)} if following else {}
    items = [render.summary(row, full=call.full) for row in page]
    return render.response({"items": items, "next_cursor": following}, headers=headers)


def _maybe(job: UUID | None) -> str | None:
    return None if job is None else str(job)


def _labels(given: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or labels.setdefault(name, value) != value:
            raise problems.InvalidParameter(
                "query", "label", f"label={escape(text, 200)}: expected `name=value`, each name once."
            )
    return labels


async def get_history(
    call: ThisCall,
    job_id: UUID,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> Response:
    """The job's events above `after`, in order: its audit trail. Fewer than `limit` come where they are large."""
    page = await call.app.store.history(call.id(job_id), call.owner, after, limit)
    # Events are numbered without gap, and the job has the number of the last one.
    job = await call.row(job_id)
    return render.response(
        {
            "items": [render.event(row, full=call.full) for row in page],
            "next_after": page[-1].seq if page and page[-1].seq < job.seq else None,
        }
    )


# ── Ending ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def cancel_job(call: ThisCall, request: Request, job_id: UUID, body: Cancel | None = None) -> Response:
    """Cancel a job: at once where nothing runs (200), else its code is told to stop (202)."""
    job = await call.app.cancel(
        call.id(job_id), owner=call.owner, by=call.who.id, reason=None if body is None else body.reason
    )
    row = await call.row(job.id)
    done = row.status.terminal
    headers = {"ETag": render.etag(row, full=call.full), **accepted_headers(request, call.gate, job.id, done=done)}
    return render.response(render.job(row, full=call.full), status=200 if done else 202, headers=headers)


async def cancel_jobs(call: ThisCall, body: CancelMany) -> Response:
    """Cancel many jobs: those named, or the unfinished ones that match; each has its own outcome."""
    chosen_by_filter = bool(body.types or body.queues or body.labels)
    if (body.ids is None) != chosen_by_filter:
        raise problems.InvalidParameter(
            "body", "", "Name the jobs by `ids`, or choose them by `types`, `queues` or `labels`."
        )
    if body.ids is not None:
        _check_count(call, len(body.ids))
        ids, more = list(dict.fromkeys(body.ids)), False
    else:
        ids, more = await _matching(call, body)
    gate = asyncio.Semaphore(AT_ONCE)

    async def cancel(job: UUID) -> dict[str, Any]:
        async with gate:
            try:
                await call.app.cancel(call.id(job), owner=call.owner, by=call.who.id, reason=body.reason)
                row = await call.row(job)
            except BideError as error:
                return _refused(error)
        status = 200 if row.status.terminal else 202
        return {"status": status, "job": render.summary(row, full=call.full), "problem": None}

    return render.response({"items": await asyncio.gather(*map(cancel, ids)), "more": more})


async def _matching(call: Call, body: CancelMany) -> tuple[list[UUID], bool]:
    """The jobs, as many as are cancelled at once; and whether there are more."""
    found: list[UUID] = []
    before: str | None = None
    while len(found) <= CANCEL_MANY:
        chosen = JobFilter(
            statuses=UNFINISHED,
            types=tuple(body.types),
            queues=tuple(body.queues),
            labels=tuple(body.labels.items()),
            before=before,
            limit=PAGE,
        )
        rows = await call.app.store.list(chosen, call.owner)
        found += [UUID(row.id) for row in rows if row.cancel_requested_at is None]
        if len(rows) < PAGE:
            break
        before = rows[-1].id
    return found[:CANCEL_MANY], len(found) > CANCEL_MANY


async def delete_job(call: ThisCall, job_id: UUID) -> Response:
    """Delete a finished job, with its history."""
    await call.app.delete(call.id(job_id), owner=call.owner)
    return Response(status_code=204)


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _finished(row: JobRow) -> bool:
    return row.status.terminal


def _check_count(call: Call, count: int) -> None:
    limit = call.gate.limits.batch
    if count > limit:
        raise TooLarge(f"{count} jobs in one request; at most {limit} are taken.", hint="Send several requests.")


def _refused(error: BideError) -> dict[str, Any]:
    problem = problems.describe(error)
    return {"status": problem["status"], "job": None, "problem": problem}
