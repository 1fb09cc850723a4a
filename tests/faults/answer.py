"""A process that answers a question, or enqueues a job, and is killed around the very commit of it.

python -m tests.faults.answer FOLDER JOB PROMPT RESPONSE before|after
python -m tests.faults.answer FOLDER enqueue '' '' after
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast
from uuid import UUID

from bide.store.sqlite import SQLiteStore
from tests.crash.faults import Fault, Faults, Mode, Place
from tests.crash.postgres import counting
from tests.crash.sqlite import connecting
from tests.faults.app import App
from tests.support import file_of, is_file, store_at


async def main(folder: str, job: str, prompt: str, response: str, when: str) -> None:
    app = App(Path(folder))
    file = "respond"
    if job == "enqueue":
        file = "insert_jobs" if is_file(app.url) else "insert_job"
    faults = Faults(Fault(Place("", file, 1), cast("Mode", when)))
    with counting(faults):
        if is_file(app.url):
            await app.bide.open_on(lambda: SQLiteStore(file_of(app.url), connect=connecting(faults)))
        else:
            await app.bide.open_on(lambda: store_at(app.url))
        if job == "enqueue":
            await app.chain.options(idempotency_key="once").enqueue()
        else:
            answer = {"action": "proceed"}
            await app.bide.respond(job, answer, prompt=prompt, by="ann", response_id=UUID(response))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
