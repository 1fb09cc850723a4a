"""The processes that execute, and the one who kills them."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT
from tests.witness import Witness

WORKERS = 2


class Workers:
    def __init__(self, folder: Path, url: str) -> None:
        self._command = [sys.executable, "-m", "tests.soak.jobs", str(folder), url]
        self._witness = Witness(folder / "workers.jsonl")
        self._log = folder / "workers.log"
        self._running: list[subprocess.Popen[bytes]] = []
        self.kills = 0

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._running.append(subprocess.Popen(self._command, cwd=ROOT, stdout=log, stderr=log))

    async def kill_one(self, chance: random.Random) -> None:
        """Kill a worker that has begun to work, and start another."""
        victim = chance.choice(await self._ready(1))
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

    def unexpected(self) -> list[str]:
        """What they logged of exceptions that nobody expected: the lines that name them."""
        lines = self._log.read_text(errors="replace").splitlines()
        raised = [n for n, line in enumerate(lines) if line.startswith("Traceback")]
        return [" / ".join([lines[n - 1], *_named(lines[n + 1 :])]) for n in raised]

    async def _ready(self, count: int) -> list[subprocess.Popen[bytes]]:
        """Those who have begun to work, once there are so many."""
        while True:
            for worker in self._running:
                assert worker.poll() is None, f"worker {worker.pid} ended by itself, with {worker.returncode}"
            pids = {line["pid"] for line in self._witness.lines()}
            ready = [worker for worker in self._running if worker.pid in pids]
            if len(ready) >= count:
                return ready
            await asyncio.sleep(0.01)


def _named(lines: list[str]) -> list[str]:
    """The first line after the frames of a traceback."""
    return [line for line in lines if not line.startswith(" ")][:1]
