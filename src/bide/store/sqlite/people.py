"""Questions that are shown, answered, or cancelled."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from bide.errors import NotFound
from bide.events import EventKind as E
from bide.store.base import Action, JobRow, PromptRow, ResponseRow
from bide.store.refusals import closed, must_be_cancellable, no_job, taken_id
from bide.store.rows import data, prompt_row, response_row
from bide.store.sqlite.moves import append, resume
from bide.store.sqlite.moves import cancel as cancel_job
from bide.store.sqlite.rows import job_rows
from bide.store.sqlite.sql import statement
from bide.store.sqlite.writer import Tx

_JOB_STATE = statement("job_state")
_SHOWN = statement("shown")
_SERVE = statement("serve")
_RESPONSE = statement("response")
_PROMPT = statement("prompt")
_ANSWER = statement("answer")
_RESPOND = statement("respond")


def serve(job: str, owner: str | None) -> Callable[[Tx], Sequence[PromptRow]]:
    def verb(tx: Tx) -> Sequence[PromptRow]:
        if tx.db.execute(_JOB_STATE, {"job": job, "owner": owner}).fetchone() is None:
            raise no_job(job)
        shown = _shown(tx, job)
        fresh = [prompt for prompt in shown if prompt.served_at is None]
        for prompt in fresh:
            tx.db.execute(_SERVE, {"prompt": prompt.id, "now": tx.now})
            append(tx, job, E.PROMPT_SERVED, data(prompt=prompt.id, key=prompt.key))
        return _shown(tx, job) if fresh else shown

    return verb


def respond(
    response: str, prompt: str, owner: str | None, action: Action, value: str | None, by: str | None
) -> Callable[[Tx], ResponseRow]:
    def verb(tx: Tx) -> ResponseRow:
        given = {"response": response, "prompt": prompt, "owner": owner}
        if earlier := tx.db.execute(_RESPONSE, given).fetchone():
            return response_row(earlier)
        found = tx.db.execute(_PROMPT, {"prompt": prompt, "owner": owner}).fetchone()
        if found is None:
            raise NotFound(f"Prompt {prompt} not found")
        asked = prompt_row(found)
        if not tx.db.execute(_ANSWER, {"prompt": prompt, "now": tx.now}).rowcount:
            raise closed(asked, tx.now)
        recorded = {
            "prompt": prompt,
            "id": response,
            "job": asked.job,
            "action": action,
            "value": value,
            "by": by,
            "now": tx.now,
            "defaulted": 0,
        }
        try:
            tx.db.execute(_RESPOND, recorded)
        except sqlite3.IntegrityError:
            raise taken_id(response) from None
        about = data(prompt=prompt, key=asked.key, by=by, action=None if action == "answer" else action)
        append(tx, asked.job, E.PROMPT_ANSWERED, about)
        if action == "cancel":
            cancel_job(tx, asked.job, by, None)
        else:
            resume(tx, asked.job, "answered")
        return ResponseRow(
            id=response,
            prompt=prompt,
            job=asked.job,
            action=action,
            value=value,
            by=by,
            at=tx.now,
            defaulted=False,
        )

    return verb


def cancel(job: str, owner: str | None, by: str | None, reason: str | None) -> Callable[[Tx], JobRow]:
    def verb(tx: Tx) -> JobRow:
        state = tx.db.execute(_JOB_STATE, {"job": job, "owner": owner}).fetchone()
        if state is None:
            raise no_job(job)
        status, requested_at = state
        must_be_cancellable(job, status)
        if status != "cancelled" and requested_at is None:
            cancel_job(tx, job, by, reason)
        return job_rows(tx.db, [job])[0]

    return verb


def _shown(tx: Tx, job: str) -> list[PromptRow]:
    return [prompt_row(row) for row in tx.db.execute(_SHOWN, {"job": job}).fetchall()]
