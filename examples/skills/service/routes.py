"""The routes of the contract. Each is a few lines: what they do, Bide does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from bide import Job, JobStatus
from bide.errors import Conflict, NotFound
from examples.skills.answers import ACTION_KEYWORDS, UnreadableAnswer, read_answer
from examples.skills.creating import create_skill
from examples.skills.flow import bide
from examples.skills.promoting import promote_skill
from examples.skills.questions import normalise
from examples.skills.service.access import BoundedRoute
from examples.skills.service.errors import INVALID, JobNotFound, Refused, name_request
from examples.skills.service.schemas import (
    Accepted,
    ActionKeywords,
    Answer,
    Answered,
    CreateSkill,
    Failure,
    Flaw,
    Health,
    HitlConfig,
    InvalidRequest,
    JobState,
    Promote,
    Promoted,
    PromptState,
    Taxonomy,
)
from examples.skills.service.states import MOST, TYPES, job_state, prompt_state, read_facts, read_states
from examples.skills.service.streams import of_job
from examples.skills.steps import CreateOptions
from examples.skills.taxonomy import list_skills

PREFIX = "/api/v2"
PROMOTION = "30s"

ANYBODY = "anonymous"
"""Who answers: nobody is authenticated, and whose job it is does not tell."""

router = APIRouter(
    prefix=PREFIX,
    route_class=BoundedRoute,
    dependencies=[Depends(name_request)],
    responses={**{status: {"model": Failure} for status in (400, 403, 413, 503)}, 422: {"model": InvalidRequest}},
)
missing: dict[int | str, dict[str, Any]] = {404: {"model": Failure}}


async def find_job(job_id: str) -> Job[Any]:
    """The job that a path names, if it is one of this service."""
    try:
        job = await bide.get(job_id)
    except NotFound:
        raise JobNotFound(job_id) from None
    if job.type not in TYPES:
        raise JobNotFound(job_id)
    return job


Found = Annotated[Job[Any], Depends(find_job)]


# ── Skills and jobs ──────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/skills/create", status_code=202, tags=["skills"], responses={409: {"model": Failure}})
async def create(
    asked: CreateSkill,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> Accepted:
    """Start a skill. The same `Idempotency-Key` with the same body gives the same job."""
    options = CreateOptions(
        package=asked.package,
        category=asked.category,
        deep_understanding=asked.deep_understanding,
        tdd=asked.tdd,
        questions=[_as_json(question) for question in normalise(asked.questions)],
    )
    job_type = create_skill.options(owner=asked.user_id, idempotency_key=idempotency_key)
    job = await job_type.enqueue(asked.task_description, options)
    return Accepted(job_id=job.id)


@router.get("/skills/{job_id}/stream", response_class=EventSourceResponse, tags=["skills"], responses=missing)
async def stream(job: Found) -> AsyncGenerator[ServerSentEvent]:
    """The job's changes as server-sent events: `snapshot`, then `job` for each change, then `end`."""
    async with aclosing(of_job(job)) as events:
        async for event in events:
            yield event


@router.get("/jobs", tags=["jobs"])
@router.get("/jobs/", include_in_schema=False)
async def list_jobs(
    status: JobStatus | None = None,
    user_id: str | None = None,
    include_saved: bool = True,
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
) -> list[JobState]:
    """The newest `limit` jobs, by when they were created; of these the last to change first.

    include_saved=false: without those whose skill has been saved.
    """
    return await read_states(status=status, user_id=user_id, include_saved=include_saved, limit=limit)


@router.get("/jobs/{job_id}", tags=["jobs"], responses=missing)
async def get_job(job: Found) -> JobState:
    """The job as it is. Reading it does not count as being shown its question: that is `GET /hitl/{job_id}/prompt`."""
    return job_state(await read_facts(job.id))


# ── Questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/hitl/config", tags=["hitl"])
async def get_config() -> HitlConfig:
    """The words that are understood for each action."""
    words = {action: list(known) for action, known in ACTION_KEYWORDS.items()}
    return HitlConfig(action_keywords=ActionKeywords(**words))


@router.get("/hitl/{job_id}/prompt", tags=["hitl"], responses=missing)
async def get_prompt(job: Found) -> PromptState:
    """The open question, which counts as shown from now on; or what became of the job."""
    return prompt_state(await read_facts(job.id, serve=True))


@router.post("/hitl/{job_id}/response", tags=["hitl"], responses=missing)
async def respond(job: Found, body: Answer) -> Answered:
    """Answer the question that is open and was shown. Ignored where there is none; refused where it does not fit.

    When this returns, the job waits for this answer no longer.
    """
    rows = await bide.store.prompts(None, job=str(job.id), open_only=True)
    if not rows:
        return Answered(status="ignored", detail="No question is open.")
    asked = rows[0]
    if body.prompt_id is not None and str(body.prompt_id) != asked.id:
        return Answered(status="ignored", detail="Another question is open than the one that was meant.")
    if asked.served_at is None:
        detail = f"The question was not shown to anybody yet: read {PREFIX}/hitl/{job.id}/prompt first."
        return Answered(status="ignored", detail=detail)
    view = next((view for view in await bide.prompts(job) if str(view.id) == asked.id), None)
    if view is None:
        return Answered(status="ignored", detail="The question was answered meanwhile.")
    try:
        response = read_answer(view.kind, view.data, body.model_dump(exclude={"prompt_id"}, exclude_none=True))
        await bide.respond(job, response, prompt=view.id, by=ANYBODY)
    except UnreadableAnswer as unreadable:
        raise Refused(422, INVALID, [Flaw(path=unreadable.path, message=unreadable.message)]) from None
    except Conflict as conflict:
        return Answered(status="ignored", detail=str(conflict))
    cancelled = response.get("action") == "cancel"
    return Answered(status="accepted", detail="The job is cancelled." if cancelled else f"{view.kind} is answered.")


# ── The taxonomy ─────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post(
    "/drafts/{job_id}/promote",
    tags=["drafts"],
    responses={**missing, 409: {"model": Failure}},
)
async def promote(job: Found, how: Promote | None = None) -> Promoted:
    """Copy a job's draft to its place in the taxonomy."""
    how = how or Promote()
    state = job_state(await read_facts(job.id))
    if not job.status.terminal:
        raise Refused(400, f"Job '{job.id}' has not ended: its draft may still change.")
    if state.draft_path is None:
        gone = "was deleted" if state.promoted else "was never written"
        raise Refused(404 if state.promoted else 400, f"The draft of job '{job.id}' {gone}.")
    if job.status is not JobStatus.COMPLETED and not how.force:
        raise Refused(400, f"Job '{job.id}' ended as {job.status.value}: its draft is promoted only with force.")
    if not state.validation_passed and not how.force:
        flaw = Flaw(path="/force", message="the checks of this skill did not pass; it is promoted only with force")
        raise Refused(422, INVALID, [flaw])
    category, name = _place(state)
    promotion = await promote_skill.options(owner=job.owner).enqueue(
        job.id, category, name, how.overwrite, how.delete_draft
    )
    try:
        done = await bide.result(promotion, timeout=PROMOTION)
    except TimeoutError:
        raise Refused(503, "The promotion goes on, and is not done yet. Look at the job.") from None
    match done.refused:
        case None:
            return Promoted(job_id=job.id, final_path=done.final_path)
        case "no draft":
            raise Refused(404, f"The draft of job '{job.id}' is not there any more.")
        case "exists":
            raise Refused(409, f"{done.final_path} exists, and overwrite is false.")
        case "outside":
            raise Refused(409, f"{done.final_path} leads out of the taxonomy.")


def _place(state: JobState) -> tuple[str, str]:
    category, separator, name = (state.intended_taxonomy_path or "").rpartition("/")
    if not separator:
        raise Refused(400, "It is not known where the draft belongs.")
    return category, name


@router.get("/taxonomy/", tags=["taxonomy"])
@router.get("/taxonomy", include_in_schema=False)
async def get_taxonomy(request: Request) -> Taxonomy:
    """The skills that have been saved."""
    root: Path = request.app.state.taxonomy
    return Taxonomy(skills=await asyncio.to_thread(list_skills, root))


@router.get("/health", tags=["health"])
async def health() -> Health:
    """The server answers."""
    return Health(version=version("bide"))


def _as_json(question: Any) -> dict[str, Any]:
    options = question.options
    return {
        "text": question.text,
        "options": options and [vars(option) for option in options],
        "allows_multiple": question.allows_multiple,
        "rationale": question.rationale,
    }
