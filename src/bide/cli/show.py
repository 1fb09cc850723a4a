"""Jobs, questions and counts as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bide.cli.session import short
from bide.cli.text import as_json, one_line, printable, styled
from bide.clock import instant
from bide.events import Event
from bide.hitl import PromptView
from bide.job import Job, JobStatus
from bide.store.base import Stats

STYLES = {
    JobStatus.PENDING: "cyan",
    JobStatus.RUNNING: "bold blue",
    JobStatus.PENDING_HITL: "bold yellow",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "dim",
}

WORDS = {JobStatus.PENDING_HITL: "waiting for you"}
"""What people read instead of a status's name."""

HISTORY_SHOWN = 30
RESULT_SHOWN = 2_000
WIDE = 110
"""Columns from which on a list has room for whole ids."""


def word(status: JobStatus) -> str:
    return WORDS.get(status) or one_line(status, 40)


def style(status: JobStatus) -> str:
    return STYLES.get(status, "")


def status_text(job: Job[Any]) -> Text:
    """The status, and what is behind it: a cancel on its way, or the time for which the job waits."""
    if job.cancel_requested_at is not None and not job.status.terminal:
        return Text("cancelling", style="dim")
    text = Text(word(job.status), style=style(job.status))
    if job.status is JobStatus.PENDING and job.due_at is not None:
        text.append(printable(f" ({job.reason or 'due'}, {clock(job.due_at)})"), style="dim")
    return text


def percent_text(job: Job[Any]) -> str:
    """Nothing known yet is a dash: it must not look like 0 %."""
    percent = 100.0 if job.status is JobStatus.COMPLETED else job.progress.percent
    return "–" if percent is None else f"{percent:.0f} %"


def message_text(job: Job[Any]) -> str:
    """The job's own words about where it is, with its place in the innermost stage that counts."""
    if job.status is JobStatus.FAILED and job.error is not None:
        return one_line(f"{job.error.type}: {job.error.message}")
    progress = job.progress
    said = progress.message or " › ".join(stage.name for stage in progress.stages)
    counted = [stage for stage in progress.stages if stage.of is not None]
    place = f" ({counted[-1].item} of {counted[-1].of})" if counted and not job.status.terminal else ""
    return one_line(f"{said}{place}")


def clock(at: datetime) -> str:
    """A time in the reader's zone; with the date unless it is today's."""
    local = at.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == datetime.now(UTC).astimezone().date() else "%Y-%m-%d %H:%M:%S")


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def job_table(jobs: Sequence[Job[Any]], width: int) -> RenderableType:
    if not jobs:
        return Text("No jobs.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("ID", no_wrap=True)
    for column in ("Type", "Status", "Created"):
        table.add_column(column, no_wrap=True)
    table.add_column("Done", justify="right", no_wrap=True)
    table.add_column("Message", no_wrap=True, overflow="ellipsis", ratio=1)
    for job in jobs:
        table.add_row(
            str(job.id) if width >= WIDE else short(job.id),
            Text(one_line(job.type, 40)),
            status_text(job),
            clock(job.created_at),
            percent_text(job),
            Text(message_text(job)),
        )
    return table


def stats_table(stats: Stats) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Status")
    table.add_column("Jobs", justify="right")
    table.add_column("Oldest finished")
    for status, count in stats.by_status.items():
        oldest = stats.oldest.get(status)
        table.add_row(
            Text(word(status), style=style(status)),
            f"{count:,}",
            "" if oldest is None else clock(instant(oldest)),
        )
    return Group(table, Text(f"\n{stats.ready:,} ready to run, {stats.open_prompts:,} open question(s)"))


def stats_data(stats: Stats) -> dict[str, Any]:
    return {
        "by_status": {status.value: count for status, count in stats.by_status.items()},
        "ready": stats.ready,
        "open_prompts": stats.open_prompts,
        "oldest": {status.value: instant(at).isoformat() for status, at in stats.oldest.items()},
    }


# ── One job ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_job(console: Console, job: Job[Any], prompts: Sequence[PromptView], history: Sequence[Event]) -> None:
    console.print(_facts(job))
    if job.error is not None:
        _section(console, "Error")
        console.print(styled(f"{job.error.type}: {job.error.message}", "red"))
        if job.error.traceback:
            console.print(styled(job.error.traceback.rstrip(), "dim"))
    if job.status is JobStatus.COMPLETED:
        _section(console, "Result")
        console.print(Text(printable(as_json(job.model_dump(mode="json")["result"]), RESULT_SHOWN)))
    if prompts:
        _section(console, "Questions")
        console.print(_prompt_table(prompts))
    _section(console, "History")
    if len(history) > HISTORY_SHOWN:
        console.print(Text(f"… {len(history) - HISTORY_SHOWN:,} earlier event(s); --json shows all", style="dim"))
    console.print(_history_table(history[-HISTORY_SHOWN:]))


def _section(console: Console, title: str) -> None:
    console.print(Text(f"\n{title}", style="bold"))


def _facts(job: Job[Any]) -> Table:
    facts: list[tuple[str, object]] = [
        ("Job", job.id),
        ("Type", job.type),
        ("Status", status_text(job)),
        ("Reason", job.reason),
        ("Progress", f"{percent_text(job)}  {message_text(job)}".rstrip()),
        ("Attempt", f"{job.attempt} of {job.max_attempts}"),
        ("Queue", f"{job.queue}, priority {job.priority}"),
        ("Owner", job.owner),
        *((name, None if at is None else clock(at)) for name, at in _times(job)),
        ("Parent", job.parent),
        ("Forked from", job.forked_from),
    ]
    table = Table.grid(padding=(0, 2))
    for name, value in facts:
        if value is not None and value != "":
            table.add_row(Text(name, style="dim"), value if isinstance(value, Text) else Text(one_line(value, 500)))
    return table


def _times(job: Job[Any]) -> Iterable[tuple[str, datetime | None]]:
    yield "Created", job.created_at
    yield "Started", job.started_at
    yield "Due", job.due_at
    yield "Cancel asked", job.cancel_requested_at
    yield "Finished", job.finished_at


def _standing(prompt: PromptView) -> str:
    if prompt.status == "open" and prompt.deadline_at is not None:
        return f"open, until {clock(prompt.deadline_at)}"
    return one_line(prompt.status)


def _prompt_table(prompts: Sequence[PromptView]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Question", "Kind", "Status", "Opened", "By", "Answer"):
        table.add_column(column)
    for prompt in prompts:
        answer = prompt.answer
        by = None if answer is None else "the deadline" if answer.defaulted else answer.by
        table.add_row(
            f"{one_line(prompt.key)} ({short(prompt.id)})",
            one_line(prompt.kind),
            _standing(prompt),
            clock(prompt.opened_at),
            one_line(by or prompt.assignee or ""),
            "" if prompt.response is None else one_line(as_json(prompt.response, indent=None), 120),
        )
    return table


def _history_table(history: Sequence[Event]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right")
    for column in ("Time", "Event", "Attempt"):
        table.add_column(column, no_wrap=True)
    table.add_column("What", no_wrap=True, overflow="ellipsis", ratio=1)
    for event in history:
        what = ", ".join(f"{name}: {_brief(name, value)}" for name, value in event.data.items())
        table.add_row(str(event.seq), clock(event.at), one_line(event.kind), str(event.attempt), one_line(what))
    return table


def _brief(name: str, value: Any) -> str:
    if name in {"due_at", "deadline_at"} and isinstance(value, str):
        return clock(datetime.fromisoformat(value))
    return value if isinstance(value, str) else as_json(value, indent=None)
