"""Queries: each runs on a reading connection, and fetches all it returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from typing import Any

from bide.batch import split
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
from bide.store.refusals import no_job
from bide.store.rows import event_row, job_row, json, prompt_row, step_row, worker_row
from bide.store.rows import stats as stats_of
from bide.store.sqlite.reader import snapshot
from bide.store.sqlite.rows import LAZY
from bide.store.sqlite.sql import statement
from bide.store.sqlite.upkeep import prunable_by

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


def cancels(worker: str) -> Callable[[sqlite3.Connection], frozenset[str]]:
    return lambda db: frozenset(row[0] for row in db.execute(_CANCELS, {"worker": worker}).fetchall())


def list_jobs(filter: JobFilter, owner: str | None) -> Callable[[sqlite3.Connection], list[JobRow]]:
    parameters = {
        "owner": owner,
        "before": _YOUNGER if filter.before is None else filter.before,
        "statuses": _set(filter.statuses),
        "types": _set(filter.types),
        "queues": _set(filter.queues),
        "created_after": filter.created_after,
        "created_before": filter.created_before,
        "limit": filter.limit,
    }
    query = _LIST_OWNED if owner else _LIST
    if filter.labels:
        (name, value), *others = filter.labels
        query = _LIST_LABELLED
        parameters |= {"name": name, "value": value, "labels": json(others)}
    elif not owner and filter.statuses and _ASIDE.issuperset(filter.statuses):
        return _list_by_status(filter, parameters)
    return lambda db: [job_row(row) for row in db.execute(query, parameters).fetchall()]


def _list_by_status(filter: JobFilter, parameters: dict[str, Any]) -> Callable[[sqlite3.Connection], list[JobRow]]:
    def query(db: sqlite3.Connection) -> list[JobRow]:
        found: list[JobRow] = []
        with snapshot(db):
            for status in set(filter.statuses):
                rows = db.execute(_LIST_STATUS, {**parameters, "status": str(status)}).fetchall()
                found += [job_row(row) for row in rows]
        return sorted(found, key=lambda row: row.id, reverse=True)[: filter.limit]

    return query


def history(job: str, owner: str | None, after: int, limit: int) -> Callable[[sqlite3.Connection], list[EventRow]]:
    parameters = {"job": job, "owner": owner, "after": after, "limit": limit}

    def query(db: sqlite3.Connection) -> list[EventRow]:
        # Row by row: what no longer fits into the page is never read.
        with closing(db.execute(_HISTORY, parameters)) as rows:
            return next(split(map(event_row, rows), lambda event: event.size, PAGE_BYTES), list[EventRow]())

    return query


def prompts(
    owner: str | None, job: str | None, prompt: str | None, open_only: bool, after: str | None, limit: int
) -> Callable[[sqlite3.Connection], list[PromptRow]]:
    parameters = {
        "owner": owner, "job": job, "prompt": prompt, "open_only": int(open_only), "after": after or "", "limit": limit,
    }  # fmt: skip

    def query(db: sqlite3.Connection) -> list[PromptRow]:
        if prompt is None:
            listing = _PROMPTS if not open_only else _INBOX_OWNED if owner else _INBOX
            which = listing if job is None else _PROMPTS_OF_JOB
            found = db.execute(which, parameters).fetchall()
            return [prompt_row(row) for row in found]
        # One at most, by its id: what else is asked of it is compared here.
        rows = [prompt_row(row) for row in db.execute(_PROMPT, parameters).fetchall()]
        return [row for row in rows if job in (None, row.job) and (row.status == "open" or not open_only)][:limit]

    return query


def answered_by(response: str, job: str, owner: str | None) -> Callable[[sqlite3.Connection], PromptRow | None]:
    return lambda db: _maybe_prompt(db, _ANSWERED_BY, {"response": response, "job": job, "owner": owner})


def last_closed(job: str, owner: str | None) -> Callable[[sqlite3.Connection], PromptRow | None]:
    return lambda db: _maybe_prompt(db, _LAST_CLOSED, {"job": job, "owner": owner})


def served(job: str, owner: str | None) -> Callable[[sqlite3.Connection], list[PromptRow] | None]:
    """The open prompts of a job, if there is none that nobody was shown yet."""

    def query(db: sqlite3.Connection) -> list[PromptRow] | None:
        with snapshot(db):
            if db.execute(_JOB_STATE, {"job": job, "owner": owner}).fetchone() is None:
                raise no_job(job)
            shown = [prompt_row(row) for row in db.execute(_SHOWN, {"job": job}).fetchall()]
        return None if any(prompt.served_at is None for prompt in shown) else shown

    return query


def steps(job: str, owner: str | None) -> Callable[[sqlite3.Connection], list[StepRow]]:
    parameters = {"job": job, "owner": owner, **LAZY}
    return lambda db: [step_row(row) for row in db.execute(_STEPS, parameters).fetchall()]


def step_result(job: str, name: str, key: str) -> Callable[[sqlite3.Connection], str]:
    def query(db: sqlite3.Connection) -> str:
        row = db.execute(_STEP_RESULT, {"job": job, "name": name, "key": key}).fetchone()
        if row is None or row[0] is None:
            raise NotFound(f"Step {name!r} of job {job} has no result.")
        return str(row[0])

    return query


def emitters(job: str) -> Callable[[sqlite3.Connection], frozenset[tuple[str, str]]]:
    return lambda db: frozenset((row[0], row[1]) for row in db.execute(_EMITTERS, {"job": job}).fetchall())


def orphans(db: sqlite3.Connection) -> Sequence[str]:
    return [row[0] for row in db.execute(_ORPHANS).fetchall()]


def workers(db: sqlite3.Connection) -> list[WorkerRow]:
    return [worker_row(row) for row in db.execute(_WORKERS).fetchall()]


def timed(db: sqlite3.Connection) -> list[Timed]:
    return [Timed(*row) for row in db.execute(_TIMED).fetchall()]


def next_due(now: int) -> Callable[[sqlite3.Connection], int | None]:
    def query(db: sqlite3.Connection) -> int | None:
        (at,) = db.execute(_NEXT_DUE, {"now": now}).fetchone()
        return None if at is None else int(at)

    return query


def stats(owner: str | None) -> Callable[[sqlite3.Connection], Stats]:
    def query(db: sqlite3.Connection) -> Stats:
        with snapshot(db):
            rows = db.execute(_STATS_OWNED if owner else _STATS, {"owner": owner}).fetchall()
            count = _COUNT_OPEN_OWNED if owner else _COUNT_OPEN
            (open_prompts,) = db.execute(count, {"owner": owner}).fetchone()
        return stats_of(rows, open_prompts)

    return query


def count_prunable(prunable: Prunable, owner: str | None) -> Callable[[sqlite3.Connection], int]:
    parameters = prunable_by(prunable, owner)
    return lambda db: int(db.execute(_COUNT_PRUNABLE, parameters).fetchone()[0])


def changes(since: int) -> Callable[[sqlite3.Connection], Changes]:
    def query(db: sqlite3.Connection) -> Changes:
        with snapshot(db):
            (mark,) = db.execute(_POSITION).fetchone()
            if since < 0 or since > mark or mark - since > TOLD:
                return Changes(mark, None)
            rows = db.execute(_CHANGED, {"since": since, "limit": TOLD}).fetchall()
        return Changes(mark, frozenset(row[0] for row in rows))

    return query


def feed(after: int, owners: Collection[str] | None, limit: int) -> Callable[[sqlite3.Connection], Feed]:
    def query(db: sqlite3.Connection) -> Feed:
        with snapshot(db):
            (end,) = db.execute(_POSITION).fetchone()
            if after < 0 or after >= end:
                return Feed([], end)
            until = min(end, after + TOLD)
            parameters = {
                "after": after,
                "until": until,
                "owners": None if owners is None else json(list(owners)),
                "limit": limit,
            }
            with closing(db.execute(_FEED, parameters)) as rows:
                found = ((row[8], event_row(row)) for row in rows)
                events = next(split(found, lambda one: one[1].size, PAGE_BYTES), list[tuple[str, EventRow]]())
        # Behind the last one of a page there may be more; where there is none, there is nothing in the whole window.
        return Feed(events, events[-1][1].pos if events else until)

    return query


def _maybe_prompt(db: sqlite3.Connection, query: str, parameters: dict[str, str | None]) -> PromptRow | None:
    rows = db.execute(query, parameters).fetchall()
    return prompt_row(rows[0]) if rows else None


def _set(values: Sequence[str]) -> str | None:
    return json([str(value) for value in values]) if values else None
