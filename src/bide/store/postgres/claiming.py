"""What a worker is given with the jobs it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bide.store.base import PromptRow, Recall, StepRow
from bide.store.postgres.database import Tx
from bide.store.postgres.rows import LAZY
from bide.store.postgres.sql import statement
from bide.store.rows import prompt_row, step_row

_STEPS = statement("recall_steps")
_PROMPTS = statement("recall_prompts")


async def recalls(tx: Tx, jobs: Sequence[str]) -> dict[str, Recall]:
    """What is to be known of jobs that were claimed here: nobody else writes their steps, and an answer that came
    meanwhile is one more that is known."""
    steps: defaultdict[str, list[StepRow]] = defaultdict(list)
    for row in await tx.fetch(_STEPS, ids=jobs, **LAZY):
        steps[row[5]].append(step_row(row))
    prompts: defaultdict[str, list[PromptRow]] = defaultdict(list)
    for row in await tx.fetch(_PROMPTS, ids=jobs):
        prompts[row[1]].append(prompt_row(row))
    return {job: Recall(steps=steps[job], prompts=prompts[job]) for job in jobs}
