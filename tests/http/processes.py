"""Servers in processes of their own, which can be told to stop and be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]


@dataclass
class Process:
    address: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def wait_until_ready(self, path: str = "/ready") -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.popen.poll() is not None:
                break
            try:
                if httpx.get(f"{self.address}{path}", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"it is not ready: {self.log.read_text()}")

    def stop(self) -> float:
        """Send SIGTERM; returns the seconds until it had ended."""
        began = time.monotonic()
        self.popen.send_signal(signal.SIGTERM)
        self.popen.wait(60)
        return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def uvicorn(folder: Path, *options: str, **environment: str) -> Generator[Process]:
    """`uvicorn tests.http.app:app` with these options, on the database of this folder."""
    port = free_port()
    log = folder / f"server-{port}.log"
    command = [sys.executable, "-m", "uvicorn", "tests.http.app:app", "--port", str(port), *options]
    url = f"sqlite:///{folder}/jobs.db"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "BIDE_TEST_URL": url, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = Process(f"http://127.0.0.1:{port}", popen, log)
    try:
        process.wait_until_ready()
        yield process
    finally:
        if popen.poll() is None:
            os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
