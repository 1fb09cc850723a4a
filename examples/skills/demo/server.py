"""The service, as its users start it, in a process of its own: to be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from examples.skills import pausing

HOST = "127.0.0.1"

READY_SECONDS = 60
GLANCE = 0.02

DRAIN_SECONDS = 1
"""What runs when the demo is stopped early is given back after it; nobody waits for that job any more."""

STOP_SECONDS = 10

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ServerProcess:
    """A server that answers and executes jobs until it is killed or stopped.

    log: the file to whose end its output goes. pause: as `outline:write`, the two steps between which its job stands
    still.
    """

    def __init__(self, log: Path, port: int, *, pause: str = "") -> None:
        self._port = port
        environment = {**os.environ, "BIDE_DRAIN": str(DRAIN_SECONDS), pausing.VARIABLE: pause}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "examples.skills", "--host", HOST, "--port", str(port)],
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

    @property
    def ready(self) -> bool:
        """Whether it takes calls."""
        try:
            socket.create_connection((HOST, self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def await_ready(self) -> bool:
        """Wait until it takes calls; False where it ended instead, or takes too long."""
        deadline = time.monotonic() + READY_SECONDS
        while not self.ready:
            if not self.alive or time.monotonic() > deadline:
                return False
            time.sleep(GLANCE)
        return True

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


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


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
