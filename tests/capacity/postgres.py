"""A PostgreSQL with a million jobs that wait, that have finished, or that are delayed, beside an empty one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar
from uuid import uuid4

from bide import EventKind, Job
from bide.codec import encode
from bide.job import JobStatus
from bide.store.base import Completed, Demand, JobFilter, Prunable, Settle, Store, WorkerRow
from tests.capacity.many import FIRST, multiply
from tests.capacity.measure import time_a_start
from tests.capacity.process import App, make, worker_process
from tests.postgres import Server, execute
from tests.support import until

ROUNDS = 300
"""Claims, and looks that find nothing, on each of the two databases in turn."""

ANSWERS = 100

PAGE = 50

UNCHANGED = 1.5
"""How much longer a claim may take beside a million jobs that wait, at p50: more than what chance does to either."""

RESUMED = 20.0
"""Milliseconds from an answer until the job goes on, at p50."""

T = TypeVar("T")

Verb: TypeAlias = Callable[[Store], Awaitable[object]]

VERBS: dict[str, Verb] = {
    "next_due": lambda store: store.next_due(),
    "wake_due": lambda store: store.wake_due(),
    "expire": lambda store: store.expire(),
    "promote": lambda store: store.promote(600_000_000),
    "rescue": lambda store: store.rescue(()),
    "timed": lambda store: store.timed(),
    "workers": lambda store: store.workers(),
    "cancels": lambda store: store.cancels("nobody"),
    "list": lambda store: store.list(JobFilter(limit=PAGE), None),
    "list, waiting": lambda store: store.list(JobFilter(statuses=(JobStatus.PENDING_HITL,), limit=PAGE), None),
    "list, failed": lambda store: store.list(JobFilter(statuses=(JobStatus.FAILED,), limit=PAGE), None),
    "list, of an owner": lambda store: store.list(JobFilter(limit=PAGE), "ann"),
    "prompts": lambda store: store.prompts(None, open_only=True),
    "prompts, of an owner": lambda store: store.prompts("ann", open_only=True),
    "prompts, all": lambda store: store.prompts(None),
    "feed": lambda store: store.feed(0, None),
    "changes": lambda store: store.changes(0),
    "prune": lambda store: store.prune(Prunable(before=store.now()), None),
    "count_prunable": lambda store: store.count_prunable(Prunable(before=store.now()), None),
    "stats": lambda store: store.stats(None),
    "stats, of an owner": lambda store: store.stats("ann"),
    "orphans": lambda store: store.orphans(),
}


@dataclass
class Beside:
    """Milliseconds on the empty database, and on the full one."""

    empty: list[float] = field(default_factory=list[float])
    full: list[float] = field(default_factory=list[float])

    def row(self) -> str:
        return "".join(f"{at(part, samples):>10.2f}" for part in (0.5, 0.99) for samples in (self.empty, self.full))


@dataclass
class Figures:
    """Of one stage: what was there, and how long things took."""

    stage: str
    made: float
    """Seconds that it took to make them."""
    times: dict[str, Beside] = field(default_factory=dict[str, Beside])
    sizes: dict[str, float] = field(default_factory=dict[str, float])
    """Bytes per job, of each table and index."""

    def table(self) -> str:
        heads = ("p50 empty", "full", "p99 empty", "full")
        lines = [
            f"{self.stage}, made in {self.made:.0f} s",
            f"{'ms':<24}" + "".join(f"{head:>10}" for head in heads),
            *(f"{name:<24}{beside.row()}" for name, beside in self.times.items()),
        ]
        if self.sizes:
            lines += [f"{'bytes per job':<24}{sum(self.sizes.values()):>10,.0f}"]
            lines += [f"  {name:<22}{size:>10,.0f}" for name, size in self.sizes.items() if size >= 1]
        return "\n".join(lines)


def at(part: float, samples: Sequence[float]) -> float:
    """The sample that so large a part of them does not exceed."""
    return sorted(samples)[min(len(samples) - 1, int(part * len(samples)))]


def passes(stage: Figures) -> bool:
    """Whether a claim does not notice what is there, and who is answered goes on in time."""
    claims = stage.times["claim"]
    unchanged = at(0.5, claims.full) <= UNCHANGED * at(0.5, claims.empty)
    return unchanged and at(0.5, stage.times["answered to resumed"].full) <= RESUMED


async def measure(server: Server, jobs: int, told: Callable[[str], None]) -> list[Figures]:
    """All stages, each on top of the one before: so many jobs that wait, have finished, are delayed."""
    empty, full = server.create(), server.create()
    found: list[Figures] = []
    async with make(full).bide as bide:
        for stage, template in (("waiting", waiting), ("finished", finished), ("delayed", delayed)):
            told(f"making {jobs:,} {stage} jobs")
            began = time.monotonic()
            job = await template(full, FIRST)
            await multiply(full, str(job.id), jobs - 1)
            await execute(full, "vacuum analyze")
            figures = Figures(f"{jobs:,} {stage} jobs", time.monotonic() - began)
            told("measuring")
            if not found:
                figures.sizes = await sizes(full, jobs)
                assert (await bide.stats()).by_status[JobStatus.PENDING_HITL] == jobs
            await _measure(figures, empty, full)
            found.append(figures)
            told(figures.table())
    return found


async def waiting(url: str, topic: str) -> Job[str]:
    """A job that waits for a person."""
    app = make(url)
    async with app.bide as bide:
        with worker_process(url):
            job = await app.asking.enqueue(topic)
            await until(bide, job, EventKind.WAITING)
    return job


async def finished(url: str, topic: str) -> Job[str]:
    """One that a person has answered, and that has completed."""
    app = make(url)
    async with app.bide as bide:
        with worker_process(url):
            job = await app.asking.enqueue(topic)
            await until(bide, job, EventKind.WAITING)
            (prompt,) = await bide.prompts(job)
            await bide.respond(job, {"action": "proceed"}, prompt=prompt.id)
            await bide.result(job, timeout="60s")
    return job


async def delayed(url: str, topic: str) -> Job[str]:
    """One that is due in a year."""
    app = make(url)
    async with app.bide:
        return await app.asking.options(delay="365d").enqueue(topic)


async def sizes(url: str, jobs: int) -> dict[str, float]:
    """Bytes per job of each table and index, the largest first."""
    rows = await execute(
        url,
        """
        select c.relname, case when c.relkind = 'r' then pg_table_size(c.oid) else pg_relation_size(c.oid) end
        from pg_class as c
        where c.relnamespace = 'bide'::regnamespace and c.relkind in ('r', 'i')
        order by 2 desc
        """,
    )
    return {name: size / jobs for name, size in rows}


async def _measure(figures: Figures, empty: str, full: str) -> None:
    async with AsyncExitStack() as stack:
        apps = [make(url) for url in (empty, full)]
        stores = [(await stack.enter_async_context(app.bide)).store for app in apps]
        figures.times["claim"], figures.times["look, nothing due"] = await _claims(apps)
        for name, verb in VERBS.items():
            beside = figures.times[name] = Beside()
            for _ in range(3):
                for store, samples in zip(stores, (beside.empty, beside.full), strict=True):
                    await _timed(verb(store), samples)
    figures.times["answered to resumed"] = Beside(await answers(empty), await answers(full))
    figures.times["start of a worker"] = Beside([1_000 * await time_a_start(empty)], [1_000 * await time_a_start(full)])


async def _claims(apps: Sequence[App]) -> tuple[Beside, Beside]:
    """One job claimed, and a look that finds none, on each in turn."""
    claims, looks = Beside(), Beside()
    sides = list(zip(apps, (claims.empty, claims.full), (looks.empty, looks.full), strict=True))
    worker, demand = str(uuid4()), Demand(("default",), {"plain": 1}, 1)
    for app in apps:
        row = WorkerRow(id=worker, host="here", pid=1, queues=("default",), slots=1, lease=1_000_000)
        await app.bide.store.register(row)
    for _ in range(ROUNDS):
        for app, claimed, looked in sides:
            store = app.bide.store
            await store.insert([app.bide.accept(app.plain.call())])
            _, (claim,) = await _timed(store.settle_and_claim(worker, (), [demand]), claimed)
            done = Settle(claim.id, claim.lease, 1_000, Completed(encode("done")))
            await store.settle_and_claim(worker, [done], ())
            await _timed(store.settle_and_claim(worker, (), [demand]), looked)
    for app in apps:
        await app.bide.store.retire(worker)
    return claims, looks


async def _timed(call: Awaitable[T], samples: list[float]) -> T:
    began = time.monotonic_ns()
    value = await call
    samples.append((time.monotonic_ns() - began) / 1e6)
    return value


async def answers(url: str, count: int = ANSWERS) -> list[float]:
    """Milliseconds from the call of `respond` to the first line of the job's function, in the process of a worker."""
    app = make(url)
    taken: list[float] = []
    async with app.bide as bide:
        with worker_process(url):
            for _ in range(count):
                job = await app.resuming.enqueue()
                await until(bide, job, EventKind.WAITING)
                (prompt,) = await bide.prompts(job)
                began = time.monotonic_ns()
                await bide.respond(job, {"action": "proceed"}, prompt=prompt.id)
                taken.append((await bide.result(job, timeout="60s") - began) / 1e6)
    return taken
