"""A job, its questions and its remembered steps become what a client is shown.

Nothing is kept in between: whatever is shown is read from the database each time, so a process that was killed is not
missed. A state is read as of one moment: where the job has changed meanwhile, it is read again.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import orjson
from pydantic import BaseModel, ValidationError

from bide import Job, JobStatus, PromptView
from bide.errors import NotFound
from examples.skills.answers import UNANSWERED
from examples.skills.brief import Brief
from examples.skills.creating import create_skill
from examples.skills.flow import author_skill, bide
from examples.skills.promoting import Promotion, promote_skill
from examples.skills.service.schemas import (
    DATA,
    USER,
    DeepUnderstandingState,
    HitlType,
    JobState,
    PromptData,
    PromptState,
    TddWorkflow,
)

TYPES = (create_skill.name, author_skill.name)
PAGE = 200
TRIES = 10
"""How often a state is read anew, because the job has changed meanwhile, before the last one is taken."""

PHASES: dict[str, str] = {
    "Understanding": "understanding",
    "Generation and validation": "generation",
    "Saving": "validation",
}
"""The stages of `author_skill`, as phases."""


@dataclass(frozen=True)
class Facts:
    """What the database holds of a job, as of one moment."""

    job: Job[Any]
    updated_at: datetime
    prompts: Sequence[PromptView]
    brief: Brief | None
    draft_path: str | None
    content: str | None
    report: dict[str, Any] | None
    promotion: Promotion | None


async def read_facts(
    job_id: UUID | str, *, serve: bool = False, promotions: dict[UUID, Promotion] | None = None
) -> Facts:
    """The facts of a job. serve: note that its open question is shown to somebody. Raises NotFound."""
    for attempt in range(1, TRIES + 1):
        job = await bide.get(job_id)
        if serve and job.status is JobStatus.PENDING_HITL:
            await bide.show_prompts(job)
            job = await bide.get(job_id)
        facts = await _facts(job, promotions)
        if attempt == TRIES or (await bide.get(job_id)).seq == job.seq:
            return facts
    raise AssertionError("the last try returns")


async def _facts(job: Job[Any], promotions: dict[UUID, Promotion] | None) -> Facts:
    last = await bide.history(job, after=job.seq - 1, limit=1)
    steps: dict[str, tuple[int, Any]] = {}
    for row in await bide.store.steps(str(job.id), None):
        # Of what was done several times the last one counts.
        number = int(row.key) if row.key.isdigit() else 0
        if row.error is None and number >= steps.get(row.name, (0, None))[0]:
            steps[row.name] = (number, row)

    async def value(name: str) -> Any:
        if name not in steps:
            return None
        row = steps[name][1]
        text = row.result
        if text is None:
            text = await bide.store.step_result(str(job.id), row.name, row.key)
        return orjson.loads(text)

    brief, draft = await value("consider"), await value("write")
    return Facts(
        job=job,
        updated_at=last[0].at if last else job.created_at,
        prompts=await bide.prompts(job, open_only=False),
        brief=_brief(brief),
        draft_path=await value("save_draft"),
        content=None if draft is None else draft["content"],
        report=await value("validate"),
        promotion=await _promotion(job) if promotions is None else promotions.get(job.id),
    )


def _brief(stored: object) -> Brief | None:
    """One that other code has written, and this cannot read, counts as none: a list must not break over it."""
    try:
        return None if stored is None else Brief.model_validate(stored)
    except ValidationError:
        return None


async def _promotion(job: Job[Any]) -> Promotion | None:
    if not job.status.terminal:
        return None
    async with aclosing(_promotions(job.owner)) as made:
        return (await _back_to(job.created_at, made)).get(job.id)


async def _promotions(owner: str | None) -> AsyncGenerator[tuple[datetime, Promotion]]:
    """Those that were made, each with the time it was asked for, the newest first."""
    async for page in _pages((promote_skill.name,), (JobStatus.COMPLETED,), owner, PAGE):
        for job in page:
            try:
                result = (await bide.get(job)).result  # a list has none
            except NotFound:
                continue
            if isinstance(result, Promotion) and result.refused is None:
                yield job.created_at, result


async def _back_to(time: datetime, made: AsyncIterator[tuple[datetime, Promotion]]) -> dict[UUID, Promotion]:
    """The last promotion of each job, of those made since then. `made` can be read on from there."""
    found: dict[UUID, Promotion] = {}
    async for at, promotion in made:
        found.setdefault(promotion.job_id, promotion)
        if at < time:
            break
    return found


async def _pages(
    types: Sequence[str], statuses: Sequence[JobStatus], owner: str | None, size: int
) -> AsyncGenerator[Sequence[Job[Any]]]:
    """The jobs, the newest first."""
    before: UUID | None = None
    while page := await bide.list(types=types, statuses=statuses, owner=owner, before=before, limit=size):
        yield page
        before = page[-1].id


MOST = 1_000
"""States that one list holds."""


async def read_states(
    *, status: JobStatus | None = None, user_id: str | None = None, include_saved: bool = True, limit: int = MOST
) -> list[JobState]:
    """The states of the newest `limit` jobs that fit, by when they were created; the one that changed last first."""
    found: list[JobState] = []
    promotions: dict[UUID, Promotion] = {}
    statuses = () if status is None else (status,)
    async with (
        aclosing(_promotions(user_id)) as made,
        aclosing(_pages(TYPES, statuses, user_id, min(limit, PAGE))) as pages,
    ):
        async for page in pages:
            # A job is promoted after it was created: what was promoted before the oldest of these is none of them.
            promotions = await _back_to(page[-1].created_at, made) | promotions
            for job in page:
                try:
                    state = job_state(await read_facts(job.id, promotions=promotions))
                except NotFound:
                    continue  # it was deleted since the list was made
                # It may have changed since the list was made.
                if (status is None or state.status is status) and (include_saved or state.saved_path is None):
                    found.append(state)
                if len(found) == limit:
                    return _latest_first(found)
    return _latest_first(found)


def _latest_first(states: Sequence[JobState]) -> list[JobState]:
    return sorted(states, key=lambda state: (state.updated_at, state.job_id), reverse=True)


# ── From facts to states ─────────────────────────────────────────────────────────────────────────────────────────────


def job_state(facts: Facts) -> JobState:
    """What is shown of a job."""
    job = facts.job
    asked = open_prompt(facts)
    answered = [prompt for prompt in facts.prompts if prompt.answer is not None]
    last = max(answered, key=lambda prompt: prompt.answer.at if prompt.answer else prompt.opened_at, default=None)
    passed = None if facts.report is None else bool(facts.report["passed"])
    return JobState(
        job_id=job.id,
        status=job.status,
        hitl_type=None if asked is None else cast("HitlType", asked.kind),
        hitl_data=None if asked is None else shown(asked),
        hitl_response=None if last is None else last.response,
        result=job.result.model_dump(mode="json") if isinstance(job.result, BaseModel) else job.result,
        error=None if job.error is None else job.error.message,
        current_phase=_phase(job),
        progress_message=job.progress.message,
        intended_taxonomy_path=_intended(facts),
        draft_path=_draft_path(facts),
        final_path=None if facts.promotion is None else facts.promotion.final_path,
        saved_path=getattr(job.result, "saved_path", None),
        promoted=facts.promotion is not None,
        validation_passed=passed,
        validation_status=None if passed is None else "passed" if passed else "failed",
        validation_score=None if facts.report is None else float(facts.report["score"]),
        tdd_workflow=_tdd(facts),
        deep_understanding=_understanding(facts),
        multi_skill_queue=[],
        current_skill_index=0,
        task_description_refined=None if facts.brief is None else facts.brief.refined,
        created_at=job.created_at,
        updated_at=facts.updated_at,
        user_id=job.owner or USER,
        user_context=_context(facts),
    )


def prompt_state(facts: Facts) -> PromptState:
    """The open question, flat, or what became of the job."""
    state, asked = job_state(facts), open_prompt(facts)
    of_question = {} if asked is None else dict(shown(asked))
    of_job: dict[str, Any] = {
        "intended_taxonomy_path": state.intended_taxonomy_path,
        "draft_path": state.draft_path,
        "final_path": state.final_path,
        "saved_path": state.saved_path,
        "promoted": state.promoted,
        "validation_passed": state.validation_passed,
        "validation_status": state.validation_status,
        "validation_score": state.validation_score,
        "error": state.error,
    }
    if job_is_over(facts):
        of_job["skill_content"] = facts.content
    return PromptState(
        job_id=state.job_id,
        prompt_id=None if asked is None else asked.id,
        status=state.status,
        type=state.hitl_type,
        current_phase=state.current_phase,
        progress_message=state.progress_message,
        **{**of_job, **of_question},
    )


def job_is_over(facts: Facts) -> bool:
    return facts.job.status.terminal


def open_prompt(facts: Facts) -> PromptView | None:
    """The question that is open, of a kind that clients know. While the job runs there is none to show."""
    if facts.job.status is not JobStatus.PENDING_HITL:
        return None
    return next((prompt for prompt in facts.prompts if prompt.status == "open" and prompt.kind in DATA), None)


def shown(prompt: PromptView) -> PromptData:
    """The question's data by the contract's names, and no more."""
    data = prompt.data
    if prompt.kind == "validate":
        data = {**data, "skill_content": data["content"], "saved_path": data["path"], "validation_score": data["score"]}
    return cast("PromptData", DATA[prompt.kind].model_validate(data))


def _phase(job: Job[Any]) -> str | None:
    if not job.progress.stages:
        return None
    name = job.progress.stages[0].name
    return PHASES.get(name, name)


def _intended(facts: Facts) -> str | None:
    """Where the skill is to go, as it was last put to somebody."""
    paths = [prompt.data.get("path") for prompt in facts.prompts if prompt.kind == "confirm"]
    return paths[-1] if paths else None


def _draft_path(facts: Facts) -> str | None:
    deleted = facts.promotion is not None and facts.promotion.draft_deleted
    return None if deleted else facts.draft_path


def _of_kind(facts: Facts, kind: str) -> list[PromptView]:
    return [prompt for prompt in facts.prompts if prompt.kind == kind]


def _understanding(facts: Facts) -> DeepUnderstandingState | None:
    asked = _of_kind(facts, "deep_understanding")
    if not asked:
        return None
    said: list[dict[str, Any]] = [prompt.response for prompt in asked if prompt.response]
    last = asked[-1]
    problems = [str(answer["problem"]) for answer in said if answer.get("problem")]
    return DeepUnderstandingState(
        complete=len(facts.prompts) > facts.prompts.index(last) + 1 or facts.job.status is JobStatus.COMPLETED,
        readiness_score=last.data["readiness_score"],
        questions_asked=[prompt.data["question"] for prompt in asked],
        research_performed=last.data["research_performed"],
        understanding_summary=last.data["current_understanding"],
        problem=problems[-1] if problems else None,
        goals=[goal for answer in said for goal in answer.get("goals", [])],
    )


def _tdd(facts: Facts) -> TddWorkflow | None:
    red, green, refactor = (_of_kind(facts, kind) for kind in ("tdd_red", "tdd_green", "tdd_refactor"))
    if not red:
        return None
    answer: dict[str, Any] = refactor[-1].response or {} if refactor else {}
    agreed = answer.get("action") == "proceed"
    agreed_on = red[-1].data
    return TddWorkflow(
        phase="complete" if agreed else "refactor" if refactor else "green" if green else "red",
        acceptance_criteria=agreed_on["acceptance_criteria"],
        checklist_items=agreed_on["checklist_items"],
        rationalizations_identified=agreed_on["rationalizations_identified"],
        coverage_report=refactor[-1].data["coverage_report"] if refactor else None,
    )


def _context(facts: Facts) -> dict[str, Any]:
    """What people said when they were asked what they mean: each question with its answer."""
    found: dict[str, Any] = {}
    for prompt in _of_kind(facts, "clarify"):
        if prompt.response:
            answers = prompt.response.get("answers", {})
            texts = [question["text"] for question in prompt.data["questions"]]
            found |= {text: answers.get(f"q{n}") for n, text in enumerate(texts) if answers.get(f"q{n}") != UNANSWERED}
    return found
