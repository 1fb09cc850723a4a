"""A worker or a writer in a process of its own: `python -m bench.worker KIND FOLDER`. It prints how far it is.

`open` after the imports and the opening of the file; then it waits for a line. Bide's worker prints `ready` once it
claims and `ran` when its first job has run, and leaves when its input ends; the bare loop ends when nothing is left. A
writer enqueues one job after the other until its input ends.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Literal, TypeAlias

import psutil

ROOT = Path(__file__).resolve().parent.parent

Kind: TypeAlias = Literal["bide", "bare", "bide writer", "bare writer"]


class Child:
    """The other end: starts such a process, tells it to go on, and reads what it prints."""

    def __init__(self, *arguments: str) -> None:
        paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )

    @classmethod
    def worker(cls, kind: Kind, folder: Path) -> Child:
        return cls("-m", "bench.worker", kind, str(folder))

    def until(self, word: str) -> float:
        """Wait for this line; returns the seconds since the process was started."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line == word, f"a process of the measurement said {line!r} instead of {word!r}"
        return time.perf_counter() - self.began

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    @property
    def resident(self) -> float:
        """Its memory, in megabytes."""
        return float(psutil.Process(self._process.pid).memory_info().rss) / 1e6

    def end(self) -> None:
        """End its input, and wait until it has left in order."""
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0, f"a process of the measurement ended with {self._process.returncode}"


async def work(folder: Path) -> None:
    from bench.jobs import App, recorder

    app = App(folder / "jobs.db")
    loop = asyncio.get_running_loop()
    async with app.bide:
        print("open", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        recorder.expect(1)
        async with app.bide.worker():
            print("ready", flush=True)
            telling = loop.create_task(_tell_first(recorder.reached))
            await loop.run_in_executor(None, sys.stdin.readline)
            telling.cancel()


async def _tell_first(reached: asyncio.Event) -> None:
    await reached.wait()
    print("ran", flush=True)


def loop_bare(folder: Path) -> None:
    from bench import bare

    loop = bare.FullLoop(bare.connect(folder))
    with asyncio.Runner() as runner:
        runner.get_loop()
        print("open", flush=True)
        sys.stdin.readline()
        while loop.turn():
            loop.execute(runner)
    print("ended", flush=True)


async def write(folder: Path) -> None:
    from bench.jobs import App

    app = App(folder / "jobs.db")
    loop = asyncio.get_running_loop()
    async with app.bide:
        print("open", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        over = loop.run_in_executor(None, sys.stdin.readline)
        n = 0
        while not over.done():
            await app.noop.enqueue(n)
            n += 1


def write_bare(folder: Path) -> None:
    from bench import bare

    db = bare.connect(folder)
    print("open", flush=True)
    sys.stdin.readline()
    reading = threading.Thread(target=sys.stdin.readline, daemon=True)
    reading.start()
    n = 0
    while reading.is_alive():
        bare.write_full(db, [f'{{"n":{n}}}'])
        n += 1


if __name__ == "__main__":
    where = Path(sys.argv[2])
    match sys.argv[1]:
        case "bide":
            asyncio.run(work(where))
        case "bide writer":
            asyncio.run(write(where))
        case "bare writer":
            write_bare(where)
        case _:
            loop_bare(where)
