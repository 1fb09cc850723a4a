"""Following one job: what a stream sends, whatever carries it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from uuid import UUID

from bide.errors import NotFound
from bide.http.call import Call
from bide.http.limits import KEEP_ALIVE
from bide.http.render import Frame

NOTHING: Sequence[Frame] = ()
"""Nothing has happened for so long."""


async def follow(
    call: Call, job: UUID, after: int, wake: asyncio.Event, ended: Callable[[], bool]
) -> AsyncGenerator[Sequence[Frame]]:
    """The job's events above `after`, in order and without gap; `NOTHING` from time to time.

    Ends after the terminal event, when the job is deleted, and once `ended` says so. `wake` must be set at each change
    of the job, as `app.watch` does, and when `ended` turns true.

    No more than one page is held: a reader that is slow holds itself up and nobody else.
    """
    identity = call.id(job)
    while not ended():
        wake.clear()
        page = await call.runtime.pages.after(identity, call.owner, after, full=call.full)
        if page:
            after = page[-1].seq
            yield page
            continue
        try:
            row = await call.row(job)
        except NotFound:
            return
        if row.seq > after:
            # The page was read together with others, from before the change; or the snapshot is of a job that has been
            # deleted elsewhere, which must not keep this turning.
            call.app.forget(identity)
            continue
        if row.status.terminal:
            return
        # Checked after `clear`, so that a wake-up of before is not lost.
        if ended():
            return
        try:
            async with asyncio.timeout(KEEP_ALIVE):
                await wake.wait()
        except TimeoutError:
            yield NOTHING
