"""An app whose database the environment names, for workers in processes of their own."""

from __future__ import annotations

import os

from bide import Bide, Confirm, JobContext, Settings


class App:
    def __init__(self, url: str, settings: Settings | None = None) -> None:
        self.bide: Bide[None] = Bide(url, settings=settings)
        self.chain = self.bide.job(max_attempts=5)(chain)
        self.approved = self.bide.job(approved)


async def chain(ctx: JobContext, n: int) -> int:
    """Some steps, one after another, that each say who ran them."""

    async def work(value: int) -> list[int]:
        return [value + 1, os.getpid()]

    for step in range(5):
        n, _ = await ctx.options(key=f"{step}").step(work, n)
    return n


async def approved(ctx: JobContext) -> str:
    await ctx.ask("go", Confirm(summary="Go on?"))
    return "done"


bide = App(os.environ.get("BIDE_TEST_URL", "postgresql://nowhere/none")).bide
