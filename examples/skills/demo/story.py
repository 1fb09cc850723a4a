"""The story of the demo: what is done to the job, in which order, and what a person sees of it.

Each move waits for a fact, in the job's events or in the steps' own file, and never for a time to pass.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx
from rich.console import Console

from bide import Job, JobStatus, PromptView
from examples.skills.demo.client import Client
from examples.skills.demo.person import Person
from examples.skills.demo.screen import Screen
from examples.skills.demo.server import ServerProcess, free_port, undisturbed
from examples.skills.demo.tally import STEPS, read_lines, read_tally
from examples.skills.flow import bide
from examples.skills.pausing import gap

GAP = ("outline", "write")
"""The two steps between which the server is killed."""

MADE_BY = {
    "confirm": ("outline",),
    "preview": ("write", "save_draft"),
    "validate": ("write", "save_draft", "validate"),
}
"""The steps that run again when a person sends back what a question shows, by its kind."""

GLANCE = 0.02
"""Seconds between two looks at the steps' file and at the server: neither tells of itself."""

SILENCE = 330
"""Seconds without any news before the demo gives up: longer than a step that asks a language model may take."""


class Halt(Enum):
    """Why the story goes on here, and no longer in the server."""

    ASKING = auto()
    BETWEEN_STEPS = auto()
    FINISHED = auto()


class DemoFailed(Exception):
    """The demo did not come to its end. `log` is the end of what the server said."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class Demo:
    """One run of the demo, in a `with` block that leaves no process behind.

    folder: where its files go. effects: the file that the steps write.
    """

    def __init__(self, package: str, folder: Path, effects: Path, console: Console, person: Person) -> None:
        self._package = package
        self._folder = folder
        self._effects = effects
        self._screen = Screen(console)
        self._person = person
        self._port = free_port()
        self._client = Client(self._port)
        self._server: ServerProcess | None = None
        self._seen = 0
        self._killed: dict[Halt, int] = {}
        self._sent_back: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        with undisturbed():
            if self._server is not None:
                self._server.stop()
            bide.close()
        self._client.__exit__(kind, error, trace)

    def run(self) -> bool:
        """From the job's acceptance to its end. Whether all went well, and nothing ran twice."""
        began = time.monotonic()
        self._start_server(f": {self._client.address}")
        job = self._accept()
        while (halt := self._follow(job)) is not Halt.FINISHED:
            if halt is Halt.BETWEEN_STEPS:
                self._kill(halt, f"between {GAP[0]!r} and {GAP[1]!r}")
                self._start_server(", which takes the job over")
                continue
            if Halt.ASKING not in self._killed:
                self._kill(halt, "while a question is open: nothing runs now, and the question stays open")
                self._start_server(", which asks it")
            self._answer(job)
        return self._sum_up(bide.run(bide.get(job)), time.monotonic() - began)

    # ── The job ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _accept(self) -> UUID:
        began = time.perf_counter()
        try:
            job = self._client.create(self._package, self._person.name)
        except httpx.HTTPStatusError as refused:
            raise DemoFailed(f"The service refused it: {refused.response.text}") from refused
        took = (time.perf_counter() - began) * 1_000
        self._screen.line(
            "✓", f"accepted in {took:.1f} ms: a skill for {self._package}", "  (on disk, whoever executes it)", "green"
        )
        return job

    def _follow(self, job: UUID) -> Halt:
        with self._screen.progress() as show:
            return bide.run(self._next_halt(job, show))

    async def _next_halt(self, job: UUID, show: Callable[[Job[Any]], None]) -> Halt:
        watches = [asyncio.create_task(self._read_events(job, show)), asyncio.create_task(self._watch_server())]
        try:
            await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            return next(watch for watch in watches if watch.done()).result()
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _read_events(self, job: UUID, show: Callable[[Job[Any]], None]) -> Halt:
        try:
            async with asyncio.timeout(SILENCE) as silence:
                async for event in bide.events(job, after=self._seen):
                    silence.reschedule(asyncio.get_running_loop().time() + SILENCE)
                    self._seen = event.seq
                    now = await bide.get(job)
                    show(now)
                    if now.status is JobStatus.PENDING_HITL:
                        return Halt.ASKING
        except TimeoutError:
            raise DemoFailed(f"There was no news of the job for {SILENCE} s.", self._log()) from None
        return Halt.FINISHED

    def _answer(self, job: UUID) -> None:
        prompt = self._client.prompt(job)
        if prompt is not None:
            self._screen.space()
            self._converse(prompt)

    def _converse(self, prompt: PromptView) -> None:
        errors: list[dict[str, str]] | None = []
        response: dict[str, Any] = {}
        while errors is not None:
            response = self._person.answer(prompt, self._folder, errors)
            errors = self._client.respond(prompt, response)
        if response.get("action") == "revise":
            self._sent_back.update(MADE_BY.get(prompt.kind, ()))
        self._screen.line("✓", "answer recorded", style="green")

    # ── The server ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _start_server(self, aside: str = "") -> None:
        pause = "" if Halt.BETWEEN_STEPS in self._killed else ":".join(GAP)
        with undisturbed():
            self._server = ServerProcess(self._folder / "server.log", self._port, pause=pause)
        self._screen.line("▸", f"server {self._server.pid} started{aside}", style="cyan")
        if not self._server.await_ready():
            raise DemoFailed(f"Server {self._server.pid} did not come to serve.", self._log())

    def _kill(self, halt: Halt, where: str) -> None:
        server, self._server = self._server, None
        assert server is not None, "nothing runs, so nothing can have come to a halt"
        server.kill()
        self._killed[halt] = server.pid
        self._screen.line("✗", f"kill -9 {server.pid}, {where}", style="red")

    async def _watch_server(self) -> Halt:
        server = self._server
        assert server is not None, "the job is only followed while a server runs"
        here = (gap(*GAP), server.pid)
        while server.alive:
            if here in read_lines(self._effects):
                return Halt.BETWEEN_STEPS
            await asyncio.sleep(GLANCE)
        raise DemoFailed(f"Server {server.pid} ended by itself.", self._log())

    def _log(self) -> str:
        log = self._folder / "server.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    # ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sum_up(self, job: Job[Any], took: float) -> bool:
        """Print what came of it: of the steps what they counted themselves, of the job what Bide says."""
        tally = read_tally(self._effects)
        self._screen.tally(tally, set(self._killed.values()), self._sent_back)
        finished = job.status is JobStatus.COMPLETED
        flaws = tally.flaws(self._expected(), finished=finished)
        for flaw in flaws:
            self._screen.line("✗", flaw, style="red")
        repeated = "nothing repeated" if not flaws else "not as it should be"
        end = f"{job.status.value}, attempt {job.attempt}, {repeated}"
        if job.status is JobStatus.CANCELLED:
            self._screen.line("–", f"{end}: you cancelled it", style="yellow")
            return not flaws
        if job.result is None:
            self._screen.line("✗", f"{end}: {job.error.message if job.error else 'no result'}", style="red")
            return False
        self._client.discard_draft(job.id)
        saved = _near(Path(job.result.saved_path))
        self._screen.line("✗" if flaws else "✓", f"{end} → {saved}", f"  ({took:.0f} s)", "red" if flaws else "green")
        if not saved.is_file():
            self._screen.line("✗", f"{saved} is not there", style="red")
        return not flaws and saved.is_file() and self._killed.keys() == {Halt.ASKING, Halt.BETWEEN_STEPS}

    def _expected(self) -> dict[str, int]:
        """Executions by the answers given: each time a person sends something back, it is done once more."""
        return {step: 1 + self._sent_back[step] for step in STEPS}


def _near(path: Path) -> Path:
    """The path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
