"""An app with limits, for workers in processes of their own. What its jobs do is written down outside the database."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from bide import Bide, JobContext, Limit, Settings
from tests.witness import Witness

AT_ONCE = 3


class App:
    def __init__(self, url: str, folder: Path, settings: Settings | None = None) -> None:
        self.folder = folder
        self.witness = Witness(folder / "witness")
        self.bide: Bide[None] = Bide(url, limits={"narrow": Limit(concurrency=AT_ONCE)}, settings=settings)
        self.narrow = self.bide.job(queue="narrow", max_attempts=5)(self._narrow)
        self.of_tenant = self.bide.job(limit=Limit(concurrency=2, key="tenant"), max_attempts=5)(self._of_tenant)
        self.held = self.bide.job(limit=Limit(concurrency=1), max_attempts=5)(self._held)

    async def _narrow(self, ctx: JobContext) -> None:
        self.witness.write("starts", lane="narrow", attempt=ctx.attempt)
        await asyncio.sleep(0.01)
        self.witness.write("stops", lane="narrow")

    def _of_tenant(self, ctx: JobContext, tenant: str) -> None:
        self.witness.write("starts", lane=tenant, attempt=ctx.attempt)
        time.sleep(0.01)
        self.witness.write("stops", lane=tenant)

    async def _held(self, ctx: JobContext) -> int:
        """Runs until the gate is open."""
        self.witness.write("holds", attempt=ctx.attempt)
        while not (self.folder / "gate").exists():  # noqa: ASYNC110 - what is waited for is a file
            await asyncio.sleep(0.01)
        return ctx.attempt

    def most_at_once(self, lane: str) -> int:
        """How many ran at the same moment, at most."""
        running = most = 0
        for line in self.witness.lines("starts", "stops"):
            if line["lane"] == lane:
                running += 1 if line["what"] == "starts" else -1
                most = max(most, running)
        assert running == 0
        return most


if "BIDE_TEST_FOLDER" in os.environ:
    bide = App(os.environ["BIDE_TEST_URL"], Path(os.environ["BIDE_TEST_FOLDER"])).bide
