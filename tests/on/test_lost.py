"""The reply to a commit is lost: what it came to is found out."""

from __future__ import annotations

import pytest

from bide import Bide, EventKind, JobContext
from tests.on.hosts import POSTGRES, Place
from tests.store.postgres.proxy import Proxy
from tests.support import told

AWAITED = [way for way in POSTGRES if way.is_async]
"""Those that let the proxy run meanwhile, on the same event loop."""

_COMMIT = {way.kind: "COMMIT" for way in AWAITED} | {"asyncpg": "commit", "asyncpg_pool": "commit"}
"""How each of them says it."""


@pytest.mark.ways(*AWAITED)
@pytest.mark.parametrize("arrived", [True, False])
async def test_a_step_whose_commit_had_no_reply_is_done_once(bide: Bide[None], place: Place, arrived: bool) -> None:
    calls: list[int] = []
    async with Proxy(place.url) as proxy:

        @bide.job(max_attempts=2)
        async def keep(ctx: JobContext) -> int:
            async with Place(proxy.url, place.way).connected() as host:

                async def write() -> int:
                    calls.append(len(calls) + 1)
                    await host.write(len(calls))
                    if len(calls) == 1:
                        (proxy.cut_after if arrived else proxy.cut_before)(_COMMIT[place.way.kind])
                    return len(calls)

                return await ctx.options(on=host.on).step(write)

        async with bide.worker():
            job = await keep.enqueue()
            result = await bide.result(job, timeout="60s")
            kinds = await told(bide, job)
            attempt = (await bide.get(job)).attempt
    assert proxy.cuts == 1
    assert place.notes() == [result] == [1 if arrived else 2]
    assert kinds.count(EventKind.STEP_COMPLETED) == 1
    assert (EventKind.STEP_FAILED in kinds) is not arrived
    assert attempt == (1 if arrived else 2)
