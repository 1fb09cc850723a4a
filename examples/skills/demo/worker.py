"""The worker of the demo: the command `bide worker` in a process of its own, to be killed and started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from examples.skills import pausing

APP = "examples.skills.flow:bide"

DRAIN_SECONDS = 1
"""What runs when the demo is stopped early is given back after it; nobody waits for that job any more."""

STOP_SECONDS = 10

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class WorkerProcess:
    """A worker that executes jobs until it is killed or stopped. Its output goes to the end of the file `log`.

    pause: as `outline:write`, the two steps between which it stands still.
    """

    def __init__(self, log: Path, *, pause: str = "") -> None:
        environment = {**os.environ, "BIDE_DRAIN": str(DRAIN_SECONDS), pausing.VARIABLE: pause}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bide.cli", "worker", APP],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                # A Ctrl-C in the terminal is for the demo, which then stops the worker in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """kill -9. Returns when the process is gone. It may have been gone before."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and kill -9 if it does not end by itself."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def undisturbed() -> Generator[None]:
    """Keeps back a Ctrl-C until the block is done: while a process is started, and while everything is cleaned up."""
    kept: list[int] = []

    def keep(number: int, _: FrameType | None) -> None:
        kept.append(number)

    before = {number: signal.signal(number, keep) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if kept:
        raise KeyboardInterrupt
