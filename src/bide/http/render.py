"""Jobs and events as JSON, from the stored rows: the body is a function of the row, and so an ETag can name it.

Payloads are JSON text already and go out as they are: what a job returned looks the same to every version of its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import orjson
from starlette.responses import Response

from bide.clock import instant
from bide.job import JobError, Progress
from bide.store.base import EventRow, JobRow

ADMIN_ONLY = "traceback"
"""What tells of the code, in errors: for administrators."""


KEPT = 500
"""Representations that are kept, the last that were made."""

LARGEST = 10_000
"""Bytes of one that is kept."""


def etag(row: JobRow, *, full: bool) -> str:
    """Strong: the body is the same, byte for byte. `full` as in `job`."""
    return f'"{row.seq}{"-full" if full else ""}"'


def job(row: JobRow, *, full: bool) -> bytes:
    """The representation of one job; `full`: with what only administrators see."""
    fields = summary(row, full=full)
    fields["result"] = None if row.result is None else orjson.Fragment(row.result)
    return dumps(fields)


class Bodies:
    """Representations of jobs, kept: one that is asked for again and again, and has not changed, is made once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}

    def job(self, row: JobRow, tag: str, *, full: bool) -> bytes:
        """As `job`; `tag` is its ETag."""
        key = row.id, tag
        body = self._kept.get(key)
        if body is None:
            body = job(row, full=full)
            if len(body) <= LARGEST:
                if len(self._kept) == KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[key] = body
        return body


def summary(row: JobRow, *, full: bool) -> dict[str, Any]:
    """A job without its result, as a list shows it."""
    progress = Progress() if row.progress is None else Progress.read(row.progress)
    return {
        "id": row.id,
        "type": row.type,
        "status": row.status.value,
        "reason": row.reason,
        "queue": row.queue,
        "priority": row.priority,
        "owner": row.owner,
        "labels": orjson.Fragment(row.labels or "{}"),
        "attempt": row.attempt,
        "max_attempts": row.max_attempts,
        "progress": progress.model_dump(),
        "error": None if row.error is None else _error(row.error, full=full),
        "created_at": instant(row.created_at),
        "due_at": _maybe(row.due_at),
        "started_at": _maybe(row.started_at),
        "finished_at": _maybe(row.finished_at),
        "cancel_requested_at": _maybe(row.cancel_requested_at),
        "parent": row.parent,
        "forked_from": row.forked_from,
        "seq": row.seq,
    }


class Frame(NamedTuple):
    """An event as a stream sends it: `data` is one line of JSON."""

    seq: int
    kind: str
    data: bytes


def frame(row: EventRow, *, full: bool) -> Frame:
    return Frame(row.seq, row.kind, dumps(event(row, full=full)))


def event(row: EventRow, *, full: bool) -> dict[str, Any]:
    return {
        "job_id": row.job,
        "seq": row.seq,
        "at": instant(row.at),
        "kind": row.kind,
        "attempt": row.attempt,
        "data": _event_data(row.data, full=full),
    }


def response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response, of bytes that are JSON already or of what is to be written so."""
    body = value if isinstance(value, bytes) else dumps(value)
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def _event_data(text: str | None, *, full: bool) -> Any:
    if text is None:
        return {}
    if full or ADMIN_ONLY not in text:
        return orjson.Fragment(text)
    return _without(orjson.loads(text))


def _without(value: Any) -> Any:
    """The same, without what only administrators see; it may be the error itself or one field of the event."""
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    return {name: _without(inner) for name, inner in fields.items() if name != ADMIN_ONLY}


def _error(text: str, *, full: bool) -> dict[str, Any]:
    error = JobError.read(text)
    return {"type": error.type, "message": error.message, "traceback": error.traceback if full else None}


def _maybe(at: int | None) -> Any:
    return None if at is None else instant(at)
