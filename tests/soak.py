"""`python -m tests.soak`: thousands of jobs, while the processes that execute them are killed at random.

Two worker processes share one SQLite file. Each time a random number of jobs has finished, a random one of them gets a
real SIGKILL, and another is started at once. In the end the file that the jobs wrote their effects into, outside of the
database, is held against the database:

*  nothing was lost: every job whose enqueue was acknowledged has completed;
*  nothing was completed twice: each has one `job.completed`, nothing follows it, and no step ran again after the job
   had been given its recorded result; a job without steps ran at most once in each of its attempts;
*  the checker finds nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from bide import Bide, BideError, Confirm, JobCall, JobContext, JobType, Retry, Settings, current_step
from bide.job import TERMINAL, JobStatus
from bide.testing import check
from tests.witness import Witness, repeated_steps

WORKERS = 2
ATTEMPTS = 60
"""More than there are kills: that a job runs out of attempts is another test's affair."""

SETTINGS = Settings(lease=3.0, poll=0.2, drain=10.0, slots=100)


# ── Jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def make(folder: Path) -> tuple[Bide[None], dict[str, JobType[Any, Any]]]:
    """The app, and its job types by name: the same in every process."""
    bide = Bide(f"sqlite:///{folder}/jobs.db", settings=SETTINGS)
    witness = Witness(folder / "witness.jsonl")

    async def effect(job: str, name: str) -> str:
        step = current_step()
        witness.write("ran", job=job, step=name, key=step.idempotency_key)
        return name

    async def do(ctx: JobContext[None], name: str) -> None:
        job = str(ctx.job_id)
        value = await ctx.options(name=name).step(effect, job, name)
        witness.write("remembered", job=job, step=name, value=value)

    @bide.job(max_attempts=ATTEMPTS)
    async def plain(ctx: JobContext[None]) -> str:
        witness.write("body", job=str(ctx.job_id), attempt=ctx.attempt)
        return "done"

    @bide.job(max_attempts=ATTEMPTS)
    async def stepping(ctx: JobContext[None]) -> str:
        for name in ("first", "second", "last"):
            await do(ctx, name)
        return "done"

    @bide.job(max_attempts=ATTEMPTS)
    async def asking(ctx: JobContext[None]) -> str:
        await do(ctx, "first")
        await ctx.ask("go on", Confirm(summary="Shall I?"))
        await do(ctx, "last")
        return "done"

    @bide.job(max_attempts=ATTEMPTS)
    async def sleeping(ctx: JobContext[None]) -> str:
        await do(ctx, "first")
        await ctx.sleep("200ms")
        await do(ctx, "last")
        return "done"

    @bide.job(max_attempts=ATTEMPTS)
    async def retrying(ctx: JobContext[None]) -> str:
        await do(ctx, "first")
        if ctx.attempt == 1:
            raise Retry("once more", after="100ms")
        await do(ctx, "last")
        return "done"

    return bide, {job_type.name: job_type for job_type in (plain, stepping, asking, sleeping, retrying)}


MIX = {"plain": 70, "stepping": 20, "asking": 4, "sleeping": 3, "retrying": 3}
"""Of a hundred jobs."""


# ── A worker process ─────────────────────────────────────────────────────────────────────────────────────────────────


async def work(folder: Path) -> None:
    bide, _ = make(folder)
    witness = Witness(folder / "workers.jsonl")
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with bide.worker():
        witness.write("ready")
        await told.wait()


class Workers:
    """The processes that execute, and the one who kills them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._witness = Witness(folder / "workers.jsonl")
        self._running: list[subprocess.Popen[bytes]] = []
        self.kills = 0

    def start(self) -> None:
        self._running.append(subprocess.Popen([sys.executable, "-m", "tests.soak", "--work", str(self._folder)]))

    async def kill_one(self, chance: random.Random) -> None:
        """Kill a worker that has begun to work, and start another."""
        victim = chance.choice(await self._ready(1))
        assert victim.poll() is None, f"worker {victim.pid} ended by itself, with {victim.returncode}"
        victim.send_signal(signal.SIGKILL)
        self._running.remove(victim)
        self.start()
        await asyncio.to_thread(victim.wait)
        self.kills += 1

    async def stop(self) -> None:
        """Let them drain."""
        for worker in await self._ready(len(self._running)):
            worker.send_signal(signal.SIGTERM)
        for worker in self._running:
            assert await asyncio.to_thread(worker.wait) == 0, f"worker {worker.pid} ended with {worker.returncode}"

    def end(self) -> None:
        for worker in self._running:
            worker.kill()
            worker.wait()
        self._witness.close()

    async def _ready(self, count: int) -> list[subprocess.Popen[bytes]]:
        """Those who have begun to work, once there are so many."""
        while True:
            pids = {line["pid"] for line in self._witness.lines()}
            ready = [worker for worker in self._running if worker.pid in pids]
            if len(ready) >= count:
                return ready
            await asyncio.sleep(0.01)


# ── The soak ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Report:
    seed: int
    jobs: int
    kills: int = 0
    seconds: float = 0.0
    """Until all had finished."""
    checked: float = 0.0
    """Seconds that it took to check."""
    rescued: int = 0
    """Runs that were taken back from killed workers."""
    answered: int = 0
    cut_off: int = 0
    """Steps whose effect happened again, because a kill came between it and its record."""
    attempts: Counter[int] = field(default_factory=Counter[int])
    problems: list[str] = field(default_factory=list[str])

    def table(self) -> str:
        rows = [
            ("seed", str(self.seed)),
            ("jobs", f"{self.jobs:,}"),
            ("kills", str(self.kills)),
            ("seconds", f"{self.seconds:.1f}"),
            ("seconds to check", f"{self.checked:.1f}"),
            ("answered", f"{self.answered:,}"),
            ("runs rescued", f"{self.rescued:,}"),
            ("effects repeated", f"{self.cut_off:,}"),
            *((f"jobs of {n} attempts", f"{count:,}") for n, count in sorted(self.attempts.items())),
            ("problems", str(len(self.problems))),
        ]
        return "\n".join(f"{name:<20} {value:>10}" for name, value in rows)


async def soak(folder: Path, jobs: int, kills: int, seed: int, told: Callable[[str], None] = lambda _: None) -> Report:
    """Run it in `folder`. What went wrong is in the report's `problems`."""
    report = Report(seed, jobs)
    chance = random.Random(seed)
    bide, types = make(folder)
    witness = Witness(folder / "witness.jsonl")
    workers = Workers(folder)
    began = time.monotonic()

    async def finished() -> int:
        by_status = (await bide.stats()).by_status
        count = sum(by_status[status] for status in TERMINAL)
        told(f"{count:,} of {jobs:,} finished, {workers.kills} kills")
        return count

    async with bide:
        try:
            for _ in range(WORKERS):
                workers.start()
            async with _answering(bide, report):
                # The last ones are held back until every kill is done: however fast the others finish, none is missing.
                last = max(1, jobs // 20)
                enqueuing = asyncio.create_task(_enqueue(bide, types, jobs - last, chance))
                await _kill(finished, workers, jobs - last, kills, random.Random(seed + 1))
                accepted = await enqueuing + await _enqueue(bide, types, last, chance)
                await _reached(finished, jobs, random.Random(seed + 2))
            await workers.stop()
        finally:
            workers.end()
        report.seconds = time.monotonic() - began
        report.kills = workers.kills
        began = time.monotonic()
        report.problems += [str(problem) for problem in await check(bide.store, expected=accepted, at_rest=True)]
        by_status = (await bide.stats()).by_status
    if workers.kills != kills:
        report.problems.append(f"{kills} kills were asked for, and {workers.kills} happened")
    if by_status[JobStatus.COMPLETED] != jobs:
        report.problems.append(f"{jobs} jobs were accepted, and have come to {dict(by_status)}")
    _compare(witness, folder / "jobs.db", set(accepted), report)
    report.checked = time.monotonic() - began
    witness.close()
    return report


async def _enqueue(
    bide: Bide[None], types: dict[str, JobType[Any, Any]], jobs: int, chance: random.Random
) -> list[str]:
    """Accept all of them, in batches; returns the ids that were acknowledged."""
    accepted: list[str] = []
    for first in range(0, jobs, 250):
        names = chance.choices(list(MIX), list(MIX.values()), k=min(250, jobs - first))
        calls: list[JobCall[Any]] = [types[name].call() for name in names]
        accepted += [str(job.id) for job in await bide.enqueue_many(calls)]
    return accepted


async def _kill(
    finished: Callable[[], Awaitable[int]], workers: Workers, jobs: int, kills: int, chance: random.Random
) -> None:
    """Kill so many times, whenever a random number of these jobs has finished."""
    for moment in sorted(chance.choices(range(jobs), k=kills)):
        await _reached(finished, moment, chance)
        await workers.kill_one(chance)


async def _reached(finished: Callable[[], Awaitable[int]], count: int, chance: random.Random) -> None:
    while await finished() < count:  # noqa: ASYNC110 - what other processes do, the database is asked
        await asyncio.sleep(chance.uniform(0.0, 0.05))


@asynccontextmanager
async def _answering(bide: Bide[None], report: Report) -> AsyncGenerator[None]:
    """Somebody who answers everything, most of it twice."""

    async def answer() -> None:
        while True:
            for prompt in await bide.prompts():
                for _ in range(2):
                    with contextlib.suppress(BideError):
                        await bide.respond(
                            prompt.job_id,
                            {"action": "proceed"},
                            prompt=prompt.id,
                            by="ann",
                            response_id=uuid5(UUID(int=0), str(prompt.id)),
                        )
                report.answered += 1
            await asyncio.sleep(0.05)

    task = asyncio.create_task(answer())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _compare(witness: Witness, database: Path, accepted: set[str], report: Report) -> None:
    """The effects against the database."""
    report.problems += repeated_steps(witness)
    ran: Counter[tuple[str, str]] = Counter()
    bodies: Counter[tuple[str, int]] = Counter()
    for line in witness.lines("ran", "body"):
        if line["what"] == "ran":
            ran[line["job"], line["step"]] += 1
        else:
            bodies[line["job"], line["attempt"]] += 1
    report.cut_off = sum(count - 1 for count in ran.values())
    report.problems += [f"attempt {n} of job {job} ran twice" for (job, n), count in bodies.items() if count > 1]
    effects = {job for job, _ in ran} | {job for job, _ in bodies}
    report.problems += [f"job {job} ran, and was never accepted" for job in effects - accepted]
    report.problems += [f"job {job} completed without an effect" for job in accepted - effects]
    with contextlib.closing(sqlite3.connect(database)) as db:
        report.attempts.update(dict(db.execute("select attempt, count(*) from bide_job group by attempt").fetchall()))
        (report.rescued,) = db.execute("select count(*) from bide_event where kind = 'job.rescued'").fetchone()
        (completions,) = db.execute("select count(*) from bide_event where kind = 'job.completed'").fetchone()
    if completions != len(accepted):
        report.problems.append(f"{len(accepted)} jobs have {completions} completions")
    repeatable = report.rescued
    if report.cut_off > repeatable:
        report.problems.append(f"{report.cut_off} effects were repeated, and only {repeatable} runs were cut off")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Kill workers at random.")
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work is not None:
        asyncio.run(work(options.work))
        return 0
    seed: int = random.randrange(1_000_000) if options.seed is None else options.seed
    print(f"{options.jobs:,} jobs, {options.kills} kills, --seed {seed}", flush=True)

    def told(text: str) -> None:
        if sys.stdout.isatty():
            print(f"\r{text} ", end="", flush=True)

    with tempfile.TemporaryDirectory(prefix="bide-soak-") as made:
        report = asyncio.run(soak(Path(made), options.jobs, options.kills, seed, told))
    print(f"\n{report.table()}")
    for problem in report.problems[:50]:
        print(f"✗ {problem}")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
