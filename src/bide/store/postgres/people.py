"""Questions that are shown, answered, or cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bide.errors import NotFound
from bide.events import EventKind as E
from bide.store.base import Action, JobRow, PromptRow, ResponseRow
from bide.store.postgres.database import Tx
from bide.store.postgres.moves import append, resume
from bide.store.postgres.moves import cancel as cancel_job
from bide.store.postgres.rows import job_rows
from bide.store.postgres.sql import statement
from bide.store.refusals import closed, must_be_cancellable, no_job, taken_id
from bide.store.rows import data, prompt_row, response_row

_LOCK = statement("lock")
_LOCK_PROMPT = statement("lock_prompt")
_JOB_STATE = statement("job_state")
_SHOWN = statement("shown")
_SERVE = statement("serve")
_RESPONSE = statement("response")
_PROMPT = statement("prompt")
_ANSWER = statement("answer")
_RESPOND = statement("respond")


def serve(job: str, owner: str | None) -> Callable[[Tx], Awaitable[Sequence[PromptRow]]]:
    async def verb(tx: Tx) -> Sequence[PromptRow]:
        if not await tx.fetch(_JOB_STATE, job=job, owner=owner):
            raise no_job(job)
        await tx.fetch(_LOCK, job=job)
        shown = await _shown(tx, job)
        fresh = [prompt for prompt in shown if prompt.served_at is None]
        for prompt in fresh:
            await tx.fetch(_SERVE, prompt=prompt.id, now=tx.now)
            await append(tx, job, E.PROMPT_SERVED, data(prompt=prompt.id, key=prompt.key))
        return await _shown(tx, job) if fresh else shown

    return verb


def heard(response: str, prompt: str, owner: str | None) -> Callable[[Tx], Awaitable[ResponseRow | None]]:
    """The receipt of this very response, if there is one. A prompt that is closed stays closed: of many who answer at
    once only those who come in time wait for its job's row."""

    async def query(tx: Tx) -> ResponseRow | None:
        found = await tx.first(_PROMPT, prompt=prompt, owner=owner)
        if found is None:
            raise NotFound(f"Prompt {prompt} not found")
        asked = prompt_row(found)
        if asked.response is not None and asked.response.id == response:
            return asked.response
        if asked.status != "open":
            raise closed(asked, tx.now)
        return None

    return query


def respond(
    response: str, prompt: str, owner: str | None, action: Action, value: str | None, by: str | None
) -> Callable[[Tx], Awaitable[ResponseRow]]:
    async def verb(tx: Tx) -> ResponseRow:
        await tx.fetch(_LOCK_PROMPT, prompt=prompt, owner=owner)
        if earlier := await tx.first(_RESPONSE, response=response, prompt=prompt, owner=owner):
            return response_row(earlier)
        found = await tx.first(_PROMPT, prompt=prompt, owner=owner)
        if found is None:
            raise NotFound(f"Prompt {prompt} not found")
        asked = prompt_row(found)
        if not await tx.fetch(_ANSWER, prompt=prompt, now=tx.now):
            raise closed(asked, tx.now)
        recorded = await tx.fetch(
            _RESPOND,
            prompt=prompt,
            id=response,
            job=asked.job,
            action=action,
            value=value,
            by=by,
            now=tx.now,
            defaulted=False,
        )
        if not recorded:
            raise taken_id(response)
        about = data(prompt=prompt, key=asked.key, by=by, action=None if action == "answer" else action)
        await append(tx, asked.job, E.PROMPT_ANSWERED, about)
        if action == "cancel":
            await cancel_job(tx, asked.job, by, None)
        else:
            await resume(tx, asked.job, "answered")
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


def cancel(job: str, owner: str | None, by: str | None, reason: str | None) -> Callable[[Tx], Awaitable[JobRow]]:
    async def verb(tx: Tx) -> JobRow:
        if not await tx.fetch(_JOB_STATE, job=job, owner=owner):
            raise no_job(job)
        await tx.fetch(_LOCK, job=job)
        state = await tx.first(_JOB_STATE, job=job, owner=owner)
        if state is None:
            raise no_job(job)
        status, requested_at = state
        must_be_cancellable(job, status)
        if status != "cancelled" and requested_at is None:
            await cancel_job(tx, job, by, reason)
        return (await job_rows(tx, [job]))[0]

    return verb


async def _shown(tx: Tx, job: str) -> list[PromptRow]:
    return [prompt_row(row) for row in await tx.fetch(_SHOWN, job=job)]
