"""The soak itself, and what it finds out."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid5

from bide import Bide, BideError, JobCall, JobType, PromptView
from bide.job import TERMINAL, JobStatus
from bide.testing import check
from tests.soak.databases import Database
from tests.soak.jobs import KINDS, UNWANTED, make
from tests.soak.workers import WORKERS, Workers
from tests.witness import Witness, repeated_steps

T = TypeVar("T")


class Plan(NamedTuple):
    jobs: int
    kills: int
    restarts: int

    @property
    def ahead(self) -> int:
        """Jobs accepted before they are needed: however fast the others finish, at each kill there is work."""
        return max(1, self.jobs // 20)


@dataclass
class Report:
    seed: int
    plan: Plan
    kills: int = 0
    restarts: int = 0
    seconds: float = 0.0
    """Until all had finished."""
    checked: float = 0.0
    """Seconds that it took to check."""
    down: float = 0.0
    """Seconds of it in which the database was stopped, or started."""
    rescued: int = 0
    """Runs that were taken back from killed workers."""
    released: int = 0
    """Runs that their worker gave back."""
    answered: int = 0
    cancelled: int = 0
    again: int = 0
    """Calls of this process that it made again, because the database could not do them."""
    cut_off: int = 0
    """Steps whose effect happened again, because a kill came between it and its record."""
    attempts: Counter[int] = field(default_factory=Counter[int])
    problems: list[str] = field(default_factory=list[str])

    def table(self) -> str:
        rows = [
            ("seed", str(self.seed)),
            ("jobs", f"{self.plan.jobs:,}"),
            ("kills", str(self.kills)),
            ("restarts", f"{self.restarts}"),
            ("seconds", f"{self.seconds:.1f}"),
            ("of them restarting", f"{self.down:.1f}"),
            ("seconds to check", f"{self.checked:.1f}"),
            ("answered", f"{self.answered:,}"),
            ("cancelled", f"{self.cancelled:,}"),
            ("calls made again", f"{self.again:,}"),
            ("runs rescued", f"{self.rescued:,}"),
            ("runs given back", f"{self.released:,}"),
            ("effects repeated", f"{self.cut_off:,}"),
            *((f"jobs of {n} attempts", f"{count:,}") for n, count in sorted(self.attempts.items())),
            ("problems", str(len(self.problems))),
        ]
        return "\n".join(f"{name:<20} {value:>10}" for name, value in rows)


async def soak(
    folder: Path, database: Database, plan: Plan, seed: int, told: Callable[[str], None] = lambda _: None
) -> Report:
    """Run it, with its files in `folder`. What went wrong is in the report's `problems`."""
    report = Report(seed, plan)
    bide, types = make(folder, database.url)
    witness = Witness(folder / "witness.jsonl")
    workers = Workers(folder, database.url)
    began = time.monotonic()
    async with bide:
        run = _Run(bide, types, database, workers, report, random.Random(seed), told)
        try:
            for _ in range(WORKERS):
                workers.start()
            async with run.robot():
                await run.harm()
                await run.reached(plan.jobs)
            await workers.stop()
        finally:
            workers.end()
        report.seconds = time.monotonic() - began
        report.kills = workers.kills
        began = time.monotonic()
        report.problems += [str(problem) for problem in await check(bide.store, expected=run.accepted, at_rest=True)]
        by_status = (await bide.stats()).by_status
    if (report.kills, report.restarts) != (plan.kills, plan.restarts):
        report.problems.append(f"there were {report.kills} kills and {report.restarts} restarts, and not as planned")
    due = Counter(KINDS[name].end for name in run.accepted.values())
    if due != Counter({status: count for status, count in by_status.items() if count}):
        report.problems.append(f"the jobs that were accepted should be {dict(due)}, and are {dict(by_status)}")
    report.problems += workers.unexpected()
    await _compare(witness, database, run.accepted, report)
    report.checked = time.monotonic() - began
    witness.close()
    return report


class _Run:
    """Who enqueues, answers, cancels, kills and restarts."""

    def __init__(
        self,
        bide: Bide[None],
        types: dict[str, JobType[[], Any]],
        database: Database,
        workers: Workers,
        report: Report,
        chance: random.Random,
        told: Callable[[str], None],
    ) -> None:
        self.accepted: dict[str, str] = {}
        """The names of the types of the jobs whose enqueue was acknowledged, by their ids."""
        self._bide = bide
        self._types = types
        self._database = database
        self._workers = workers
        self._report = report
        self._chance = chance
        self._told = told
        names, shares = list(KINDS), [kind.share for kind in KINDS.values()]
        self._names = chance.choices(names, shares, k=report.plan.jobs)

    async def harm(self) -> None:
        """Enqueue all of them, and kill and restart as often as planned, whenever a random number has finished."""
        plan = self._report.plan
        harms = [self._kill] * plan.kills + [self._restart] * plan.restarts
        self._chance.shuffle(harms)
        moments = sorted(self._chance.choices(range(plan.jobs - plan.ahead), k=len(harms)))
        last = asyncio.create_task(asyncio.sleep(0))
        for moment, harm in zip(moments, harms, strict=True):
            await self._enqueue(moment + plan.ahead)
            await self.reached(moment)
            # One at a time; and meanwhile more is enqueued.
            await last
            last = asyncio.create_task(harm())
        await self._enqueue(plan.jobs)
        await last

    async def reached(self, count: int) -> None:
        """Return once so many have finished."""
        while True:
            by_status = (await self._again(self._bide.stats)).by_status
            finished = sum(by_status[status] for status in TERMINAL)
            report = self._report
            self._told(f"{finished:,} finished, {self._workers.kills} kills, {report.restarts} restarts")
            if finished >= count:
                return
            await asyncio.sleep(self._chance.uniform(0.0, 0.1))

    @asynccontextmanager
    async def robot(self) -> AsyncGenerator[None]:
        """Somebody who answers everything, most of it twice, and cancels what has no end."""
        tasks = [asyncio.create_task(self._answer()), asyncio.create_task(self._cancel())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended

    async def _kill(self) -> None:
        await self._workers.kill_one(self._chance)

    async def _restart(self) -> None:
        began = time.monotonic()
        await self._database.restart(self._report.restarts)
        self._report.down += time.monotonic() - began
        self._report.restarts += 1

    async def _enqueue(self, count: int) -> None:
        """Accept the jobs up to this one, in batches."""
        while (first := len(self.accepted)) < count:
            names = self._names[first : min(first + 250, count)]
            calls: list[JobCall[Any]] = [
                self._types[name].options(delay=KINDS[name].delay, idempotency_key=str(n)).call()
                for n, name in enumerate(names, first)
            ]
            jobs = await self._again(partial(self._bide.enqueue_many, calls))
            self.accepted.update({str(job.id): name for job, name in zip(jobs, names, strict=True)})

    async def _answer(self) -> None:
        while True:
            for prompt in await self._again(self._bide.prompts):
                for _ in range(2):
                    await self._again(partial(self._respond, prompt))
                self._report.answered += 1
            await asyncio.sleep(0.05)

    async def _respond(self, prompt: PromptView) -> None:
        await self._bide.respond(
            prompt.job_id,
            {"action": "cancel" if prompt.key == UNWANTED else "proceed"},
            prompt=prompt.id,
            by="ann",
            response_id=uuid5(UUID(int=0), str(prompt.id)),
        )

    async def _cancel(self) -> None:
        """Cancel each job that has no end: most of them while they run, some before."""
        seen = 0
        doomed: list[str] = []
        while True:
            names = list(self.accepted.items())
            doomed += [job for job, name in names[seen:] if name == "endless"]
            seen = len(names)
            for job in doomed[:20]:
                found = await self._again(partial(self._bide.get, job))
                if found.status is JobStatus.RUNNING or self._chance.random() < 0.02:
                    await self._again(partial(self._bide.cancel, job))
                    doomed.remove(job)
                    self._report.cancelled += 1
            await asyncio.sleep(0.05)

    async def _again(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make this call until the database does it."""
        while True:
            try:
                return await call()
            except BideError as error:
                if not error.retryable:
                    raise
            self._report.again += 1
            await asyncio.sleep(self._chance.uniform(0.0, 0.2))


async def _compare(witness: Witness, database: Database, accepted: dict[str, str], report: Report) -> None:
    """The effects against the database."""
    report.problems += repeated_steps(witness)
    ran: Counter[tuple[str, str]] = Counter()
    bodies: Counter[tuple[str, int]] = Counter()
    for line in witness.lines("ran", "body"):
        if line["what"] == "ran":
            ran[line["job"], line["step"]] += 1
        else:
            bodies[line["job"], line["attempt"]] += 1
    tables = database.tables
    report.attempts.update(dict(await database.rows(f"select attempt, count(*) from {tables}job group by attempt")))
    events = f"from {tables}event where kind ="
    ((report.rescued,),) = await database.rows(f"select count(*) {events} 'job.rescued'")
    released = {
        (job, attempt): count
        for job, attempt, count in await database.rows(
            f"select job, attempt, count(*) {events} 'job.released' group by job, attempt"
        )
    }
    report.released = sum(released.values())
    report.cut_off = sum(count - 1 for count in ran.values())
    report.problems += [
        f"attempt {n} of job {job} ran {count} times"
        for (job, n), count in bodies.items()
        if count > 1 + released.get((job, n), 0)
    ]
    effects = {job for job, _ in ran} | {job for job, _ in bodies}
    completing = {job for job, name in accepted.items() if KINDS[name].end is JobStatus.COMPLETED}
    report.problems += [f"job {job} ran, and was never accepted" for job in effects - accepted.keys()]
    report.problems += [f"job {job} completed without an effect" for job in completing - effects]
    completions = Counter(job for (job,) in await database.rows(f"select job {events} 'job.completed'"))
    report.problems += [f"job {job} completed {count} times" for job, count in completions.items() if count > 1]
    if completions.keys() != completing:
        report.problems.append(f"{len(completing)} jobs should have completed, and {len(completions)} have")
    repeatable = report.rescued + report.released
    if report.cut_off > repeatable:
        report.problems.append(f"{report.cut_off} effects were repeated, and only {repeatable} runs were cut off")
