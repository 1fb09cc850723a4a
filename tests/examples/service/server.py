"""The service as its users start it: a process with an address, which can be killed at any moment and started again."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from uuid import uuid4

import httpx

CHECKOUT = Path(__file__).resolve().parents[3]
PATIENCE = 30.0
GLANCE = 0.01
OVER = ("completed", "failed", "cancelled")

Json = dict[str, Any]


class Server:
    """`python -m examples.skills` in a folder of its own. Killed and started again, it has the same address."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.taxonomy = folder / "taxonomy"
        self.log = folder / "server.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BIDE_", "PYTEST_"))}
        self.environment = {
            **kept,
            "BIDE_SKILLS_MODEL": "rules",
            **environment,
        }
        paths = [str(CHECKOUT), *filter(None, self.environment.get("PYTHONPATH", "").split(os.pathsep))]
        self.environment["PYTHONPATH"] = os.pathsep.join(str(Path(path).absolute()) for path in paths)
        self.process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def command(self) -> list[str]:
        database = f"sqlite:///{self.folder / 'skills.db'}"
        where = ["--port", str(self.port), "--database", database, "--taxonomy", str(self.taxonomy)]
        return [sys.executable, "-m", "examples.skills", *where]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        until(self._answers)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(PATIENCE) == -signal.SIGKILL
        self.kills += 1

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        # It listens before it has opened its database: only an answer says that it has.
        try:
            httpx.get(f"http://127.0.0.1:{self.port}/", timeout=PATIENCE)
        except httpx.TransportError:
            return False
        return True


class Client:
    """A client of the contract. `before_call` is what happens between any two of its calls."""

    def __init__(self, server: Server, before_call: Callable[[], None] | None = None) -> None:
        self.server = server
        self._before_call = before_call
        # Skills of two tests must not be saved to one place.
        self.category = f"of-{uuid4()}"
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{server.port}/api/v2", timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        """A call of its own."""
        if self._before_call is not None:
            self._before_call()
        return self.at_once(method, path, body, **more)

    def at_once(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        """A call to the server as it is: one of a series by which something is waited for."""
        # A connection of its own: one that a server left behind when it was killed is no use any more.
        headers = {"Connection": "close", **more.pop("headers", {})}
        return self._http.request(method, path, json=body, headers=headers, **more)

    # ── The contract's calls ─────────────────────────────────────────────────────────────────────────────────────────

    def create(self, task: str, **more: Any) -> str:
        if more.get("package") == "":
            more.setdefault("category", self.category)
        answer = self.call("POST", "/skills/create", {"task_description": task, **more})
        assert answer.status_code == 202, answer.text
        assert answer.json().keys() == {"job_id", "status"}
        assert answer.json()["status"] == "accepted"
        return str(answer.json()["job_id"])

    def job(self, job: str) -> Json:
        return self.ok(self.call("GET", f"/jobs/{job}"))

    def prompt(self, job: str, kind: str | None = None) -> Json:
        """Poll until the job asks something, of this type, or has ended."""
        shown = self.ok(self.call("GET", f"/hitl/{job}/prompt"))

        def settled() -> bool:
            nonlocal shown
            if shown["status"] == "pending_hitl" or shown["status"] in OVER:
                return True
            shown = self.ok(self.at_once("GET", f"/hitl/{job}/prompt"))
            return False

        until(settled)
        if kind is not None:
            assert (shown["status"], shown["type"]) == ("pending_hitl", kind), shown
        return shown

    def answer(self, job: str, body: Mapping[str, Any]) -> Json:
        return self.ok(self.call("POST", f"/hitl/{job}/response", dict(body)))

    def accepted(self, job: str, body: Mapping[str, Any]) -> None:
        answered = self.answer(job, body)
        assert answered["status"] == "accepted", answered

    def promote(self, job: str, **how: bool) -> httpx.Response:
        return self.call("POST", f"/drafts/{job}/promote", how)

    def ok(self, answer: httpx.Response) -> Json:
        assert answer.status_code == 200, answer.text
        return cast("Json", answer.json())


class Killing:
    """Kills the server between any two calls of several clients at once, each in a thread of its own.

    When all of them are about to make their next call, the server is killed and started again; then each makes its one.
    So they share the restarts, of which each takes most of a second.
    """

    def __init__(self, server: Server, clients: int) -> None:
        self._server = server
        self._living = clients
        self._waiting = 0
        self._round = 0
        self._turn = threading.Condition()

    def wait(self) -> None:
        """To be called before each call."""
        with self._turn:
            self._waiting += 1
            mine = self._round
            self._kill_if_all_wait()
            assert self._turn.wait_for(lambda: self._round > mine, 2 * PATIENCE), "the others never came"

    def leave(self) -> None:
        """This client makes no more calls."""
        with self._turn:
            self._living -= 1
            self._kill_if_all_wait()

    def _kill_if_all_wait(self) -> None:
        if self._living and self._waiting == self._living:
            self._server.kill()
            self._server.start()
            self._waiting = 0
            self._round += 1
            self._turn.notify_all()


def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact that tells nobody when it becomes true."""
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(GLANCE)
