"""A principal of one job, as the host's own `authorize` may return: nothing of other jobs is shown or done."""

from __future__ import annotations

from pathlib import Path

import httpx
from fastapi import FastAPI

from bide import Bide, Job, JobContext
from bide.http import Principal
from tests.http.server import serving
from tests.http.test_identities import CASES, operations


async def test_who_is_let_in_for_one_job_reaches_no_other(tmp_path: Path) -> None:
    bide = Bide(f"sqlite:///{tmp_path}/jobs.db")

    @bide.job(expose=True)
    async def add(ctx: JobContext, a: int) -> int:
        return a

    made: list[Job[int]] = []

    async def authorize() -> Principal:
        return Principal("ann", {"view", "cancel", "answer"}, job=made[0].id)

    router = bide.router(authorize=authorize)
    app = FastAPI()
    app.include_router(router)
    async with serving(app) as address, httpx.AsyncClient(base_url=address, timeout=30) as client:
        mine, other = [await add.options(owner="ann", delay="1h").enqueue(n) for n in (1, 2)]
        made.append(mine)
        assert (await client.get(f"/jobs/{mine.id}")).status_code == 200
        assert (await client.get(f"/jobs/{other.id}")).status_code == 404
        for method, path in operations(router):
            case = CASES["GET" if method == "HEAD" else method, path]
            if case.right is None or "{" in path:
                continue
            body = {"ids": [str(other.id)]} if case.touches == "bulk" else case.body
            async with client.stream(method, path, json=body) as refused:
                assert refused.status_code == 403, f"{method} {path}"
