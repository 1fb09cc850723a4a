"""Queries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import chain
from typing import Any

from bide.errors import NotFound
from bide.job import JobStatus as S
from bide.store.base import (
    PAGE_BYTES,
    Changes,
    EventRow,
    Feed,
    JobFilter,
    JobRow,
    PromptRow,
    Prunable,
    Stats,
    StepRow,
    Timed,
    WorkerRow,
)
from bide.store.postgres.database import Tx
from bide.store.postgres.rows import LAZY
from bide.store.postgres.sql import Statement, statement
from bide.store.postgres.upkeep import prunable_by
from bide.store.refusals import no_job
from bide.store.rows import event_row, job_row, prompt_row, step_row, worker_row
from bide.store.rows import stats as stats_of

_LIST = statement("list_jobs")
_LIST_OWNED = statement("list_owned")
_LIST_STATUS = statement("list_status")
_LIST_LABELLED = statement("list_labelled")
_HISTORY = statement("history")
_FEED = statement("feed")
_PROMPTS = statement("prompts")
_INBOX = statement("inbox")
_INBOX_OWNED = statement("inbox_owned")
_PROMPTS_OF_JOB = statement("prompts_of_job")
_PROMPT = statement("prompt")
_ANSWERED_BY = statement("answered_by")
_LAST_CLOSED = statement("last_closed")
_STEPS = statement("steps")
_STEP_RESULT = statement("step_result")
_EMITTERS = statement("emitters")
_ORPHANS = statement("orphans")
_STATS = statement("stats")
_STATS_OWNED = statement("stats_owned")
_COUNT_OPEN = statement("count_open")
_COUNT_OPEN_OWNED = statement("count_open_owned")
_COUNT_PRUNABLE = statement("count_prunable")
_WORKERS = statement("workers")
_TIMED = statement("timed")
_NEXT_DUE = statement("next_due")
_CANCELS = statement("cancels")
_POSITION = statement("position")
_CHANGED = statement("changed")
_JOB_STATE = statement("job_state")
_SHOWN = statement("shown")

_ASIDE = {S.PENDING_HITL, S.FAILED, S.CANCELLED}
"""The statuses that `list_status.sql` has an index for."""

_YOUNGER = "~"
"""Sorts after every id, so that the first page is a seek as every other is."""

TOLD = 10_000
"""Events since a mark above which everything counts as changed."""


def cancels(worker: str) -> Callable[[Tx], Awaitable[frozenset[str]]]:
    async def query(tx: Tx) -> frozenset[str]:
        return frozenset(row[0] for row in await tx.fetch(_CANCELS, worker=worker))

    return query


def list_jobs(filter: JobFilter, owner: str | None) -> Callable[[Tx], Awaitable[list[JobRow]]]:
    parameters: dict[str, Any] = {
        "owner": owner,
        "before": _YOUNGER if filter.before is None else filter.before,
        "statuses": _set(filter.statuses),
        "types": _set(filter.types),
        "queues": _set(filter.queues),
        "created_after": filter.created_after,
        "created_before": filter.created_before,
        "limit": filter.limit,
    }
    which = _LIST_OWNED if owner else _LIST
    if filter.labels:
        (name, value), *others = filter.labels
        which = _LIST_LABELLED
        parameters |= {
            "name": name,
            "value": value,
            "names": [name for name, _ in others],
            "values": [value for _, value in others],
        }
    elif not owner and filter.statuses and _ASIDE.issuperset(filter.statuses):
        return _list_by_status(filter, parameters)

    sound = all(map(_can_be, (owner or "", *chain.from_iterable(filter.labels))))

    async def query(tx: Tx) -> list[JobRow]:
        return [job_row(row) for row in await tx.fetch(which, **parameters)] if sound else []

    return query


def _list_by_status(filter: JobFilter, parameters: dict[str, Any]) -> Callable[[Tx], Awaitable[list[JobRow]]]:
    async def query(tx: Tx) -> list[JobRow]:
        # By id: one whose status changes between two looks is found twice.
        found: dict[str, JobRow] = {}
        for status in set(filter.statuses):
            rows = await tx.fetch(_LIST_STATUS, status=str(status), **parameters)
            found.update((row[0], job_row(row)) for row in rows)
        return sorted(found.values(), key=lambda row: row.id, reverse=True)[: filter.limit]

    return query


def history(job: str, owner: str | None, after: int, limit: int) -> Callable[[Tx], Awaitable[list[EventRow]]]:
    async def query(tx: Tx) -> list[EventRow]:
        rows = await tx.fetch(_HISTORY, job=job, owner=owner, after=after, limit=limit, bytes=PAGE_BYTES)
        return [event_row(row) for row in rows]

    return query


def prompts(
    owner: str | None, job: str | None, prompt: str | None, open_only: bool, after: str | None, limit: int
) -> Callable[[Tx], Awaitable[list[PromptRow]]]:
    async def query(tx: Tx) -> list[PromptRow]:
        if prompt is None:
            listing = _PROMPTS if not open_only else _INBOX_OWNED if owner else _INBOX
            which = listing if job is None else _PROMPTS_OF_JOB
            found = await tx.fetch(which, owner=owner, job=job, open_only=open_only, after=after or "", limit=limit)
            return [prompt_row(row) for row in found]
        # One at most, by its id: what else is asked of it is compared here.
        rows = [prompt_row(row) for row in await tx.fetch(_PROMPT, prompt=prompt, owner=owner)]
        return [row for row in rows if job in (None, row.job) and (row.status == "open" or not open_only)][:limit]

    return query


def answered_by(response: str, job: str, owner: str | None) -> Callable[[Tx], Awaitable[PromptRow | None]]:
    return lambda tx: _maybe_prompt(tx, _ANSWERED_BY, response=response, job=job, owner=owner)


def last_closed(job: str, owner: str | None) -> Callable[[Tx], Awaitable[PromptRow | None]]:
    return lambda tx: _maybe_prompt(tx, _LAST_CLOSED, job=job, owner=owner)


def served(job: str, owner: str | None) -> Callable[[Tx], Awaitable[list[PromptRow] | None]]:
    """The open prompts of a job, if there is none that nobody was shown yet."""

    async def query(tx: Tx) -> list[PromptRow] | None:
        if not await tx.fetch(_JOB_STATE, job=job, owner=owner):
            raise no_job(job)
        shown = [prompt_row(row) for row in await tx.fetch(_SHOWN, job=job)]
        return None if any(prompt.served_at is None for prompt in shown) else shown

    return query


def steps(job: str, owner: str | None) -> Callable[[Tx], Awaitable[list[StepRow]]]:
    async def query(tx: Tx) -> list[StepRow]:
        return [step_row(row) for row in await tx.fetch(_STEPS, job=job, owner=owner, **LAZY)]

    return query


def step_result(job: str, name: str, key: str) -> Callable[[Tx], Awaitable[str]]:
    async def query(tx: Tx) -> str:
        row = await tx.first(_STEP_RESULT, job=job, name=name, key=key)
        if row is None or row[0] is None:
            raise NotFound(f"Step {name!r} of job {job} has no result.")
        return str(row[0])

    return query


def emitters(job: str) -> Callable[[Tx], Awaitable[frozenset[tuple[str, str]]]]:
    async def query(tx: Tx) -> frozenset[tuple[str, str]]:
        return frozenset((row[0], row[1]) for row in await tx.fetch(_EMITTERS, job=job))

    return query


async def orphans(tx: Tx) -> Sequence[str]:
    return [row[0] for row in await tx.fetch(_ORPHANS)]


async def workers(tx: Tx) -> list[WorkerRow]:
    return [worker_row(row) for row in await tx.fetch(_WORKERS)]


async def timed(tx: Tx) -> list[Timed]:
    return [Timed(*row) for row in await tx.fetch(_TIMED)]


async def next_due(tx: Tx) -> int | None:
    ((at,),) = await tx.fetch(_NEXT_DUE, now=tx.now)
    return None if at is None else int(at)


def stats(owner: str | None) -> Callable[[Tx], Awaitable[Stats]]:
    async def query(tx: Tx) -> Stats:
        rows = await tx.fetch(_STATS_OWNED if owner else _STATS, owner=owner)
        ((open_prompts,),) = await tx.fetch(_COUNT_OPEN_OWNED if owner else _COUNT_OPEN, owner=owner)
        return stats_of(rows, open_prompts)

    return query


def count_prunable(prunable: Prunable, owner: str | None) -> Callable[[Tx], Awaitable[int]]:
    async def query(tx: Tx) -> int:
        ((count,),) = await tx.fetch(_COUNT_PRUNABLE, **prunable_by(prunable, owner))
        return int(count)

    return query


def changes(since: int) -> Callable[[Tx], Awaitable[Changes]]:
    async def query(tx: Tx) -> Changes:
        ((mark, jobs),) = await tx.fetch(_CHANGED, since=since, limit=TOLD)
        return Changes(mark, None if jobs is None else frozenset(jobs))

    return query


def feed(after: int, owners: Collection[str] | None, limit: int) -> Callable[[Tx], Awaitable[Feed]]:
    async def query(tx: Tx) -> Feed:
        # In a statement of its own: what is read after it saw all that is below the horizon.
        ((end,),) = await tx.fetch(_POSITION)
        if after < 0 or after >= end:
            return Feed([], max(after, end))
        until = min(end, after + TOLD)
        named = None if owners is None else list(owners)
        rows = await tx.fetch(_FEED, after=after, until=until, owners=named, limit=limit, bytes=PAGE_BYTES)
        events = [(row[8], event_row(row)) for row in rows]
        # Behind the last one of a page there may be more; where there is none, there is nothing in the whole window.
        return Feed(events, events[-1][1].pos if events else until)

    return query


async def _maybe_prompt(tx: Tx, query: Statement, **parameters: str | None) -> PromptRow | None:
    row = await tx.first(query, **parameters)
    return None if row is None else prompt_row(row)


def _set(values: Sequence[str]) -> list[str] | None:
    return [str(value) for value in values if _can_be(value)] if values else None


def _can_be(text: str) -> bool:
    """PostgreSQL knows no text with NUL, and refuses a query that asks for it: no job has one."""
    return "\0" not in text
