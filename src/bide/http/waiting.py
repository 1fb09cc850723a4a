"""Requests that wait for a while: `?wait=` on a read, and `Prefer: wait=` (RFC 7240) on a creation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from uuid import UUID

from bide.http.call import Call
from bide.store.base import JobRow

LONGEST = 60.0
"""Seconds that a request may wait."""

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)


def preferred(headers: Sequence[str] | None) -> float | None:
    """The seconds of `Prefer: wait=N`, at most `LONGEST`. What cannot be read is no preference, as RFC 7240 has it."""
    found = _WAIT.search(",".join(headers or ()))
    return None if found is None else min(float(found[1]), LONGEST)


async def until(call: Call, job: UUID, enough: Callable[[JobRow], bool], seconds: float) -> JobRow:
    """The job once `enough` says so, or the time is over, or the server is about to end. Raises NotFound, TooMany."""
    row = await call.row(job)
    if enough(row) or seconds <= 0:
        return row
    call.find_room()
    with call.app.watch(call.id(job)) as changed, call.held(changed.set), call.until_expired(changed.set):
        try:
            async with asyncio.timeout(seconds):
                while True:
                    changed.clear()
                    row = await call.row(job)
                    if enough(row) or call.runtime.stopping:
                        return row
                    await changed.wait()
        except TimeoutError:
            return await call.row(job)
