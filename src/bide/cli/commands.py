"""The commands of `bide`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast
from uuid import UUID

import orjson
import typer
from rich.console import Console

from bide.app import PAGE
from bide.cli import extra, schema
from bide.cli.session import Jobs, acting, find_job, make_console, opened, read_settings, short, write
from bide.cli.show import job_table, show_job, stats_data, stats_table, word
from bide.cli.text import as_json, one_line, styled
from bide.cli.watch import watch
from bide.cli.work import check_host, load_app, load_callable, run_worker, set_up_logging
from bide.errors import Conflict, InvalidOption, InvalidPayload, InvalidResponse, NotAssigned, NotFound
from bide.events import Event
from bide.hitl import PromptView, Receipt
from bide.job import TERMINAL, Job, JobStatus
from bide.schedule import seconds
from bide.store.schema import SchemaStatus

cli = typer.Typer(
    help="Durable jobs with people in the loop.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    # A defect is reported with Python's own traceback, without the values of variables.
    pretty_exceptions_enable=False,
)
migrate = typer.Typer(help="Bring the schema of a database up, or back down.", no_args_is_help=True)
jobs = typer.Typer(
    help="Look at jobs, answer them, cancel them. A job is named by its id, or its end.", no_args_is_help=True
)
cli.add_typer(migrate, name="migrate")
cli.add_typer(jobs, name="jobs")

STATUS_HELP = f"One of {', '.join(JobStatus)}; may be repeated."

Url = Annotated[
    str,
    typer.Option(
        "--url",
        metavar="URL",
        envvar="BIDE_URL",
        help="The database, as sqlite:///jobs.db or postgresql://user@host/name, or the server, as"
        " http://localhost:8000.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help="For a server: who you are. Or BIDE_TOKEN in the environment, where no other user sees it.",
    ),
]
UrlArgument = Annotated[
    str,
    typer.Argument(
        metavar="URL", envvar="BIDE_URL", help="The database, as sqlite:///jobs.db or postgresql://user@host/name."
    ),
]
JobName = Annotated[str, typer.Argument(metavar="ID", help="The job's id, or the last 6 characters of it or more.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, for machines.")]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who does it; by default this machine's user. A server knows."),
]
Statuses = Annotated[list[JobStatus] | None, typer.Option("--status", metavar="STATUS", help=STATUS_HELP)]
Types = Annotated[list[str] | None, typer.Option("--type", metavar="TYPE", help="A job type; may be repeated.")]
Queues = Annotated[list[str] | None, typer.Option("--queue", metavar="QUEUE", help="A queue; may be repeated.")]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="NAME=VALUE", help="A label they have; may be repeated, and all must match."),
]
Which = Annotated[str | None, typer.Option("--prompt", help="Which question: its id, the end of it, or its key.")]
Revision = Annotated[str, typer.Option("--to", metavar="REVISION", help="Where to; `base` leaves no table.")]
Port = Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65_535, help="0 takes a free one.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask: for scripts.")]


# ── Executing ────────────────────────────────────────────────────────────────────────────────────────────────────────


@cli.command()
def worker(
    app: Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the app is, as shop.jobs:bide.")],
    queue: Queues = None,
) -> None:
    """Execute the jobs of an app until SIGTERM or SIGINT: of all queues that its job types name, or of those given.

    The first signal drains: nothing new is begun, what runs may go on for BIDE_DRAIN seconds. A second stops at once.
    """
    loaded = load_app(app)
    set_up_logging()
    run_worker(loaded, queue or loaded.registry.queues())


@cli.command()
def serve(
    app: Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the app is, as shop.jobs:bide.")],
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Where to listen.")] = "127.0.0.1",
    port: Port = 8000,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Whether to execute jobs here as well.")] = True,
    authorize: Annotated[
        str | None,
        typer.Option(
            "--authorize",
            metavar="MODULE:CALLABLE",
            help="The dependency that says who asks and what they may. Without it only this machine is let in.",
        ),
    ] = None,
    root_path: Annotated[
        str, typer.Option("--root-path", metavar="PATH", help="The path at which a proxy shows this server.")
    ] = "",
) -> None:
    """Serve the HTTP API of an app, with its documentation at /docs, until SIGTERM or SIGINT.

    It executes the app's jobs too, unless --no-worker. At a signal streams end, and what runs may go on for BIDE_DRAIN
    seconds; a second signal stops at once.
    """
    check_host(host, authorize)
    loaded = load_app(app)
    guard = None if authorize is None else load_callable(authorize)
    set_up_logging()
    with extra():
        from bide.cli.serve import run_server
    run_server(loaded, name=app, host=host, port=port, worker=worker, authorize=guard, root_path=root_path)


@cli.command()
def quickstart(port: Port = 8000) -> None:
    """Serve a page on which a job asks you something, until SIGTERM or SIGINT. Its jobs are in quickstart.db, here."""
    set_up_logging()
    with extra():
        from bide.cli.quickstart import run_quickstart
    run_quickstart(port)


@cli.command()
def types(
    app: Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the app is, as shop.jobs:bide.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write it; by default to the output.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing: fail where FILE is not up to date.")] = False,
) -> None:
    """Write the job types of an app as TypeScript: what each takes, returns and asks.

    `@bide/client` and `@bide/react` then know it: useJob("write_post", id), useEnqueue("write_post").
    """
    from bide.cli.types import write_types

    written = write_types(load_app(app), f"bide types {app}")
    if out is None:
        if check:
            raise InvalidOption("There is no file to check.", hint="Name it: --out FILE.")
        write(written.removesuffix("\n"))
        return
    if check:
        if not out.exists() or out.read_text(encoding="utf-8") != written:
            raise Conflict(f"{out} is not up to date.", hint=f"bide types {app} --out {out}")
        return
    out.write_text(written, encoding="utf-8")


# ── The schema ───────────────────────────────────────────────────────────────────────────────────────────────────────


@migrate.command("up")
def migrate_up(url: UrlArgument) -> None:
    """Create the tables, or bring them up to what this version works with."""
    name, settings = schema.name_of(url), read_settings()
    before = schema.status(url, settings)
    after = schema.up(url, settings)
    changed = before.current != after.current
    write(f"{name} is at schema {after.current}" + (f", before {before.current or 'empty'}" if changed else " already"))


@migrate.command("status")
def migrate_status(url: UrlArgument) -> None:
    """Say at which schema a database is. Changes nothing."""
    name = schema.name_of(url)
    status = schema.status(url, read_settings())
    if status.current is None:
        write(f"{name} holds no tables of Bide; this version works with schema {status.head}: bide migrate up")
    elif status.current < status.head:
        write(f"{name} is at schema {status.current}; this version works with {status.head}: bide migrate up")
    elif status.current > status.head:
        write(f"{name} is at schema {status.current}, newer than {status.head}: this version cannot use it")
    else:
        write(f"{name} is at schema {status.current}, as this version expects")


@migrate.command("down")
def migrate_down(
    url: UrlArgument,
    to: Revision = "-1",
    yes: Yes = False,
) -> None:
    """Bring the tables back to an older schema. Stop everything that uses the database first. Data is lost."""
    name, settings = schema.name_of(url), read_settings()
    before = schema.status(url, settings)
    if before.current is None:
        raise NotFound(f"{name} holds no tables of Bide.", hint="There is nothing to take back.")
    write(f"{name} is at schema {before.current}. {_what_is_lost(url, before)}")
    if not yes:
        _agree()
    after = schema.down(url, to, settings)
    write(f"{name} is at schema {after.current or 'none: no table is left'}")


def _agree() -> None:
    """Go on only if a person, or what is typed for one, says so."""
    try:
        agreed = typer.confirm("Go on?")
    except typer.Abort:
        raise InvalidOption("Nobody agreed, so nothing is lost.", hint="A script that means it says --yes.") from None
    if not agreed:
        raise typer.Abort


def _what_is_lost(url: str, before: SchemaStatus) -> str:
    lost = "What newer tables and columns hold will be lost"
    if before.current != before.head:
        # To count the jobs it would have to be opened, and opening it would bring it up.
        return f"{lost}."
    with opened(url) as app:
        by_status = app.run(app.stats()).by_status
    unfinished = sum(n for status, n in by_status.items() if not status.terminal)
    total = sum(by_status.values())
    return f"{lost}; going back to `base` deletes all {total:,} job(s), {unfinished:,} of them unfinished."


# ── Jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@jobs.command("list")
def list_jobs(
    url: Url,
    status: Statuses = None,
    types: Types = None,
    queue: Queues = None,
    label: Labels = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=PAGE, help="How many at most.")] = 20,
    before: Annotated[
        str | None, typer.Option("--before", metavar="ID", help="Only jobs older than this one: the next page.")
    ] = None,
    json: AsJson = False,
    token: Token = None,
) -> None:
    """List jobs, newest first. With --json the next page is `--before` the last id; an empty one was the last.

    A job's result is not in the list: see `jobs show`.
    """
    labels = _read_labels(label or ())
    with opened(url, token) as app:
        page = partial(app.list, statuses=status or (), types=types or (), queues=queue or (), labels=labels)
        found = app.run(page(before=None if before is None else app.run(_cursor(app, before)), limit=limit))
        more = len(found) == limit and app.run(page(before=found[-1].id, limit=1))
    if json:
        write(as_json([job.model_dump(mode="json", exclude={"result"}) for job in found]))
    else:
        console = make_console()
        console.print(job_table(found, console.width))
        if more:
            console.print(styled(f"There are more: the same with --before {found[-1].id}", "dim"))


def _read_labels(given: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name or labels.setdefault(name, value) != value:
            raise typer.BadParameter(f"{text!r}: give NAME=VALUE, each name once.", param_hint="--label")
    return labels


async def _cursor(app: Jobs, name: str) -> UUID:
    """The id of the job that ended the page before. It may be deleted by now, if it is given as a whole."""
    try:
        return UUID(name)
    except ValueError:
        return (await find_job(app, name)).id


@jobs.command()
def show(job: JobName, url: Url, json: AsJson = False, token: Token = None) -> None:
    """Show one job, with its questions and its history."""
    with opened(url, token) as app:
        found = app.run(find_job(app, job))
        prompts = app.run(app.prompts(found.id, open_only=False))
        history = app.run(_whole_history(app, found))
    if json:
        write(
            as_json(
                {
                    "job": found.model_dump(mode="json"),
                    "prompts": [prompt.model_dump(mode="json", by_alias=True) for prompt in prompts],
                    "history": [event.model_dump(mode="json") for event in history],
                }
            )
        )
    else:
        show_job(make_console(), found, prompts, history)


async def _whole_history(app: Jobs, job: Job[Any]) -> list[Event]:
    history: list[Event] = []
    while page := await app.history(job.id, after=history[-1].seq if history else 0):
        history += page
    return history


@jobs.command("watch")
def watch_jobs(
    url: Url,
    job: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help=f"By default the unfinished jobs, the newest {PAGE} of them."),
    ] = None,
    token: Token = None,
) -> None:
    """Show the progress of jobs until they have finished."""
    asyncio.run(watch(url, token, job or [], make_console()))


@jobs.command()
def cancel(
    job: JobName,
    url: Url,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; it is written into the history.")] = None,
    by: By = None,
    token: Token = None,
) -> None:
    """Cancel a job: at once where nothing runs, else its code is told."""
    who = acting(url, by)
    with opened(url, token) as app:
        found = app.run(find_job(app, job))
        after = app.run(app.cancel(found.id, by=who, reason=reason))
    if after.status is JobStatus.CANCELLED:
        write(f"{after.id} is cancelled")
    else:
        write(f"{after.id} is {word(after.status)}; its code is told to stop: bide jobs watch {short(after.id)}")


@jobs.command()
def retry(job: JobName, url: Url, by: By = None, token: Token = None) -> None:
    """Run a finished job again, as a new job that keeps its recorded steps and answers; what failed is run anew."""
    who = acting(url, by)
    with opened(url, token) as app:
        found = app.run(find_job(app, job))
        made = app.run(app.retry(found.id, by=who))
    write(f"{made.id} runs {found.id} again: bide jobs watch {short(made.id)}")


@jobs.command()
def fork(
    job: JobName,
    url: Url,
    after: Annotated[
        int, typer.Option("--after", metavar="N", min=0, help="The last event to keep, as `jobs show` numbers them.")
    ],
    by: By = None,
    token: Token = None,
) -> None:
    """Go another way from some point: a new job that keeps the steps and answers recorded up to event N; 0 keeps none.

    So an answer is changed: fork just before it was given, and answer anew. The job itself stays as it is.
    """
    who = acting(url, by)
    with opened(url, token) as app:
        found = app.run(find_job(app, job))
        made = app.run(app.fork(found.id, after=after, by=who))
    write(f"{made.id} goes on from event {after} of {found.id}: bide jobs watch {short(made.id)}")


# ── Answering ────────────────────────────────────────────────────────────────────────────────────────────────────────


@jobs.command()
def answer(
    job: JobName,
    url: Url,
    prompt: Which = None,
    by: By = None,
    json: Annotated[str | None, typer.Option("--json", metavar="VALUE", help="The answer, instead of asking.")] = None,
    token: Token = None,
) -> None:
    """Answer the open questions of a job, here in the terminal.

    With --json the answer is given at once, such as '{"action": "proceed"}', '{"answers": {"q0": "…"}}',
    the fields of a form, or '{"action": "cancel"}'.
    """
    console = make_console()
    who = acting(url, by)
    with opened(url, token) as app:
        found = app.run(find_job(app, job))
        asked = _open_prompts(app, found, prompt)
        if json is not None:
            only = asked[0].id if len(asked) == 1 else None
            _report(console, _respond_once(app, found, only, _read_value(json), who))
            return
        for view in asked:
            receipt = _converse(app, console, view, who)
            if receipt is None:
                return
            _report(console, receipt)


def _open_prompts(app: Jobs, job: Job[Any], name: str | None) -> list[PromptView]:
    asked = [view for view in app.run(app.show_prompts(job.id)) if name is None or _is_named(view, name)]
    if not asked:
        what = f"has no open question {name!r}" if name is not None else "asks nothing now"
        raise Conflict(f"Job {job.id} {what}; it is {word(job.status)}.", hint=f"See: bide jobs show {short(job.id)}")
    return asked


def _is_named(view: PromptView, name: str) -> bool:
    return name == view.key or (len(name) >= 6 and str(view.id).endswith(name.lower()))


def _read_value(text: str) -> dict[str, Any]:
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"This is not JSON: {error}", param_hint="--json") from None
    if not isinstance(value, dict):
        raise typer.BadParameter("An answer is a JSON object.", param_hint="--json")
    return cast("dict[str, Any]", value)


def _respond_once(app: Jobs, job: Job[Any], prompt: UUID | None, value: Mapping[str, Any], by: str | None) -> Receipt:
    try:
        return app.run(app.respond(job.id, value, prompt=prompt, by=by))
    except InvalidResponse as invalid:
        flaws = "; ".join(f"{error['path'] or '/'}: {error['message']}" for error in invalid.errors)
        raise InvalidOption(f"{invalid.message} {flaws}", hint="The question stays open.") from None


def _converse(app: Jobs, console: Console, view: PromptView, by: str | None) -> Receipt | None:
    """Ask until the answer is accepted, or the job is cancelled."""
    # What forms and Markdown need takes long to load, and no other command needs it.
    from bide.cli.ask import CANCELLED, ask_in_terminal

    # Where nobody is known here, whoever records it knows.
    if view.assignee is not None and by is not None and view.assignee != by:
        raise NotAssigned(
            f"The question {view.key!r} is for {view.assignee!r} to answer.", hint="Say who you are with --by."
        )
    before: Mapping[str, Any] | None = None
    errors: list[dict[str, str]] = []
    while True:
        try:
            value = ask_in_terminal(view, console, before=before, errors=errors)
        except EOFError:
            raise InvalidOption(
                f"The input ended before the question {view.key!r} was answered.", hint="It stays open."
            ) from None
        if value is CANCELLED:
            _say_cancelled(console, app.run(app.cancel(view.job_id, by=by)).id)
            return None
        try:
            return app.run(app.respond(view.job_id, value, prompt=view.id, by=by))
        except (InvalidResponse, InvalidPayload) as invalid:
            errors = invalid.errors
        console.print(styled("This was not accepted. Once more:", "red"))
        before = value


def _report(console: Console, receipt: Receipt) -> None:
    if receipt.action == "cancel":
        _say_cancelled(console, receipt.job_id)
    else:
        name = f" by {one_line(receipt.by)}" if receipt.by else ""
        console.print(styled(f"✓ recorded{name}; the job goes on", "green"))


def _say_cancelled(console: Console, job: UUID) -> None:
    console.print(styled(f"The job {job} is cancelled", "yellow"))


# ── Keeping house ────────────────────────────────────────────────────────────────────────────────────────────────────


@cli.command()
def cleanup(
    url: Url,
    older_than: Annotated[str, typer.Option("--older-than", metavar="AGE", help="How long ago they finished, as 7d.")],
    status: Statuses = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Yes = False,
    token: Token = None,
) -> None:
    """Delete jobs that finished long ago. Never an unfinished one. Says how many it would be, and asks first."""
    _demand_unit(older_than)
    chosen = tuple(status or sorted(TERMINAL))
    with opened(url, token) as app:
        count = app.run(app.cleanable(older_than=older_than, statuses=chosen))
        cutoff = datetime.now().astimezone() - timedelta(seconds=seconds(older_than))
        which = f"{', '.join(chosen)}, finished before {cutoff:%Y-%m-%d %H:%M:%S %z}"
        if dry_run or not yes:
            write(f"{count:,} job(s) would be deleted: {which}")
        if dry_run:
            return
        if not yes:
            _agree()
        count = app.run(app.cleanup(older_than=older_than, statuses=chosen))
    write(f"{count:,} job(s) deleted: {which}")


def _demand_unit(age: str) -> None:
    """In code a number counts seconds; who types 30 to delete by means days."""
    if age.strip().replace(".", "", 1).isdecimal():
        raise typer.BadParameter(f"{age!r} of what? Write 30d, 12h or 0s.", param_hint="--older-than")


@cli.command()
def stats(url: Url, json: AsJson = False, token: Token = None) -> None:
    """Count jobs by status, and what waits."""
    with opened(url, token) as app:
        counted = app.run(app.stats())
    if json:
        write(as_json(stats_data(counted)))
    else:
        make_console().print(stats_table(counted))
