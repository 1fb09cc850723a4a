"""A draft is copied into the taxonomy by a job of its own: who dies in the middle of it leaves no half of it."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from bide import JobContext
from examples.skills.creating import STEP_TRIES, UNKILLABLE
from examples.skills.flow import bide
from examples.skills.steps import Workshop
from examples.skills.taxonomy import Copied, skill_path

Refusal = Literal["no draft", "exists", "outside"]


class Promotion(BaseModel):
    """What became of it. Refused: why, and nothing was changed."""

    job_id: UUID
    final_path: str
    draft_deleted: bool = False
    refused: Refusal | None = None


@bide.job(name="promote_skill", timeout="1m", retry=UNKILLABLE)
async def promote_skill(
    ctx: JobContext[Workshop], job_id: UUID, category: str, name: str, overwrite: bool, delete_draft: bool
) -> Promotion:
    """Copies the draft of a job to its place. Names alone are handed over: where that is, the taxonomy says."""
    final_path = str(skill_path(ctx.deps.taxonomy, category, name))
    job, token = str(job_id), str(ctx.job_id)
    steps = ctx.options(max_attempts=STEP_TRIES)
    match await steps.step(ctx.deps.publish, job, category, name, overwrite, token):
        case Copied.DONE:
            await steps.step(ctx.deps.tidy, job, category, name, delete_draft, token)
            return Promotion(job_id=job_id, final_path=final_path, draft_deleted=delete_draft)
        case Copied.NO_DRAFT:
            return Promotion(job_id=job_id, final_path=final_path, refused="no draft")
        case Copied.EXISTS:
            return Promotion(job_id=job_id, final_path=final_path, refused="exists")
        case Copied.OUTSIDE:
            return Promotion(job_id=job_id, final_path=final_path, refused="outside")
