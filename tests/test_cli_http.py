"""The command line on a server: every command on a database and over HTTP alike, and `bide serve` as a real process."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias
from unittest import mock
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from fastapi import FastAPI, Header
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from typer.core import TyperGroup
from typer.main import get_command

from bide import Bide, Job, JobStatus
from bide import errors as e
from bide.cli import main
from bide.cli.commands import cli
from bide.cli.listening import listening
from bide.cli.remote import ERRORS, RemoteBide
from bide.cli.session import Jobs, acting, connect, open_database
from bide.http import Forbidden, Principal, Unauthenticated, anyone
from tests.http.processes import free_port
from tests.http.server import serving
from tests.test_cli import (
    PATIENCE,
    Finished,
    Shell,
    enqueue,
    line_with,
    make_app,
    reached,
    terminal,
    waiting,
)

Where: TypeAlias = Literal["sqlite", "http"]

TOKEN = "s3cret-of-ann"
SERVED = re.compile(r"running on (http://\S+)")


class Inside(Shell):
    """Runs commands in a thread of this process, one at a time: it takes two seconds to start a process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._gate = threading.Lock()

    async def run(self, *args: str, typed: str = "") -> Finished:
        return await asyncio.wait_for(asyncio.to_thread(self._run, args, typed), PATIENCE)

    def _run(self, args: Sequence[str], typed: str) -> Finished:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with (
            self._gate,
            mock.patch.dict(os.environ, self.env, clear=True),
            mock.patch.object(sys, "argv", ["bide", *args]),
            mock.patch.object(sys, "stdin", io.StringIO(typed)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
        return Finished(code, out.getvalue(), err.getvalue())


class Place(NamedTuple):
    """Where the commands of a test find their jobs."""

    name: Where
    shell: Shell
    app: Bide[None]

    @property
    def url(self) -> str:
        return self.shell.env["BIDE_URL"]


@asynccontextmanager
async def api(app: Bide[None], **options: Any) -> AsyncGenerator[str]:
    """The address of its router, while it is served from this process; its jobs are executed by others."""
    server = FastAPI()
    server.include_router(app.router(worker=False, **options), prefix="/api")
    async with serving(server) as address:
        yield f"{address}/api"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncGenerator[Bide[None]]:
    async with make_app(f"sqlite:///{tmp_path / 'jobs.db'}") as bide:
        yield bide


@pytest.fixture
async def over_http(tmp_path: Path, app: Bide[None]) -> AsyncGenerator[Place]:
    async with api(app) as address:
        shell = Inside(tmp_path)
        shell.env["BIDE_URL"] = address
        yield Place("http", shell, app)


@pytest.fixture(params=["sqlite", "http"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, app: Bide[None]) -> AsyncGenerator[Place]:
    shell = Inside(tmp_path)
    if request.param == "sqlite":
        yield Place("sqlite", shell, app)
        return
    async with api(app) as address:
        shell.env["BIDE_URL"] = address
        yield Place("http", shell, app)


# ── The same commands, wherever the jobs are ─────────────────────────────────────────────────────────────────────────


async def test_what_is_read_is_the_same_to_the_letter(over_http: Place) -> None:
    shell, app = over_http.shell, over_http.app
    async with app.worker():
        done = await waiting(app, "preview")
        await app.respond(done, {"action": "revise", "feedback": "line\u2028break"}, prompt=await only(app, done))
        await reached(app, done, lambda job: job.status is JobStatus.COMPLETED)
        asking = await waiting(app, "clarify")
    marked = await app.enqueue(app.registry.get("slow").options(labels={"team": "a=b", "x": "1"}).call("never"))
    cancelled = await app.cancel(await enqueue(app, "slow", "never"), reason="why not")

    commands = [
        "jobs list",
        "jobs list --json",
        "jobs list --status completed --status cancelled --json",
        "jobs list --type ask --queue default --limit 1",
        f"jobs list --before {str(marked.id)[-8:]} --json",
        "jobs list --label team=a=b --label x=1 --json",
        f"jobs show {done.id}",
        f"jobs show {str(done.id)[-6:]} --json",
        f"jobs show {asking.id} --json",
        f"jobs watch {cancelled.id} {done.id}",
        "stats",
        "stats --json",
        "cleanup --older-than 0s --status failed --dry-run",
    ]
    # What they write of the present moment is no part of it.
    clock = re.compile(r"\b\d\d:\d\d:\d\d\b")
    for command in commands:
        here, there = await shell.each_ok(f"{command} --url {shell.url}", command)
        assert clock.sub("…", here) == clock.sub("…", there), command
    listed = json.loads(await shell.ok("jobs", "list", "--label", "team=a=b", "--json"))
    assert [row["id"] for row in listed] == [str(marked.id)]
    assert listed[0]["labels"] == {"team": "a=b", "x": "1"}
    shown = json.loads(await shell.ok("jobs", "show", str(done.id)[-6:], "--json"))
    assert shown["job"]["result"] == {"action": "revise", "feedback": "line\u2028break"}


async def only(app: Bide[None], job: Job[Any]) -> UUID:
    (prompt,) = await app.prompts(job)
    return prompt.id


class Refused(NamedTuple):
    command: str
    words: Sequence[str]
    code: int = 1


REFUSED = [
    Refused("jobs show latest", ["last 6 characters"]),
    Refused("jobs show 0123456789abc", ["None of the newest"]),
    Refused(f"jobs show {uuid4()}", ["not found"]),
    Refused(f"jobs watch {uuid4()}", ["not found"]),
    Refused("jobs cancel {done}", ["is completed"]),
    Refused("jobs answer {done} --json {{}}", ["asks nothing now"]),
    Refused("jobs answer {asking} --prompt other", ["has no open question 'other'"]),
    Refused('jobs answer {asking} --json {{"action":"revise"}}', ["does not fit", "stays open"]),
    Refused("jobs retry {asking}", ["pending_hitl"]),
    Refused("jobs fork {done} --after 99", ["after=99"]),
    Refused("jobs fork {done}", ["--after"], 2),
    Refused("jobs list --label nonsense", ["NAME=VALUE"], 2),
    Refused("jobs list --label x=1 --label x=2", ["each name once"], 2),
    Refused("cleanup --older-than 0s --status pending --yes", ["never deleted: pending"]),
    Refused("cleanup --older-than 9000000000d --yes", ["ten years"]),
]


async def test_what_is_refused_is_refused_alike(place: Place) -> None:
    shell, app = place.shell, place.app
    async with app.worker():
        asking = await waiting(app, "preview")
        done = await enqueue(app, "slow", str(shell.folder))
        await app.result(done, timeout=PATIENCE)
    for command, words, code in REFUSED:
        complaint = await shell.refused(*command.format(done=done.id, asking=asking.id).split(), code=code)
        for word in words:
            assert word in complaint, (command, complaint)
    assert (await app.get(asking)).status is JobStatus.PENDING_HITL


async def test_what_is_changed_is_changed_alike(place: Place) -> None:
    shell, app = place.shell, place.app
    async with app.worker():
        first, second = await waiting(app, "preview"), await waiting(app, "clarify")
        out = await shell.ok("jobs", "answer", str(first.id)[-8:], "--json", '{"action": "proceed"}')
        assert "recorded" in out
        assert await app.result(first, timeout=PATIENCE) == {"action": "proceed"}
        typed = "7\n1, async\nplain ones\n"
        out = await shell.ok("jobs", "answer", str(second.id), typed=typed)
        assert "Give numbers from 1 to 2." in out
        result = await app.result(second, timeout=PATIENCE)
        assert result == {"answers": {"q0": ["client", "async"], "q1": "plain ones"}, "summary": ""}

        retried = UUID((await shell.ok("jobs", "retry", str(first.id)[-8:])).split()[0])
        assert await app.result(await app.get(retried), timeout=PATIENCE) == {"action": "proceed"}
        assert (await app.get(retried)).forked_from == first.id

        forked = await app.get(UUID((await shell.ok("jobs", "fork", str(first.id), "--after", "0")).split()[0]))
        await reached(app, forked, lambda job: job.status is JobStatus.PENDING_HITL)
        assert "is cancelled" in await shell.ok("jobs", "answer", str(forked.id), typed="3\n")
    waits = await enqueue(app, "slow", "never")
    assert "is cancelled" in await shell.ok("jobs", "cancel", str(waits.id), "--reason", "not needed")
    event = (await app.history(waits))[-1]
    assert "not needed" in json.dumps(event.data)
    assert "Nobody agreed" in await shell.refused("cleanup", "--older-than", "0s")
    assert "5 job(s) would be deleted" in (await shell.run("cleanup", "--older-than", "0s", typed="n\n")).out
    assert "2 job(s) deleted" in await shell.ok("cleanup", "--older-than", "0s", "--status", "cancelled", "--yes")
    assert len(await app.list()) == 3


async def test_a_form_is_corrected_alike(place: Place) -> None:
    async with place.app.worker():
        job = await waiting(place.app, "form")
        # Too large a number fits the schema, and is refused when it is to be written down.
        lines = ["Zoë", "9" * 25, "", "", "12", "", "3", "soup", "", ""]
        out = await place.shell.ok("jobs", "answer", str(job.id), typed="".join(f"{line}\n" for line in lines))
        assert "not accepted" in out
        result = await place.app.result(job, timeout=PATIENCE)
    assert result == {"name": "Zoë", "seats": 3, "meal": "soup", "address": {"street": "Elm", "number": 12}}


async def test_watch_follows_to_the_end_alike(place: Place) -> None:
    gate = place.shell.folder / "gate"
    async with place.app.worker():
        job = await enqueue(place.app, "slow", str(gate))
        await reached(place.app, job, lambda job: job.progress.percent is not None)
        async with terminal(place.shell, "jobs", "watch") as (process, screen):
            await screen.until("20 %")
            await screen.until("half way (2 of 4)")
            gate.touch()
            await screen.until("completed")
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


async def test_many_jobs_are_watched_over_http_by_one_stream(tmp_path: Path, app: Bide[None]) -> None:
    shell, gate = Shell(tmp_path), tmp_path / "gate"
    asked: list[str] = []

    async def authorize(connection: HTTPConnection) -> Principal:
        asked.append(connection.url.path)
        return await anyone()

    async with api(app, authorize=authorize) as shell.env["BIDE_URL"], app.worker():
        jobs = [await enqueue(app, "slow", str(gate)) for _ in range(3)]
        for job in jobs:
            await reached(app, job, lambda job: job.progress.percent is not None)
        process = await shell.start("jobs", "watch", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        shown = await line_with(process.stdout, str(jobs[-1].id)[-8:])
        gate.touch()
        out, complaint = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, complaint) == (0, b"")
    assert [path for path in asked if path.endswith("/events")] == ["/api/events"]
    lines = (shown + out.decode()).splitlines()
    for job in jobs:
        mine = [line for line in lines if str(job.id)[-8:] in line]
        assert "half way" in mine[0]
        assert "completed  100 %" in mine[-1]


async def test_a_stream_of_all_jobs_names_those_that_changed_and_from_time_to_time_all(
    over_http: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bide.http.feed.KEEP_ALIVE", 0.05)
    app = over_http.app
    one, other, third = [await enqueue(app, "slow", "never") for _ in range(3)]
    jobs = {one.id: one, other.id: other}
    async with RemoteBide(over_http.url) as remote, aclosing(remote.changes(jobs)) as changes:
        assert set(await anext(changes)) == {one.id, other.id}
        await app.cancel(third)
        await app.cancel(one)
        # No event tells that this one is gone.
        await app.cancel(other)
        await app.delete(other)
        seen = set[UUID]()
        while one.id not in seen:
            seen.update(await anext(changes))
        jobs[one.id] = await app.get(one)
        while set(await anext(changes)) != {one.id, other.id}:
            pass
        assert third.id not in seen
        with pytest.raises(e.NotFound):
            await remote.get(other.id)


async def test_a_stream_that_begins_anew_with_the_job_itself_is_gone_on_with(over_http: Place) -> None:
    app = over_http.app
    job = await enqueue(app, "slow", "never")
    await app.cancel(job)
    # Of another database, or of one that was set back: the server knows no such event, and says how the job is.
    async with RemoteBide(over_http.url) as remote:
        assert [event async for event in remote.events(job.id, after=1_000)] == []


async def test_a_server_that_says_there_is_nothing_to_come_of_all_jobs_is_no_bide() -> None:
    server = FastAPI()

    @server.get("/events")
    async def nothing() -> Response:
        return Response(status_code=204)

    async with serving(server) as address, RemoteBide(address) as remote:
        with pytest.raises(e.StoreUnavailable, match="is no Bide"):
            await anext(remote.changes({}))


async def test_who_answers_is_told_here_and_known_there(place: Place) -> None:
    async with place.app.worker():
        job = await waiting(place.app, "preview")
    commands = ("cancel", "answer", "retry"), ("fork", "--after", "0")
    if place.name == "http":
        for name, *more in [*[(name,) for name in commands[0]], commands[1]]:
            assert "Leave --by out" in await place.shell.refused("jobs", name, str(job.id), *more, "--by", "ann")
        assert (await place.app.get(job)).status is JobStatus.PENDING_HITL
    by = [] if place.name == "http" else ["--by", "ann"]
    out = await place.shell.ok("jobs", "answer", str(job.id), *by, "--json", '{"action": "proceed"}')
    assert f"recorded by {'local' if place.name == 'http' else 'ann'}" in out


async def test_a_status_that_only_a_newer_server_knows_is_shown(over_http: Place) -> None:
    job = await enqueue(over_http.app, "slow", "never")
    with sqlite3.connect(over_http.shell.folder / "jobs.db") as db:
        db.execute("pragma ignore_check_constraints = on")
        db.execute("update bide_job set status = 'quarantined\x1b'")
    db.close()
    for output in await over_http.shell.each_ok("jobs list", f"jobs show {job.id}", "stats", "stats --json"):
        assert "quarantined" in output
        assert "\x1b" not in output


# ── Who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def authorize(authorization: Annotated[str | None, Header()] = None) -> Principal:
    match authorization:
        case None:
            raise Unauthenticated("Say who you are.")
        case "Bearer s3cret-of-ann":
            return Principal("ann", ("view", "answer", "cancel", "create"))
        case _:
            raise Forbidden("Nobody of this name is let in.")


def test_every_command_on_jobs_takes_a_url_and_a_token() -> None:
    root = get_command(cli)
    assert isinstance(root, TyperGroup)
    jobs = root.commands["jobs"]
    assert isinstance(jobs, TyperGroup)
    on_jobs = {**jobs.commands, **{name: root.commands[name] for name in ("stats", "cleanup")}}
    assert {f"jobs {name}" for name in jobs.commands} | {"stats"} == {
        command.partition(" {")[0] for command, _ in GUARDED
    }
    for name, command in on_jobs.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--url", "--token"} <= options, name


GUARDED = [
    ("jobs list", "{done}"),
    ("jobs show {done}", "job.completed"),
    ("jobs watch {done}", "completed  100 %"),
    ("jobs cancel {waits}", "is cancelled"),
    ("jobs retry {done}", "runs {done} again"),
    ("jobs fork {done} --after 0", "goes on from event 0 of {done}"),
    ('jobs answer {asking} --json {{"action":"proceed"}}', "recorded by ann"),
    ("stats", "completed"),
]
"""Commands on a server that asks who it is, in an order in which each is possible; and what they then say."""


async def test_every_command_takes_the_token_with_it_and_without_it_changes_nothing(
    tmp_path: Path, app: Bide[None]
) -> None:
    shell = Inside(tmp_path)
    of_ann = {name: app.registry.get(name).options(owner="ann") for name in ("ask", "slow")}
    async with app.worker():
        done = await app.enqueue(of_ann["slow"].call(str(tmp_path)))
        await app.result(done, timeout=PATIENCE)
        asking = await app.enqueue(of_ann["ask"].call("preview"))
        await reached(app, asking, lambda job: job.status is JobStatus.PENDING_HITL)
    waits = await app.enqueue(of_ann["slow"].call("never"))
    names = {"done": str(done.id), "asking": str(asking.id), "waits": str(waits.id)}
    async with api(app, authorize=authorize) as shell.env["BIDE_URL"]:
        before = await app.list()
        for command, _ in GUARDED:
            refused = await shell.refused(*command.format(**names).split())
            assert "Say who you are.\nNo token is given" in refused, command
        assert await app.list() == before
        for command, said in GUARDED:
            out = await shell.ok(*command.format(**names).split(), "--token", TOKEN)
            assert said.format(**names) in out, (command, out)
    assert [(await app.get(job)).status for job in (waits, asking)] == [JobStatus.CANCELLED, JobStatus.PENDING]
    assert len(await app.list()) == len(before) + 2


async def test_the_token_says_who_and_is_shown_nowhere(tmp_path: Path, app: Bide[None]) -> None:
    shell = Inside(tmp_path)
    mine = await app.enqueue(app.registry.get("slow").options(owner="ann").call("never"))
    await app.enqueue(app.registry.get("slow").options(owner="bob").call("never"))
    async with api(app, authorize=authorize) as address:
        shell.env["BIDE_URL"] = address
        without = await shell.run("jobs", "list")
        wrong = await shell.run("jobs", "list", "--token", f"{TOKEN}-not")
        given = await shell.run("jobs", "list", "--token", TOKEN)
        told = await shell.run("--help"), await shell.run("jobs", "list", "--help")
        shell.env["BIDE_TOKEN"] = TOKEN
        known = await shell.run("jobs", "list", "--json")
        forbidden = await shell.run("cleanup", "--older-than", "0s", "--yes")
        usage = await shell.run("jobs", "list", "--help")
        here = await shell.run("stats", "--url", shell.url)
    away = await shell.run("jobs", "list")
    shell.env["BIDE_TOKEN"] = f"{TOKEN}\n{TOKEN}"
    broken = await shell.run("jobs", "list")
    both = await shell.run("stats", "--url", shell.url, "--token", TOKEN)

    assert "Say who you are.\nNo token is given: use --token, or BIDE_TOKEN." in without.err
    assert "Nobody of this name" in wrong.err
    assert "with --token, or BIDE_TOKEN" in wrong.err
    assert str(mine.id) in given.out
    assert [row["id"] for row in json.loads(known.out)] == [str(mine.id)]
    assert "has not the right to admin" in forbidden.err
    assert here.code == 0
    assert "cannot be reached" in away.err
    assert "what no header can" in broken.err
    assert "leave --token out" in both.err
    for finished in (without, wrong, given, *told, known, forbidden, usage, here, away, broken, both):
        assert "s3cret" not in finished.out + finished.err
        assert "Traceback" not in finished.err


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://", "scheme, a host"),
        ("http://host:port", "no address"),
        ("http://ann:s3cret@localhost", "no name and password"),
        ("http://localhost/?token=s3cret", "scheme, a host"),
    ],
)
def test_an_address_that_is_none(url: str, words: str) -> None:
    with pytest.raises(e.InvalidOption, match=words) as refused:
        connect(url)
    assert "s3cret" not in str(refused.value)


# ── What the wire makes of errors ────────────────────────────────────────────────────────────────────────────────────


def test_an_error_of_each_code_that_is_plain_has_its_class() -> None:
    assert {code: kind.code for code, kind in ERRORS.items() if code != "invalid_request"} == {
        code: code for code in ERRORS if code != "invalid_request"
    }


async def test_errors_are_what_they_were_at_the_server(over_http: Place) -> None:
    app = over_http.app
    async with app.worker():
        job = await waiting(app, "preview")
        prompt = await only(app, job)
        async with RemoteBide(over_http.url) as remote:
            with pytest.raises(e.InvalidResponse) as invalid:
                await remote.respond(job.id, {"action": "revise"}, prompt=prompt)
            assert invalid.value.errors[0].keys() == {"path", "message"}
            with pytest.raises(e.NotFinished):
                await remote.retry(job.id)
            receipt = await remote.respond(job.id, {"action": "proceed"}, prompt=prompt)
            assert receipt.by == "local"
            with pytest.raises(e.PromptClosed) as closed:
                await remote.respond(job.id, {"action": "revise", "feedback": "x"}, prompt=prompt)
            assert (closed.value.reason, closed.value.response, closed.value.by) == (
                "answered",
                {"action": "proceed"},
                "local",
            )
            await app.result(job, timeout=PATIENCE)
            with pytest.raises(e.AlreadyFinished):
                await remote.cancel(job.id)
            with pytest.raises(e.NotFound):
                await remote.get(uuid4())


async def test_both_are_what_the_commands_ask_for(over_http: Place) -> None:
    both: list[Jobs] = [open_database(over_http.shell.url), RemoteBide(over_http.url)]
    assert [type(jobs) for jobs in both] == [Bide, RemoteBide]
    assert acting(over_http.url, None) is None
    assert acting(over_http.shell.url, "ann") == "ann"


@asynccontextmanager
async def answering(respond: Callable[[Request], Response]) -> AsyncGenerator[RemoteBide]:
    """A server of which every answer is what this says of the request."""
    server = FastAPI()

    @server.api_route("/{path:path}", methods=["GET", "POST"])
    async def anything(request: Request) -> Response:
        return respond(request)

    async with serving(server) as address, RemoteBide(address) as remote:
        yield remote


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (PlainTextResponse("hello"), "is no Bide"),
        (PlainTextResponse("not found", 404), "is no Bide"),
        (RedirectResponse("https://elsewhere/api"), "sends on to https://elsewhere/api"),
        (PlainTextResponse("down", 502), "answers with 502"),
        (PlainTextResponse("who", 401), "--token"),
    ],
    ids=["ok", "404", "redirect", "502", "401"],
)
async def test_what_is_no_bide_is_said_to_be_none(response: Response, words: str) -> None:
    def respond(_: Request) -> Response:
        return response

    async with answering(respond) as remote:
        for call in (remote.stats(), remote.list(), remote.get(uuid4()), remote.retry(uuid4())):
            with pytest.raises(e.BideError, match=words):
                await call
        with pytest.raises(e.BideError, match=words):
            await anext(remote.events(uuid4()))


async def test_one_request_too_many_is_sent_again_when_there_is_room() -> None:
    asked: list[float] = []

    def respond(_: Request) -> Response:
        asked.append(time.monotonic())
        if len(asked) == 1:
            body = {"code": "too_many_requests", "message": "More than 1 request a second."}
            headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
            return Response(orjson.dumps(body), 429, headers)
        return Response(b'{"deleted": 3, "dry_run": false}', media_type="application/json")

    async with answering(respond) as remote:
        assert await remote.cleanup(older_than=timedelta(days=1)) == 3
    assert asked[1] - asked[0] >= 1


def event(seq: int, **data: Any) -> bytes:
    body = {"job_id": str(UUID(int=1)), "seq": seq, "at": "2026-01-01T00:00:00Z", "kind": "log", "attempt": 1}
    return b"event: log\ndata: %b\nid: %d\n\n" % (orjson.dumps({**body, "data": data}), seq)


async def test_a_stream_that_is_cut_is_taken_up_where_it_was() -> None:
    asked: list[str | None] = []

    async def first() -> AsyncGenerator[bytes]:
        whole = b"retry: 2000\n\n: hello\n\n" + event(6, text="a\u2028b\x85c") + event(7)
        # In the middle of a character, of a line, and of an event that never comes to its end.
        for n in range(0, len(whole), 7):
            yield whole[n : n + 7]
        yield event(8)[:-1]

    async def second() -> AsyncGenerator[bytes]:
        yield event(8)
        raise ConnectionError

    def respond(request: Request) -> Response:
        asked.append(request.headers.get("last-event-id"))
        match len(asked):
            case 1:
                return StreamingResponse(first(), media_type="text/event-stream")
            case 2:
                return PlainTextResponse("starting", 503)
            case 3:
                return StreamingResponse(second(), media_type="text/event-stream")
            case _:
                return Response(status_code=204)

    async with answering(respond) as remote:
        found = [event async for event in remote.events(UUID(int=1), after=5)]
    assert [event.seq for event in found] == [6, 7, 8]
    assert found[0].data == {"text": "a\u2028b\x85c"}
    assert asked == ["5", "7", "7", "8"]


# ── bide serve ───────────────────────────────────────────────────────────────────────────────────────────────────────

THEIR_APP = """
from typing import Annotated

from fastapi import Header

from bide.http import Principal, Unauthenticated
from tests.test_cli import make_app

bide = make_app({url!r})
notes = "nothing to call"


async def authorize(authorization: Annotated[str | None, Header()] = None) -> Principal:
    if authorization != "Bearer s3cret-of-ann":
        raise Unauthenticated("Say who you are.")
    return Principal("ann", ("admin",), None)
"""


class Served(NamedTuple):
    process: asyncio.subprocess.Process
    address: str
    errors: asyncio.StreamReader

    async def stop(self, number: int = signal.SIGTERM) -> tuple[int, float, str]:
        """Send the signal; its exit code, the seconds it took, and what it wrote meanwhile."""
        began = time.monotonic()
        self.process.send_signal(number)
        rest = await asyncio.wait_for(self.errors.read(), PATIENCE)
        code = await asyncio.wait_for(self.process.wait(), PATIENCE)
        return code, time.monotonic() - began, rest.decode()


def write_their_app(shell: Shell) -> None:
    (shell.folder / "their_app.py").write_text(THEIR_APP.format(url=shell.url))


@asynccontextmanager
async def serve(
    shell: Shell, *options: str, port: int = 0, env: Mapping[str, str] | None = None
) -> AsyncGenerator[Served]:
    write_their_app(shell)
    shell.env.update(env or {})
    process = await shell.start("serve", "their_app:bide", f"--port={port}", *options, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        said = await line_with(process.stderr, "running on")
        found = SERVED.search(said)
        assert found is not None
        yield Served(process, found[1], process.stderr)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture(params=["sqlite", "postgres"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """On a database of each kind."""
    return Shell(tmp_path, request.getfixturevalue("postgres_url") if request.param == "postgres" else None)


async def test_serve_executes_and_ends_in_time_whatever_is_open(shell: Shell) -> None:
    async with make_app(shell.url) as app, serve(shell, env={"BIDE_DRAIN": "1s"}) as served:
        client = httpx.AsyncClient(base_url=served.address, timeout=30)
        async with client:
            document = (await client.get("/openapi.json")).json()
            assert document["info"]["title"] == "Bide"
            assert document["info"]["summary"] == "their_app:bide"
            assert (await client.get("/docs")).status_code == 200
            assert (await client.get("/jobs", headers={"X-Forwarded-For": "1.2.3.4"})).status_code == 403
            job = await waiting(app, "preview")
            stalled = await stall(served.address)
            async with client.stream("GET", f"/jobs/{job.id}/events") as response:
                lines = response.aiter_lines()
                await anext(lines)
                code, took, said = await served.stop()
                _ = [line async for line in lines]
            stalled.close()
    assert code == 0
    assert took < 1 + 1 + 1.5, said
    assert "Traceback" not in said
    assert "stopped" in said


async def stall(address: str) -> asyncio.StreamWriter:
    """A client that begins to send a request, and never ends: only the bound on the server's end is left."""
    url = httpx.URL(address)
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST /jobs HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    await writer.drain()
    return writer


async def test_a_second_signal_to_serve_gives_the_running_job_back_unspent(shell: Shell) -> None:
    gate = shell.folder / "gate"
    async with make_app(shell.url) as app:
        job = await enqueue(app, "slow", str(gate))
        async with serve(shell) as served:
            await reached(app, job, lambda job: job.status is JobStatus.RUNNING)
            served.process.send_signal(signal.SIGTERM)
            await line_with(served.errors, "a second signal stops at once")
            code, took, said = await served.stop(signal.SIGINT)
        assert code == 128 + signal.SIGINT, said
        assert took < 10
        assert (await app.get(job)).status is JobStatus.PENDING
        gate.touch()
        async with app.worker():
            assert await app.result(job, timeout=PATIENCE) == "done"
        assert (await app.get(job)).attempt == 1


async def knocked(port: int) -> None:
    """Until somebody has come to this port, and was turned away."""
    came = asyncio.Event()

    def turn_away(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        came.set()

    async with await asyncio.start_server(turn_away, "127.0.0.1", port):
        await came.wait()


async def test_watch_goes_on_while_the_server_is_started_anew(shell: Shell) -> None:
    port, gate = free_port(), shell.folder / "gate"
    shell.env["BIDE_URL"] = f"http://127.0.0.1:{port}"
    async with make_app(shell.url) as app:
        job = await enqueue(app, "slow", str(gate))
        async with serve(shell, port=port, env={"BIDE_DRAIN": "0.1s"}) as served:
            await reached(app, job, lambda job: job.progress.percent is not None)
            process = await shell.start("jobs", "watch", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
            assert process.stdout is not None
            await line_with(process.stdout, "half way (2 of 4)")
            assert (await served.stop())[0] == 0
        await knocked(port)
        gate.touch()
        async with serve(shell, port=port):
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, err) == (0, b"")
    assert "completed  100 %" in out.decode().splitlines()[-1]


async def test_serve_without_a_worker_behind_a_prefix_and_a_guard(shell: Shell) -> None:
    options = ("--no-worker", "--host", "0.0.0.0", "--authorize", "their_app:authorize", "--root-path", "/bide")
    async with make_app(shell.url) as app, serve(shell, *options) as served:
        job = await enqueue(app, "slow", "never")
        address = served.address.replace("0.0.0.0", "127.0.0.1")
        async with httpx.AsyncClient(base_url=address) as client:
            assert (await client.get("/jobs")).status_code == 401
            assert (await client.get("/openapi.json")).json()["servers"] == [{"url": "/bide"}]
        # As the proxy does, which takes the path off.
        shell.env.update(BIDE_URL=address, BIDE_TOKEN=TOKEN)
        assert str(job.id) in await shell.ok("jobs", "list")
        assert (await app.get(job)).status is JobStatus.PENDING
        code, _, said = await served.stop()
    assert code == 0
    assert "s3cret" not in said


async def test_serve_says_what_it_cannot_do(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    write_their_app(shell)
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        complaint = await shell.refused("serve", "their_app:bide", "--host", host)
        assert "--authorize MODULE:CALLABLE" in complaint
    assert "cannot be called" in await shell.refused(
        "serve", "their_app:bide", "--authorize", "their_app:notes", code=2
    )
    (tmp_path / "jobs.db").write_text("this is no database, whatever its name may say")
    assert "Error:" in await shell.refused("serve", "their_app:bide", "--port", "0")


async def test_a_port_that_is_taken_ends_it_before_it_has_touched_a_job(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    async with make_app(shell.url) as app, serve(shell, "--no-worker") as served:
        job = await enqueue(app, "slow", "never")
        port = str(httpx.URL(served.address).port)
        complaint = await shell.refused("serve", "their_app:bide", "--port", port)
        assert [event.kind for event in await app.history(job)] == ["job.enqueued"]
    assert "Address already in use" in complaint
    assert "--port" in complaint


async def test_every_address_of_a_host_is_served_at_one_port_and_answers_at_once() -> None:
    """What is written goes out, and does not wait for the other side to acknowledge what was written before."""
    with listening("localhost", 0) as sockets:
        assert {address[4][0] for address in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)} == {
            one.getsockname()[0] for one in sockets
        }
        assert len({one.getsockname()[1] for one in sockets}) == 1
        for one in sockets:
            accepted: asyncio.Queue[int] = asyncio.Queue()

            def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter, accepted: Any = accepted) -> None:
                taken = writer.get_extra_info("socket")
                accepted.put_nowait(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                writer.close()

            async with await asyncio.start_server(look, sock=one):
                _, writer = await asyncio.open_connection(*one.getsockname()[:2])
                assert await accepted.get()
                writer.close()


def test_a_host_that_is_not_here_is_told() -> None:
    for host, told in (("192.0.2.1", "Cannot assign requested address"), ("no-such-host.invalid", "has no address")):
        with pytest.raises(e.InvalidOption, match=told), listening(host, 0):
            pass


@pytest.mark.parametrize(("missing", "command"), [("uvicorn", "serve their_app:bide"), ("httpx", "stats")])
async def test_without_a_part_of_the_extra_one_line_names_it(tmp_path: Path, missing: str, command: str) -> None:
    shell = Shell(tmp_path)
    write_their_app(shell)
    shell.env["BIDE_URL"] = "http://localhost:1"
    code = f"import sys; sys.modules[{missing!r}] = None; from bide.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *command.split()),
        cwd=tmp_path,
        env=shell.env,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    assert process.returncode == 1
    assert complaint.decode() == 'The command line needs an extra that is not installed: pip install "bide[cli]"\n'


async def test_commands_that_read_a_database_load_neither_a_client_nor_what_asks() -> None:
    others = {"fastapi", "httpx", "jsonschema", "rich.markdown", "uvicorn"}
    code = f"import sys, bide.cli.commands as c; print(sorted({others!r} & set(sys.modules)))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"
