"""Watch jobs until they have finished: bars that move in a terminal, a line per change elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Iterable, Sequence
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bide.app import PAGE, Bide
from bide.cli.session import Jobs, connect, find_job, short
from bide.cli.show import WIDE, message_text, percent_text, status_text, style
from bide.cli.text import one_line
from bide.errors import BideError, NotFound
from bide.job import Job, JobStatus

if TYPE_CHECKING:
    from bide.cli.remote import RemoteBide

UNFINISHED = tuple(status for status in JobStatus if not status.terminal)

FRAMES = 10
"""Redraws a second: also what moves the bar of a job that has not told how far it is."""


class Board(Protocol):
    """Where jobs are shown as they change."""

    def show(self, job: Job[Any]) -> None: ...

    def gone(self, job: UUID) -> None:
        """The job was deleted."""
        ...


async def watch(url: str, token: str | None, names: Sequence[str], console: Console) -> None:
    """Show these jobs, or the newest of those that are unfinished now, until each has finished."""
    async with connect(url, token) as app:
        if names:
            jobs = list({job.id: job for name in names for job in [await find_job(app, name)]}.values())
        else:
            jobs = list(reversed(await app.list(statuses=UNFINISHED, limit=PAGE)))
        if not jobs:
            console.print("No job is unfinished.")
            return
        if not names and len(jobs) == PAGE:
            by_status = (await app.stats()).by_status
            left_out = sum(n for status, n in by_status.items() if status in UNFINISHED) - PAGE
            if left_out > 0:
                console.print(f"These are the newest {PAGE}; {left_out:,} older ones are left out.")
        with _board(console) as board:
            for job in jobs:
                board.show(job)
            if isinstance(app, Bide) or len(jobs) == 1:
                await _each(_follow(app, job, board) for job in jobs)
            else:
                await _follow_all(app, jobs, board)


async def _each(looks: Iterable[Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for look in looks:
                group.create_task(look)
    except* BideError as errors:
        raise errors.exceptions[0] from None


async def _follow(app: Jobs, job: Job[Any], board: Board) -> None:
    try:
        async with aclosing(app.events(job.id, after=job.seq)) as events:
            async for _ in events:
                board.show(await app.get(job.id))
    except NotFound:
        board.gone(job.id)


async def _follow_all(app: RemoteBide, jobs: Sequence[Job[Any]], board: Board) -> None:
    """As each would be followed, with one stream for all of them."""
    left = {job.id: job for job in jobs if not job.status.terminal}

    async def look(identity: UUID) -> None:
        try:
            job = await app.get(identity)
        except NotFound:
            board.gone(identity)
            del left[identity]
            return
        board.show(job)
        left[identity] = job
        if job.status.terminal:
            del left[identity]

    if not left:
        return
    async with aclosing(app.changes(left)) as changes:
        async for changed in changes:
            await _each(map(look, changed))
            if not left:
                return


@contextmanager
def _board(console: Console) -> Generator[Board]:
    if not console.is_terminal:
        yield Lines(console)
        return
    bars = Bars()
    with Live(bars, console=console, refresh_per_second=FRAMES) as live:
        try:
            yield bars
        finally:
            # While it moves, what does not fit into the window is cut off; what stays on the screen is whole.
            live.vertical_overflow = "visible"


class Lines:
    """A line per change: for pipes and log files."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[UUID, str] = {}

    def show(self, job: Job[Any]) -> None:
        line = (
            f"{short(job.id)}  {one_line(job.type, 40)}  {status_text(job)}  {percent_text(job)}  {_what(job)}".rstrip()
        )
        if self._last.get(job.id) != line:
            self._last[job.id] = line
            self._print(line)

    def gone(self, job: UUID) -> None:
        self._print(f"{short(job)}  deleted")

    def _print(self, line: str) -> None:
        self._console.print(Text(f"{datetime.now().astimezone():%H:%M:%S}  {line}"), soft_wrap=True)


class Bars:
    """A bar per job, drawn anew at each frame; those that still move come first."""

    def __init__(self) -> None:
        self._jobs: dict[UUID, Job[Any]] = {}

    def show(self, job: Job[Any]) -> None:
        self._jobs[job.id] = job

    def gone(self, job: UUID) -> None:
        self._jobs.pop(job, None)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table.grid(padding=(0, 1), expand=True)
        for _ in ("id", "type", "status"):
            table.add_column(no_wrap=True)
        table.add_column(width=24 if options.max_width >= WIDE else 10)
        table.add_column(justify="right", width=5)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for job in sorted(self._jobs.values(), key=lambda job: job.status.terminal):
            table.add_row(
                Text(short(job.id), style="dim"),
                Text(one_line(job.type, 24)),
                status_text(job),
                _bar(job),
                percent_text(job),
                Text(_what(job)),
            )
        yield table


def _bar(job: Job[Any]) -> ProgressBar:
    colour = style(job.status)
    if job.status is JobStatus.COMPLETED:
        return ProgressBar(total=100, completed=100, finished_style=colour)
    # A pulse says "at work, how far is unknown"; a job that does not run has an empty bar instead.
    unknown = job.progress.percent is None
    return ProgressBar(
        total=100,
        completed=job.progress.percent or 0,
        pulse=unknown and job.status is JobStatus.RUNNING,
        complete_style=colour,
        finished_style=colour,
    )


def _what(job: Job[Any]) -> str:
    if job.status is JobStatus.PENDING_HITL:
        return f"bide jobs answer {short(job.id)}"
    return message_text(job)
