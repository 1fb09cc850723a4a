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

from rich.console import Console

from bide import Job, JobStatus, PromptView
from bide.errors import InvalidPayload, InvalidResponse
from examples.skills.demo.person import Person
from examples.skills.demo.screen import Screen
from examples.skills.demo.tally import STEPS, read_lines, read_tally
from examples.skills.demo.worker import WorkerProcess, undisturbed
from examples.skills.flow import Skill, author_skill, bide
from examples.skills.pausing import gap

GAP = ("outline", "write")
"""The two steps between which the worker is killed."""

MADE_BY = {"plan": ("outline",), "approve": ("write", "validate")}
"""The steps that run again when a person sends back what a question shows, by the beginning of its key."""

GLANCE = 0.02
"""Seconds between two looks at the steps' file and at the worker: neither tells of itself."""

SILENCE = 330
"""Seconds without any news before the demo gives up: longer than a step that asks a language model may take."""


class Halt(Enum):
    """Why the story goes on here, and no longer in the worker."""

    ASKING = auto()
    BETWEEN_STEPS = auto()
    FINISHED = auto()


class DemoFailed(Exception):
    """The demo did not come to its end. `log` is the end of what the worker said."""

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
        self._worker: WorkerProcess | None = None
        self._seen = 0
        self._killed: dict[Halt, int] = {}
        self._sent_back: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        with undisturbed():
            if self._worker is not None:
                self._worker.stop()
            bide.close()

    def run(self) -> bool:
        """From the job's acceptance to its end. Whether all went well, and nothing ran twice."""
        began = time.monotonic()
        job = self._accept()
        self._start_worker()
        while (halt := self._follow(job)) is not Halt.FINISHED:
            if halt is Halt.BETWEEN_STEPS:
                self._kill(halt, f"between {GAP[0]!r} and {GAP[1]!r}")
                self._start_worker(", which takes the job over")
                continue
            first = Halt.ASKING not in self._killed
            if first:
                self._kill(halt, "while a question is open: nothing runs now, and the question stays open")
            self._answer(job)
            if first:
                self._start_worker()
        return self._sum_up(bide.run(bide.get(job)), time.monotonic() - began)

    # ── The job ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _accept(self) -> Job[Skill]:
        # Opening creates the tables: once in the life of a database, and no part of accepting a job.
        bide.run(bide.stats())
        began = time.perf_counter()
        job = bide.run(author_skill.enqueue(self._package))
        took = (time.perf_counter() - began) * 1_000
        self._screen.line(
            "✓",
            f"accepted in {took:.1f} ms: a skill for {self._package}",
            "  (on disk, before any worker runs)",
            "green",
        )
        return job

    def _follow(self, job: Job[Skill]) -> Halt:
        with self._screen.progress() as show:
            return bide.run(self._next_halt(job, show))

    async def _next_halt(self, job: Job[Skill], show: Callable[[Job[Any]], None]) -> Halt:
        watches = [asyncio.create_task(self._read_events(job, show)), asyncio.create_task(self._watch_worker())]
        try:
            await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            return next(watch for watch in watches if watch.done()).result()
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _read_events(self, job: Job[Skill], show: Callable[[Job[Any]], None]) -> Halt:
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

    def _answer(self, job: Job[Skill]) -> None:
        for prompt in bide.run(bide.show_prompts(job)):
            self._screen.space()
            self._converse(job, prompt)

    def _converse(self, job: Job[Skill], prompt: PromptView) -> None:
        errors: list[dict[str, str]] = []
        while True:
            response = self._person.answer(prompt, self._folder, errors)
            try:
                bide.run(bide.respond(job, response, prompt=prompt.id, by=self._person.name))
                break
            except InvalidResponse as invalid:
                errors = invalid.errors
            except InvalidPayload as invalid:
                errors = [{"path": "", "message": invalid.message}]
        if response.get("action") == "revise":
            self._sent_back.update(MADE_BY.get(prompt.key.partition("-")[0], ()))
        alone = "" if self._worker is not None else ", though no worker is alive"
        self._screen.line("✓", f"answer recorded{alone}", style="green")

    # ── The worker ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _start_worker(self, aside: str = "") -> None:
        pause = "" if Halt.BETWEEN_STEPS in self._killed else ":".join(GAP)
        with undisturbed():
            self._worker = WorkerProcess(self._folder / "worker.log", pause=pause)
        self._screen.line("▸", f"worker {self._worker.pid} started{aside}", style="cyan")

    def _kill(self, halt: Halt, where: str) -> None:
        worker, self._worker = self._worker, None
        assert worker is not None, "nothing runs, so nothing can have come to a halt"
        worker.kill()
        self._killed[halt] = worker.pid
        self._screen.line("✗", f"kill -9 {worker.pid}, {where}", style="red")

    async def _watch_worker(self) -> Halt:
        worker = self._worker
        assert worker is not None, "the job is only followed while a worker runs"
        here = (gap(*GAP), worker.pid)
        while worker.alive:
            if here in read_lines(self._effects):
                return Halt.BETWEEN_STEPS
            await asyncio.sleep(GLANCE)
        raise DemoFailed(f"Worker {worker.pid} ended by itself.", self._log())

    def _log(self) -> str:
        log = self._folder / "worker.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    # ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sum_up(self, job: Job[Skill], took: float) -> bool:
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
        saved = Path(job.result.saved_path)
        self._screen.line("✗" if flaws else "✓", f"{end} → {saved}", f"  ({took:.0f} s)", "red" if flaws else "green")
        if not saved.is_file():
            self._screen.line("✗", f"{saved} is not there", style="red")
        return not flaws and saved.is_file() and self._killed.keys() == {Halt.ASKING, Halt.BETWEEN_STEPS}

    def _expected(self) -> dict[str, int]:
        """Executions by the answers given: each time a person sends something back, it is done once more."""
        return {step: 1 + self._sent_back[step] for step in STEPS}
