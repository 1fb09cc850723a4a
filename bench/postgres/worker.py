"""A worker in a process of its own: `python -m bench.postgres.worker KIND URL MARKS`. It prints how far it is.

`open` once it is connected; then it waits for a line. The bare loop prints `ended` when nothing is left; all of them
leave when their input ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from bench.postgres.database import Database
from bench.worker import Child

Kind: TypeAlias = Literal["bide", "bare", "bare listener"]


@contextmanager
def at_work(kind: Kind, database: Database, count: int = 1) -> Generator[list[Child]]:
    """So many processes that are connected and wait for their sign; ended in the end."""
    arguments = ("-m", "bench.postgres.worker", kind, database.url, str(database.marks))
    children = [Child(*arguments) for _ in range(count)]
    try:
        for child in children:
            child.until("open")
        yield children
    finally:
        for child in children:
            child.end()


def _say(word: str) -> None:
    print(word, flush=True)


def _line() -> asyncio.Future[str]:
    """The next line of the input, or its end."""
    return asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))


async def work(url: str, marks: Path) -> None:
    from bench.postgres.jobs import App, recorder

    recorder.share(marks)
    app = App(url)
    async with app.bide:
        _say("open")
        await _line()
        async with app.bide.worker():
            await _line()


async def loop_bare(url: str) -> None:
    from bench.postgres import bare

    async def wait() -> None:
        _say("open")
        await _line()

    await bare.empty(url, wait)
    _say("ended")
    await _line()


async def listen_bare(url: str, marks: Path) -> None:
    from bench.marks import Marks
    from bench.postgres import bare

    async def wait() -> None:
        _say("open")
        await _line()
        await _line()

    await bare.listen(url, Marks(marks), wait)


if __name__ == "__main__":
    where, shared = sys.argv[2], Path(sys.argv[3])
    match sys.argv[1]:
        case "bide":
            asyncio.run(work(where, shared))
        case "bare listener":
            asyncio.run(listen_bare(where, shared))
        case _:
            asyncio.run(loop_bare(where))
