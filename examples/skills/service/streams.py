"""A job's changes as server-sent events: first what it is now, then what it becomes, to its end or the server's.

    event: snapshot   the job as it is, when the stream begins
    event: job        the job after a change; changes that come together are told as one
    event: end        the job has ended; nothing follows

The data of each is a `JobState`; the id is the number of the job's last event.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi.sse import ServerSentEvent

from bide import Job
from bide.errors import NotFound
from examples.skills.flow import bide
from examples.skills.service.states import job_is_over, job_state, read_facts


async def of_job(job: Job[Any]) -> AsyncGenerator[ServerSentEvent]:
    facts = await read_facts(job.id)
    yield _tell("snapshot", facts.job.seq, job_state(facts).model_dump(mode="json"))
    seen = facts.job.seq
    if not job_is_over(facts):
        try:
            async with aclosing(bide.events(job.id, after=seen)) as changes:
                async for change in changes:
                    if change.seq <= seen:
                        continue
                    facts = await read_facts(job.id)
                    seen = facts.job.seq
                    yield _tell("job", seen, job_state(facts).model_dump(mode="json"))
                    if job_is_over(facts):
                        break
        except NotFound:
            return  # it was deleted
    if job_is_over(facts):
        yield _tell("end", seen, {"job_id": str(job.id), "status": facts.job.status.value})


def _tell(event: str, number: int, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(event=event, id=str(number), data=data)
