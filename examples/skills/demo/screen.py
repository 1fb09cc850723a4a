"""What the demo prints: colours and a moving bar in a terminal, plain lines elsewhere."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bide import Job, JobStatus
from bide.cli.show import message_text, percent_text
from bide.cli.text import styled
from examples.skills.demo.tally import STEPS, Tally, times

BAR_CELLS = 20
FRAMES = 10  # a second
PLAIN_WIDTH = 120


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads on, as after `| head`. Rich raises SystemExit, which would end the event loop that prints."""
        self.quiet = True
        raise BrokenPipeError


def make_console() -> Console:
    """A console that takes every text literally: what a job says may hold anything."""
    console = _Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


class Screen:
    """Prints the story, line by line."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._last = ""

    def line(self, mark: str, text: str, aside: str = "", style: str = "") -> None:
        """A line as `✓ accepted`, with an aside that is less important."""
        line = Text.assemble((f"{mark} ", style), styled(text, "bold" if style == "red" else ""))
        self.console.print(line.append_text(styled(aside, "dim")), soft_wrap=not self.console.is_terminal)

    def space(self) -> None:
        self.console.print()

    @contextmanager
    def progress(self) -> Generator[Callable[[Job[Any]], None]]:
        """A bar that moves while the block runs, by the function it gets. What it showed last stays on the screen."""
        if not self.console.is_terminal:
            yield self._keep
            return
        shown: list[Job[Any]] = []

        def show(job: Job[Any]) -> None:
            shown[:] = [job]
            live.update(progress_line(job))

        with Live(console=self.console, refresh_per_second=FRAMES, transient=True) as live:
            yield show
        for job in shown:
            self._keep(job)

    def _keep(self, job: Job[Any]) -> None:
        """Print a line that stays, unless it says nothing new."""
        line = progress_line(job)
        if job.progress.percent is not None and line.plain != self._last:
            self._last = line.plain
            self.console.print(line, soft_wrap=not self.console.is_terminal)

    def tally(self, tally: Tally, killed: set[int], sent_back: Mapping[str, int]) -> None:
        """How often each step ran and where. Remembered: it ran in a process that was killed later, and never again.

        sent_back: how often a person wanted what a step had made done again.
        """
        self.space()
        width = max(map(len, STEPS))
        for step in dict.fromkeys([*STEPS, *tally.pids]):
            pids = tally.pids.get(step, ())
            where = f", pid {', '.join(map(str, dict.fromkeys(pids)))}" if pids else ""
            ran = f"ran {times(len(pids))}" if pids else "never ran"
            line = styled(f"  step {step:<{width}}  {ran}{where}")
            if back := sent_back.get(step):
                line.append(f"  (you sent it back {times(back)})", style="dim")
            if pids and killed >= set(pids):
                line.append("  ← remembered", style="cyan")
            self.console.print(line)


def progress_line(job: Job[Any]) -> Text:
    """A line as `████████░░░░  34 %  Reading httpx: 61 public names`."""
    percent = 100 if job.status is JobStatus.COMPLETED else job.progress.percent or 0
    done = round(percent / 100 * BAR_CELLS)
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append("█" * done, style="green" if job.status.terminal else "cyan")
    line.append("░" * (BAR_CELLS - done), style="dim")
    line.append(f"  {percent_text(job):>5}  ")
    waiting = "waiting for a worker" if job.status is JobStatus.PENDING else ""
    return line.append_text(styled(message_text(job) or waiting))
