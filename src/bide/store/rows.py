"""Between what databases hold and the contract's rows. The columns come in one order, whatever the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson

from bide.clock import instant
from bide.job import JobStatus
from bide.store.base import EventRow, JobRow, LaneLimit, PromptRow, ResponseRow, Stats, StepRow, WorkerRow

_STATUS = {status.value: status for status in JobStatus}


def json(value: object) -> str:
    return orjson.dumps(value).decode()


def data(**fields: object) -> str:
    """The data of an event: small, so what is not there is left out. Times in it are text that every reader knows."""
    told = {name: value for name, value in fields.items() if value is not None}
    return orjson.dumps(told, option=orjson.OPT_UTC_Z).decode()


def moment(at: int | None) -> datetime | None:
    """A time, for `data`."""
    return None if at is None else instant(at)


def enqueued(kind: str, queue: str, priority: int, owner: str, max_attempts: int, delay: int, now: int) -> str:
    """The data of a job's first event."""
    delayed = delay > 0
    return data(
        type=kind,
        queue=queue,
        priority=priority,
        owner=owner,
        max_attempts=max_attempts,
        reason="delayed" if delayed else None,
        due_at=moment(now + delay if delayed else None),
    )


def told(limit: LaneLimit) -> dict[str, int]:
    """A limit, as the data of an event tells it."""
    return {name: value for name, value in limit._asdict().items() if value}


def job_row(row: Sequence[Any]) -> JobRow:
    return JobRow(
        id=row[0],
        type=row[1],
        type_version=row[2],
        queue=row[3],
        priority=row[4],
        owner=row[5],
        status=_STATUS.get(row[6]) or JobStatus.read(row[6]),
        reason=row[7],
        attempt=row[8],
        max_attempts=row[9],
        lease=row[10],
        seq=row[11],
        input=row[12],
        result=row[13],
        error=row[14],
        progress=row[15],
        timeout=row[16],
        elapsed=row[17],
        created_at=row[18],
        due_at=row[19],
        started_at=row[20],
        finished_at=row[21],
        cancel_requested_at=row[22],
        worker=row[23],
        idempotency_key=row[24],
        parent=row[25],
        forked_from=row[26],
        labels=row[27],
        lane=row[28],
    )


def prompt_row(row: Sequence[Any]) -> PromptRow:
    answered = row[14] is not None
    return PromptRow(
        id=row[0],
        job=row[1],
        owner=row[2],
        key=row[3],
        kind=row[4],
        data=row[5],
        schema=row[6],
        status=row[7],
        assignee=row[8],
        default=row[9],
        opened_at=row[10],
        deadline_at=row[11],
        served_at=row[12],
        closed_at=row[13],
        response=response_row((row[0], row[1], *row[14:])) if answered else None,
    )


def response_row(row: Sequence[Any]) -> ResponseRow:
    return ResponseRow(
        prompt=row[0],
        job=row[1],
        action=row[2],
        value=row[3],
        by=row[4],
        at=row[5],
        defaulted=bool(row[6]),
        id=row[7],
    )


def step_row(row: Sequence[Any]) -> StepRow:
    return StepRow(name=row[0], key=row[1], result=row[2], error=row[3], size=row[4])


def event_row(row: Sequence[Any]) -> EventRow:
    pos, job, seq, at, kind, attempt, lease, data = row[:8]
    return EventRow(pos=pos, job=job, seq=seq, at=at, kind=kind, attempt=attempt, lease=lease, data=data)


def worker_row(row: Sequence[Any]) -> WorkerRow:
    return WorkerRow(
        id=row[0],
        host=row[1],
        pid=row[2],
        queues=tuple(orjson.loads(row[3])),
        slots=row[4],
        lease=row[5],
        started_at=row[6],
        beat=row[7],
        beat_at=row[8],
        dead_at=row[9],
    )


def stats(rows: Iterable[Sequence[Any]], open_prompts: int) -> Stats:
    """Of rows of status, count, how many are ready, and the first end."""
    rows = list(rows)
    return Stats(
        by_status={
            **dict.fromkeys(JobStatus, 0),
            **{JobStatus.read(status): count for status, count, _, _ in rows},
        },
        ready=sum(ready for _, _, ready, _ in rows),
        open_prompts=open_prompts,
        oldest={JobStatus.read(status): oldest for status, _, _, oldest in rows if oldest is not None},
    )
