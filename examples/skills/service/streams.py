"""A job's changes as server-sent events: first what it is now, then what it becomes, to its end or the server's.

    event: snapshot   the job as it is, when the stream begins
    event: job        the job after a change; changes that come together are told as one
    event: end        the job has ended; nothing follows

The data of each is a `JobState`; the id is the number of the job's last event.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from fastapi.sse import ServerSentEvent

from bide import Job
from bide.errors import NotFound
from examples.skills.flow import bide
from examples.skills.service.states import job_is_over, job_state, read_facts


class Streams:
    """All streams of a server: they end when it is told to stop, since it waits for its connections to close."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def of_job(self, job: Job[Any]) -> AsyncGenerator[ServerSentEvent]:
        facts = await read_facts(job.id)
        yield _tell("snapshot", facts.job.seq, job_state(facts).model_dump(mode="json"))
        seen = facts.job.seq
        if not job_is_over(facts):
            changes = bide.events(job.id, after=seen)
            try:
                while not job_is_over(facts) and (number := await self._next(changes)) is not None:
                    if number <= seen:
                        continue
                    facts = await read_facts(job.id)
                    seen = facts.job.seq
                    yield _tell("job", seen, job_state(facts).model_dump(mode="json"))
            except NotFound:
                return  # it was deleted
            finally:
                await changes.aclose()
        if job_is_over(facts):
            yield _tell("end", seen, {"job_id": str(job.id), "status": facts.job.status.value})

    async def _next(self, changes: AsyncGenerator[Any]) -> int | None:
        """The number of the next change; None where there is none, or the server stops."""
        change = asyncio.ensure_future(anext(changes, None))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([change, stop], return_when=asyncio.FIRST_COMPLETED)
            if not change.done():
                return None
            event = change.result()
            return None if event is None else int(event.seq)
        finally:
            change.cancel()
            stop.cancel()
            await asyncio.gather(change, stop, return_exceptions=True)


def _tell(event: str, number: int, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(event=event, id=str(number), data=data)
