"""What a worker weighs, how long it takes to start, and what a waiting job costs on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

import uuid_utils

from bench import jobs
from bench.jobs import App
from bench.measure import Line, Metrics, Size, Target, Topic
from bench.worker import Child
from bide import JobStatus, Proceed

IDLE = """
import asyncio, sqlite3, sys
sqlite3.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


def bare(folder: Path) -> Metrics:
    """A Python process with asyncio and an open sqlite3 connection."""
    child = Child("-c", IDLE, str(folder / "bare.db"))
    start = child.until("open")
    resident = child.resident
    child.end()
    return {"start": start, "resident": resident}


def bide(folder: Path, waiting: int) -> Metrics:
    """A worker process, from its start until its first job has run, beside so many jobs that wait for people."""
    path = folder / "jobs.db"
    spare = jobs.measure(partial(_prepare, waiting=waiting), folder)
    size = 0.0
    if waiting:
        multiply(path, spare, waiting)
        size = sum(file.stat().st_size for file in folder.glob("jobs.db*")) / waiting
    asyncio.run(_enqueue_one(path))
    child = Child.worker("bide", folder)
    child.go()
    child.until("open")
    start = child.until("ready")
    first = child.until("ran")
    resident = child.resident
    if waiting:
        asyncio.run(_answer(path, waiting))
    child.end()
    return {"start": start, "first": first, "resident": resident, "size": size}


async def _prepare(app: App, waiting: int) -> str:
    """Bring the schema up to date, and, where jobs are to wait, one of them to its question; returns its id."""
    if not waiting:
        return ""
    job = await app.asking.enqueue(0)
    async with app.bide.worker():
        await app.waiting(1)
    return str(job.id)


def multiply(path: Path, job: str, count: int) -> None:
    """Make `count` waiting jobs of one, by copying all its rows under new ids, in the order they would be made."""
    db = sqlite3.connect(path, isolation_level=None)
    (prompt,) = db.execute("select id from bide_prompt where job = ?", (job,)).fetchone()
    ids = [(str(uuid_utils.uuid7()), str(uuid_utils.uuid7())) for _ in range(count - 1)]
    db.execute("begin immediate")
    for (table,) in db.execute(
        "select name from sqlite_master where type = 'table' and name like 'bide!_%' escape '!'"
    ):
        columns = [name for _, name, *_ in db.execute(f"pragma table_info({table})")]
        key = "id" if table == "bide_job" else "job"
        if key not in columns:
            continue
        kept = [name for name in columns if name != "pos"]
        rows = db.execute(f"select {', '.join(kept)} from {table} where {key} = ?", (job,)).fetchall()
        db.executemany(
            f"insert into {table} ({', '.join(kept)}) values ({', '.join('?' * len(kept))})",
            (
                [
                    value.replace(job, new_job).replace(prompt, new_prompt) if isinstance(value, str) else value
                    for value in row
                ]
                for new_job, new_prompt in ids
                for row in rows
            ),
        )
    db.execute("commit")
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()


async def _enqueue_one(path: Path) -> None:
    app = App(path)
    async with app.bide:
        await app.noop.enqueue(0)


async def _answer(path: Path, waiting: int) -> None:
    """The waiting jobs are real ones: the newest copy is answered, and completes."""
    app = App(path)
    async with app.bide:
        assert (await app.bide.stats()).by_status[JobStatus.PENDING_HITL] == waiting
        (job,) = await app.bide.list(statuses=[JobStatus.PENDING_HITL], limit=1)
        (prompt,) = await app.bide.show_prompts(job)
        await app.bide.respond(job, Proceed(), prompt=prompt.id)
        assert await app.bide.result(job, timeout="30s") == 0


def topic(size: Size) -> Topic[Path]:
    name = f"{size.waiting:,} waiting"
    return Topic(
        title="Memory and start",
        how="A worker process with three job types, from the start of Python; the file exists, with its schema. Beside"
        f" it one in whose file {size.waiting:,} jobs wait for people, each with an open question and four events.",
        cases={
            "bare": bare,
            "empty": partial(bide, waiting=0),
            "waiting": partial(bide, waiting=size.waiting),
        },
        lines=[
            Line("bare, Python with asyncio and sqlite3: started", "bare", "start", "s", "Python itself."),
            Line(
                "Bide, worker claims",
                "empty",
                "start",
                "s",
                "Imports: Pydantic, and the models and adapters built with it.",
                base=("bare", "start"),
            ),
            Line("Bide, first job has run", "empty", "first", "s", "As above.", base=("bare", "start")),
            Line(
                f"Bide, worker claims, {name}",
                "waiting",
                "start",
                "s",
                "As above: what waits is not looked at.",
                base=("empty", "start"),
                target=Target("<", 2, ratio=False),
            ),
            Line(
                f"Bide, first job has run, {name}",
                "waiting",
                "first",
                "s",
                "As above.",
                base=("empty", "first"),
                target=Target("<", 2, ratio=False),
            ),
            Line("bare, Python with asyncio and sqlite3: resident", "bare", "resident", "MB", "Python itself."),
            Line("Bide, worker: resident", "empty", "resident", "MB", "Pydantic.", base=("bare", "resident")),
            Line(
                f"Bide, worker, {name}: resident",
                "waiting",
                "resident",
                "MB",
                "SQLite's page caches; nothing is kept for a waiting job.",
                base=("empty", "resident"),
            ),
            Line(
                "Bide, a waiting job on the disk",
                "waiting",
                "size",
                "B",
                "The question with its schema, four events, and the indexes.",
                target=Target("≤", 3_000, ratio=False),
            ),
        ],
    )
