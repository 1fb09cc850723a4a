"""The jobs of the worker processes that are killed, stopped and paused.

What they do is written down outside the database; where they wait, they wait for a file that the test makes.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bide import Bide, Confirm, Event, JobContext, JobType, Settings, current_step
from tests.witness import Witness

QUESTION = Confirm(summary="Go on?")


class App:
    """The app of one folder: the test and its workers each make their own."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.folder = folder
        self.witness = Witness(folder / "witness")
        self.url = os.environ["BIDE_TEST_URL"]
        self.bide = Bide(self.url, settings=settings)
        job = self.bide.job(max_attempts=3)
        self.chain: JobType[[], str] = job(self._chain)
        self.asking: JobType[[], str] = job(self._asking)
        self.patient: JobType[[], str] = job(self._patient)
        self.sleeping: JobType[[], str] = job(self._sleeping)
        self.zombie: JobType[[], str] = job(self._zombie)
        self.zombie_in_thread: JobType[[], str] = job(self._zombie_in_thread)

    # ── What the test does ───────────────────────────────────────────────────────────────────────────────────────────

    def open_gate(self, name: str) -> None:
        (self.folder / f"gate-{name}").touch()

    def is_open(self, name: str) -> bool:
        return (self.folder / f"gate-{name}").exists()

    def wrote(self, what: str) -> list[dict[str, Any]]:
        return list(self.witness.lines(what))

    def ran(self, step: str) -> list[dict[str, Any]]:
        return [line for line in self.witness.lines("ran") if line["step"] == step]

    # ── The jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _chain(self, ctx: JobContext) -> str:
        """Two steps. Between them it waits for the gate `between`, and the second, in mid-effect, for `second`."""
        first = await ctx.options(name="first").step(self._effect, "first")
        self.witness.write("between", attempt=ctx.attempt)
        await self._gate("between")
        second = await ctx.options(name="second").step(self._effect, "second", "second")
        return f"{first} {second}"

    async def _asking(self, ctx: JobContext) -> str:
        first = await ctx.options(name="first").step(self._effect, "first")
        decision = await ctx.ask("sure", QUESTION)
        second = await ctx.options(name="second").step(self._effect, "second")
        return f"{first} {decision.action} {second}"

    async def _patient(self, ctx: JobContext) -> str:
        """Waits for the gate `patient` outside steps."""
        self.witness.write("waits", attempt=ctx.attempt)
        await self._gate("patient")
        return "waited"

    def _sleeping(self, ctx: JobContext) -> str:
        """Sits in its thread and hears nothing, until the gate `sleeping` is open."""
        self.witness.write("sleeps", attempt=ctx.attempt)
        while not self.is_open("sleeping"):
            time.sleep(0.01)
        return "slept"

    async def _zombie(self, ctx: JobContext) -> str:
        """Blocks the loop of its first worker, and then tries to write everything it can."""
        ctx.progress(10, "began")
        await ctx.options(name="first").step(self._effect, "first")
        if ctx.attempt > 1:
            return "by the second"
        self.witness.write("holds")
        while not self.is_open("zombie"):
            time.sleep(0.01)
        tries: dict[str, Callable[[], Awaitable[object]]] = {
            "step": lambda: ctx.options(name="late").step(self._effect, "late"),
            "ask": lambda: ctx.ask("late", QUESTION),
            "sleep": lambda: ctx.sleep(0.001),
        }
        ctx.progress(99, "late")
        for name, attempt in tries.items():
            try:
                await attempt()
            except BaseException as error:  # noqa: BLE001 - a job that hears nothing
                self.witness.write("refused", verb=name, error=type(error).__name__)
            else:
                self.witness.write("accepted", verb=name)
        self.witness.write("over")
        return "by the zombie"

    def _zombie_in_thread(self, ctx: JobContext) -> str:
        if ctx.attempt > 1:
            return "by the second"
        self.witness.write("holds")
        while not self.is_open("zombie"):
            time.sleep(0.01)
        try:
            ctx.run(ctx.options(name="late").step(self._effect, "late"))
        except BaseException as error:
            self.witness.write("refused", verb="step", error=type(error).__name__)
            raise
        return "by the zombie"

    # ── Their parts ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _effect(self, name: str, gate: str = "") -> str:
        step = current_step()
        self.witness.write("ran", step=name, key=step.idempotency_key)
        if gate:
            await self._gate(gate)
        return name

    async def _gate(self, name: str) -> None:
        while not self.is_open(name):  # noqa: ASYNC110 - a file of another process tells nobody
            await asyncio.sleep(0.01)


def starts(history: list[Event]) -> list[int]:
    """The attempts of a history's starts."""
    return [event.attempt for event in history if event.kind == "job.started"]


if "BIDE_TEST_FOLDER" in os.environ:
    bide = App(Path(os.environ["BIDE_TEST_FOLDER"])).bide
