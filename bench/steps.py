"""What durability inside a job costs: recorded steps, and questions to people."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

from bench import bare, jobs
from bench.jobs import App, recorder
from bench.measure import Line, Metrics, Size, Topic
from bide import Proceed

ANSWERERS = 100


def stepped(folder: Path, count: int) -> Metrics:
    """Jobs of three recorded steps each."""
    return jobs.measure(partial(_stepped, count=count), folder, stepped=count)


async def _stepped(app: App, count: int) -> Metrics:
    recorder.expect(count)
    began = time.perf_counter()
    async with app.bide.worker():
        await recorder.reached.wait()
        await app.finished(count)
        elapsed = time.perf_counter() - began
    app.verify(completed=count, events=6)
    return {"rate": count / elapsed}


def asking(folder: Path, count: int) -> Metrics:
    """Jobs that ask one question: suspended, answered by many people at once, resumed and completed."""
    return jobs.measure(partial(_asking, count=count), folder, asking=count)


async def _asking(app: App, count: int) -> Metrics:
    recorder.expect(count)
    began = time.perf_counter()
    async with app.bide.worker():
        await app.waiting(count)
        suspended = time.perf_counter()
        prompts = await _open_prompts(app)
        assert len(prompts) == count

        asked = time.perf_counter()
        shared = iter(prompts)

        async def answerer() -> None:
            for job, prompt in shared:
                await app.bide.respond(job, Proceed(), prompt=prompt, by="bench")

        await asyncio.gather(*(answerer() for _ in range(ANSWERERS)))
        answered = time.perf_counter()
        await recorder.reached.wait()
        await app.finished(count)
        ended = time.perf_counter()
    # Enqueued, started, asked, waiting, answered, resumed, started, completed.
    app.verify(completed=count, events=8)
    return {
        "rate": count / (suspended - began + ended - asked),
        "suspend": count / (suspended - began),
        "answer": count / (answered - asked),
    }


async def _open_prompts(app: App) -> list[tuple[str, str]]:
    """Every open question, by job and id. Not through the API, which pages for people."""
    rows = await app.bide.store.prompts(None, open_only=True, limit=1_000_000)
    return [(row.job, row.id) for row in rows]


def topic(size: Size) -> Topic[Path]:
    return Topic(
        title="Steps and questions",
        how=f"{size.stepped:,} jobs of three recorded steps; {size.asking:,} jobs that ask one question, answered"
        f" by {ANSWERERS} callers once all wait. The bare loop writes each step with its event,"
        " 200 jobs to a transaction.",
        cases={
            "bare": partial(bare.drain_full, count=size.stepped, steps=3),
            "full": partial(bare.drain_full, count=size.asking),
            "stepped": partial(stepped, count=size.stepped),
            "asking": partial(asking, count=size.asking),
        },
        lines=[
            Line("bare, full row, three steps a job", "bare", "rate", "/s", "SQLite's own work."),
            Line(
                "Bide, three steps a job",
                "stepped",
                "rate",
                "/s",
                "Python: a step is checked, encoded and read back; each is recorded by four statements, under a"
                " savepoint of its own, at most 64 to a commit.",
                base=("bare", "rate"),
            ),
            Line("bare, full row, nothing asked", "full", "rate", "/s", "SQLite's own work."),
            Line(
                "Bide, suspended, answered, resumed and completed",
                "asking",
                "rate",
                "/s",
                "Python: two runs and five writes a job, each under a savepoint of its own; and the question's"
                " JSON schema, which is made for each.",
                base=("full", "rate"),
            ),
            Line("Bide, claimed, asked and suspended", "asking", "suspend", "/s", "As above.", base=("full", "rate")),
            Line("Bide, answers accepted", "asking", "answer", "/s", "As above.", base=("full", "rate")),
        ],
    )
