"""A process that answers a question, or enqueues a job, and is killed around the very commit of it.

python -m tests.faults.answer FOLDER JOB PROMPT RESPONSE before|after
python -m tests.faults.answer FOLDER enqueue '' '' after
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from bide.store.sqlite import SQLiteStore
from tests.faults.app import App


def killing(when: str, armed: Callable[[], bool]) -> type[sqlite3.Connection]:
    """Connections that end the process at the first commit once armed."""

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            last = sql == "commit" and armed()
            if last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            cursor = super().execute(sql, parameters)
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
            return cursor

    return Connection


async def main(folder: str, job: str, prompt: str, response: str, when: str) -> None:
    armed = False
    app = App(Path(folder))
    factory = killing(when, lambda: armed)

    def connect(path: str, **options: Any) -> sqlite3.Connection:
        return sqlite3.connect(path, factory=factory, **options)

    await app.bide.open_on(lambda: SQLiteStore(Path(folder, "jobs.db"), connect=connect))
    armed = True
    if job == "enqueue":
        await app.chain.options(idempotency_key="once").enqueue()
    else:
        answer = {"action": "proceed"}
        await app.bide.respond(job, answer, prompt=prompt, by="ann", response_id=UUID(response))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
