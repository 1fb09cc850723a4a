"""Questions over HTTP: shown to who may answer, and answered once. Who answered comes from who was let in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

import bide.conforming  # noqa: F401  # pyright: ignore[reportUnusedImport] - the first answer does not wait for it to load
from bide.app import PAGE
from bide.errors import NotFound
from bide.hitl import PromptView, Receipt
from bide.http import paging, render
from bide.http.call import Call, ThisCall
from bide.http.jobs import IdempotencyKey
from bide.http.schemas import Answer, HitlAnswer
from bide.job import Progress

INBOX = "inbox"
"""What list a cursor is of."""

RESPONSES = UUID("4f6f7f8e-6a7b-4d1f-9a6c-2f1f0f4f7b52")
"""The namespace in which an idempotency key names a response."""


async def list_prompts(
    call: ThisCall,
    request: Request,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The inbox: open questions of all jobs, oldest first. Reading it does not count as being shown them."""
    after = None if cursor is None else paging.decode(cursor, INBOX)
    page = await call.app.prompts(owner=call.owner, after=after, limit=limit)
    # There may be none behind a page that is full: then the next one is empty.
    return _page(request, page, paging.encode(str(page[-1].id), INBOX) if len(page) == limit else None)


async def list_job_prompts(
    call: ThisCall,
    request: Request,
    job_id: UUID,
    open: Annotated[bool, Query(description="Only what waits for an answer; that comes at once.")] = True,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The questions of one job, oldest first."""
    await call.row(job_id)
    query = [str(job_id), open]
    after = None if cursor is None else paging.decode(cursor, query)
    if open:
        return _page(request, await _open_of(call, request, job_id), None)
    page = await call.app.prompts(call.id(job_id), open_only=False, after=after, limit=PAGE, owner=call.owner)
    return _page(request, page, paging.encode(str(page[-1].id), query) if len(page) == PAGE else None)


def _page(request: Request, page: Sequence[PromptView], following: str | None) -> Response:
    headers = {"Link": paging.next_link(request, following)} if following else {}
    return render.response({"items": _views(page), "next_cursor": following}, headers=headers)


async def get_prompt(call: ThisCall, prompt_id: UUID) -> Response:
    """One question."""
    return render.response(_view(await _prompt(call, prompt_id)))


async def respond(call: ThisCall, prompt_id: UUID, body: Answer, key: IdempotencyKey = None) -> Response:
    """Answer a question. It is recorded once; who comes later is told what was."""
    view = await _prompt(call, prompt_id)
    return await _respond(call, view.job_id, prompt_id, body.model_dump(), key)


async def get_hitl_prompt(call: ThisCall, request: Request, job_id: UUID) -> Response:
    """What a job asks now: its oldest open question, or none."""
    row = await call.row(job_id)
    asked = await _open_of(call, request, job_id)
    progress = Progress() if row.progress is None else Progress.read(row.progress)
    return render.response(
        {
            "job_id": job_id,
            "status": row.status.value,
            "progress": progress.model_dump(),
            "prompt": _view(asked[0]) if asked else None,
            "open": [view.id for view in asked],
        }
    )


async def hitl_respond(call: ThisCall, job_id: UUID, body: HitlAnswer, key: IdempotencyKey = None) -> Response:
    """Answer what a job asks. Without `prompt_id` it must ask one question only, and one that was shown."""
    value = body.model_dump(exclude={"prompt_id"})
    return await _respond(call, job_id, body.prompt_id, value, key)


async def _respond(call: Call, job: UUID, prompt: UUID | None, value: Mapping[str, Any], key: str | None) -> Response:
    receipt: Receipt = await call.app.respond(
        call.id(job),
        value,
        prompt=prompt,
        by=call.who.id,
        owner=call.owner,
        # One principal's key for one job: another's must not meet it.
        response_id=None if key is None else uuid5(RESPONSES, f"{job}:{call.who.id}:{key}"),
    )
    return render.response(receipt.model_dump(mode="json"))


async def _prompt(call: Call, prompt: UUID) -> PromptView:
    view = await call.app.prompt(prompt, owner=call.owner)
    try:
        call.id(view.job_id)
    except NotFound:
        raise NotFound(f"Prompt {prompt} not found") from None
    return view


async def _open_of(call: Call, request: Request, job: UUID) -> Sequence[PromptView]:
    identity = call.id(job)
    # A question counts as shown once somebody saw it who may answer it. The answer to HEAD shows nothing.
    if call.who.may("answer") and request.method == "GET":
        return await call.app.show_prompts(identity, owner=call.owner)
    return await call.app.prompts(identity, owner=call.owner)


def _views(views: Sequence[PromptView]) -> list[dict[str, Any]]:
    return [_view(view) for view in views]


def _view(view: PromptView) -> dict[str, Any]:
    return view.model_dump(mode="json", by_alias=True)
