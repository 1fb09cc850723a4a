"""The command line, as real processes on a real database: through pipes and through a pseudo-terminal."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import re
import signal
import sqlite3
import sys
import termios
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, Field, TypeAdapter
from rich.console import Console

import bide as package
from bide import (
    Bide,
    Clarify,
    Confirm,
    Form,
    Job,
    JobContext,
    JobStatus,
    Option,
    Preview,
    Prompt,
    PromptView,
    Question,
    Validate,
)
from bide.app import PAGE
from bide.cli.ask import ask_in_terminal
from bide.settings import Settings
from tests.postgres import execute

SOURCE = Path(package.__file__).parents[1]
PATIENCE = 30.0
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

SETTINGS = Settings(poll=0.05)


class Address(BaseModel):
    street: str = Field(min_length=2)
    number: int | None = None


class Booking(BaseModel):
    name: str
    seats: int = Field(ge=1)
    meal: str | None = None
    address: Address


class Order(BaseModel):
    action: Literal["ship", "cancel"]


PROMPTS: dict[str, Prompt[Any]] = {
    "clarify": Clarify(
        Question(
            text="What should it cover?",
            options=[Option(id="client", label="the client"), Option(id="async", label="async code")],
            allows_multiple=True,
        ),
        "In which words?",
    ),
    "confirm": Confirm(summary="# The plan\n\nWrite **three** chapters.", key_assumptions=["readers know Python"]),
    "preview": Preview(content="A draft with `code`."),
    "validate": Validate(report="2 of 3 checks passed.", passed=False, score=0.66),
    "form": Form(Booking, title="Your booking", initial=Booking(name="Ann", seats=2, address=Address(street="Elm"))),
    "order": Form(Order),
}

ANSWERS: dict[str, tuple[list[tuple[str, str]], dict[str, Any]]] = {
    # What is waited for, what is then typed; and the response that comes of it.
    "clarify": (
        [("numbers, as 1,2", "7"), ("Give numbers from 1 to 2.", "1, async"), ("In which words?", "plain ones")],
        {"answers": {"q0": ["client", "async"], "q1": "plain ones"}, "summary": ""},
    ),
    "confirm": ([("[1] proceed", "1")], {"action": "proceed"}),
    "preview": (
        [("[2] revise", "revise"), ("What should change?", "more code")],
        {"action": "revise", "feedback": "more code"},
    ),
    "validate": ([("✗ not passed", "maybe"), ("Answer 1, 2 or 3.", "y")], {"action": "proceed"}),
    "form": (
        [
            ("Name [Ann]", "Zoë"),
            ("Seats (whole number from 1) [2]", "0"),
            ("less than the minimum of 1", "9" * 25),
            ("Meal (optional)", ""),
            ("Street [Elm]", ""),
            ("Number (whole number)", "12"),
            # Too large a number fits the schema, and is refused when it is to be written down.
            ("not accepted", ""),
            ("[" + "9" * 25 + "]", "3"),
            ("Meal (optional)", "soup"),
            ("Street [Elm]", ""),
            ("Number (whole number) [12]", ""),
        ],
        {"name": "Zoë", "seats": 3, "meal": "soup", "address": {"street": "Elm", "number": 12}},
    ),
    # An answer of its own, not the job's end.
    "order": ([("Action", "2")], {"action": "cancel"}),
}


def make_app(url: str) -> Bide[None]:
    bide = Bide(url, settings=SETTINGS)

    @bide.job
    async def ask(ctx: JobContext[None], kind: str) -> Any:
        answer: BaseModel = await ctx.ask("question", PROMPTS[kind], timeout="1d")
        return answer.model_dump(mode="json")

    @bide.job
    async def slow(ctx: JobContext[None], gate: str) -> str:
        with ctx.stage("Reading", 0, 80) as stage:
            stage.item(2, 4, "half way")
            while not Path(gate).exists():  # noqa: ASYNC110 - the gate is opened from other processes
                await asyncio.sleep(0.01)
        return "done"

    return bide


@dataclass
class Finished:
    code: int
    out: str
    err: str


class Shell:
    """Runs `bide` in processes, in one folder, on one database."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.url = url or f"sqlite:///{folder / 'jobs.db'}"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BIDE_")},
            "BIDE_URL": self.url,
            "PYTHONPATH": os.pathsep.join([str(SOURCE), str(Path(__file__).parents[1])]),
            "TERM": "xterm-256color",
            "COLUMNS": "120",
            "PYTHONUNBUFFERED": "1",
        }

    async def start(self, *args: str, **pipes: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bide.cli", *args, cwd=self.folder, env=self.env, **pipes
        )

    async def run(self, *args: str, typed: str = "") -> Finished:
        pipe = asyncio.subprocess.PIPE
        process = await self.start(*args, stdin=pipe, stdout=pipe, stderr=pipe)
        out, err = await asyncio.wait_for(process.communicate(typed.encode()), PATIENCE)
        return Finished(cast("int", process.returncode), out.decode(), err.decode())

    async def ok(self, *args: str, typed: str = "") -> str:
        """Run a command that must succeed, and return what it wrote."""
        finished = await self.run(*args, typed=typed)
        assert finished.code == 0, finished
        return finished.out

    async def each_ok(self, *commands: str) -> list[str]:
        """Run commands that must succeed, at the same time, and return what each wrote."""
        return await asyncio.gather(*(self.ok(*command.split()) for command in commands))

    async def refused(self, *args: str, code: int = 1) -> str:
        """Run a command that must fail in an orderly way, and return what it complained of."""
        finished = await self.run(*args)
        assert finished.code == code, finished
        assert "Traceback" not in finished.err
        return finished.err


class Screen:
    """The other end of a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = bytearray()
        self._changed = asyncio.Event()
        self._place = 0
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65_536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self._seen += data
        self._changed.set()

    @property
    def raw(self) -> str:
        return self._seen.decode(errors="replace")

    @property
    def text(self) -> str:
        return ESCAPE.sub("", self.raw)

    async def until(self, text: str) -> None:
        """Wait until this appears, after what was waited for before."""
        async with asyncio.timeout(PATIENCE):
            while (found := self.text.find(text, self._place)) < 0:
                self._changed.clear()
                await self._changed.wait()
        self._place = found + len(text)

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())


@asynccontextmanager
async def terminal(shell: Shell, *args: str) -> AsyncGenerator[tuple[asyncio.subprocess.Process, Screen]]:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, 120))
    process = await shell.start(*args, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    try:
        yield process, Screen(master)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)


ON_EACH = pytest.mark.parametrize("shell", ["sqlite", "postgres"], indirect=True)
"""The test is run on a database of each kind, else on SQLite."""


@pytest.fixture
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    on = getattr(request, "param", "sqlite")
    return Shell(tmp_path, request.getfixturevalue("postgres_url") if on == "postgres" else None)


@pytest.fixture
async def app(shell: Shell) -> AsyncGenerator[Bide[None]]:
    async with make_app(shell.url) as bide:
        yield bide


async def enqueue(app: Bide[None], name: str, *args: Any) -> Job[Any]:
    return await app.registry.get(name).enqueue(*args)


async def reached(app: Bide[None], job: Job[Any], fact: Callable[[Job[Any]], bool]) -> Job[Any]:
    async with asyncio.timeout(PATIENCE):
        while not fact(now := await app.get(job)):  # noqa: ASYNC110 - the database is what is asked
            await asyncio.sleep(0.02)
    return now


async def waiting(app: Bide[None], kind: str) -> Job[Any]:
    job = await enqueue(app, "ask", kind)
    return await reached(app, job, lambda job: job.status is JobStatus.PENDING_HITL)


# ── Usage ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_wrong_usage_ends_with_2(shell: Shell) -> None:
    del shell.env["BIDE_URL"]
    complaints = await asyncio.gather(
        shell.refused("stats", code=2),
        shell.refused("worker", "nothing", code=2),
        shell.refused("worker", "no_such_app:bide", code=2),
        shell.refused("worker", "json:dumps", code=2),
    )
    expected = ("--url", "MODULE:ATTRIBUTE", "no module 'no_such_app'", "is no Bide app")
    assert [word in complaint for word, complaint in zip(expected, complaints, strict=True)] == [True] * 4


async def test_an_error_of_bide_ends_with_1_and_the_remedy(shell: Shell) -> None:
    complaint = await shell.refused("jobs", "list")
    assert "There is no database" in complaint
    assert "bide migrate up" in complaint
    assert not (shell.folder / "jobs.db").exists()
    assert "sqlite:///jobs.db" in await shell.refused("stats", "--url", "mysql://x")


async def test_the_commands_work_on_postgres(shell: Shell, postgres_url: str, bare_postgres_url: str) -> None:
    shell.env["BIDE_URL"] = postgres_url
    assert json.loads(await shell.ok("jobs", "list", "--json")) == []
    assert '"completed": 0' in await shell.ok("stats", "--json")
    assert "not found" in await shell.refused("jobs", "show", "00000000-0000-0000-0000-000000000000")
    assert "bide migrate up" in await shell.refused("jobs", "list", "--url", bare_postgres_url)


async def test_without_the_extra_one_line_names_it(shell: Shell) -> None:
    code = "import sys; sys.modules['typer'] = None; from bide.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=shell.env, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await process.communicate()
    assert process.returncode == 1
    assert complaint.decode() == ('The command line needs an extra that is not installed: pip install "bide[cli]"\n')


# ── The schema ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """On a database of each kind, with nothing in it."""
    return Shell(tmp_path, request.getfixturevalue("bare_postgres_url") if request.param == "postgres" else None)


async def test_migrate_goes_up_and_down(either: Shell) -> None:
    shell = either
    assert "holds no tables" in await shell.ok("migrate", "status")
    assert "is at schema" in await shell.ok("migrate", "up", shell.url)
    assert "already" in await shell.ok("migrate", "up")
    assert "as this version expects" in await shell.ok("migrate", "status")
    asked = await shell.run("migrate", "down", typed="n\n")
    assert asked.code == 1
    assert "deletes all 0 job(s)" in asked.out
    assert "as this version expects" in await shell.ok("migrate", "status")
    assert "no table is left" in await shell.ok("migrate", "down", "--to", "base", "--yes")
    assert "holds no tables" in await shell.ok("migrate", "status")


async def test_a_schema_that_is_not_known_is_refused_with_those_that_are(either: Shell) -> None:
    shell = either
    await shell.ok("migrate", "up")
    for name in ("nonsense", "-7"):
        complaint = await shell.refused("migrate", "down", f"--to={name}", "--yes")
        assert name in complaint
        assert "base, 0001" in complaint
    assert "as this version expects" in await shell.ok("migrate", "status")


async def test_what_loses_data_is_not_done_where_nobody_agrees(shell: Shell, app: Bide[None]) -> None:
    job = await app.cancel(await enqueue(app, "slow", "never"))
    for command in (("migrate", "down"), ("cleanup", "--older-than", "0s")):
        assert "--yes" in await shell.refused(*command)
        assert (await shell.run(*command, typed="n\n")).code == 1
        assert "1 job(s)" in (await shell.run(*command, typed="n\n")).out
    assert (await app.get(job)).status is JobStatus.CANCELLED
    assert "1 job(s) deleted" in await shell.ok("cleanup", "--older-than", "0s", typed="y\n")


# ── Looking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@ON_EACH
async def test_list_show_and_stats_read_the_database_alone(shell: Shell, app: Bide[None]) -> None:
    async with app.worker():
        job = await waiting(app, "confirm")
    other = await enqueue(app, "slow", "never")

    listed, of_type, table, shown, page, counts, counted = await shell.each_ok(
        "jobs list --json",
        "jobs list --type ask --json",
        "jobs list --status pending_hitl",
        f"jobs show {str(job.id)[-8:]} --json",
        f"jobs show {job.id}",
        "stats --json",
        "stats",
    )
    assert [row["id"] for row in json.loads(listed)] == [str(other.id), str(job.id)]
    assert [row["id"] for row in json.loads(of_type)] == [str(job.id)]
    assert str(job.id) in table
    assert str(other.id) not in table
    assert "waiting for you" in table
    whole = json.loads(shown)
    assert whole["job"]["id"] == str(job.id)
    assert whole["prompts"][0]["schema"]
    assert [event["seq"] for event in whole["history"]] == list(range(1, whole["job"]["seq"] + 1))
    assert "prompt.opened" in page
    assert json.loads(counts)["by_status"]["pending_hitl"] == 1
    assert json.loads(counts)["open_prompts"] == json.loads(counts)["ready"] == 1
    assert "waiting for you" in counted


async def test_a_status_that_only_a_newer_version_knows_is_shown(shell: Shell, app: Bide[None]) -> None:
    job = await enqueue(app, "slow", "never")
    with sqlite3.connect(shell.folder / "jobs.db") as db:
        db.execute("pragma ignore_check_constraints = on")
        db.execute("update bide_job set status = 'quarantined\x1b'")
    db.close()
    for output in await shell.each_ok("jobs list", f"jobs show {job.id}", "stats", "stats --json"):
        assert "quarantined" in output
        assert "\x1b" not in output


async def test_list_goes_page_by_page_to_the_end(shell: Shell, app: Bide[None]) -> None:
    made = [str((await enqueue(app, "slow", "never")).id) for _ in range(4)]
    first = await shell.ok("jobs", "list", "--limit", "3")
    assert [job for job in made if job in first] == made[1:]
    assert f"--before {made[1]}" in first
    last, by_end, of_type = await shell.each_ok(
        f"jobs list --limit 3 --before {made[1]}",
        f"jobs list --limit 1 --before {made[2][-8:]} --json",
        "jobs list --limit 4 --type slow",
    )
    assert made[0] in last
    assert [row["id"] for row in json.loads(by_end)] == [made[1]]
    assert "--before" not in last + of_type


async def test_times_of_the_history_are_the_readers_own(shell: Shell, app: Bide[None]) -> None:
    shell.env["TZ"] = "Asia/Kathmandu"
    job = await app.registry.get("slow").options(delay="10d").enqueue("never")
    assert job.due_at is not None
    here = job.due_at.astimezone(ZoneInfo("Asia/Kathmandu"))
    assert f"due_at: {here:%Y-%m-%d %H:%M:%S}" in await shell.ok("jobs", "show", str(job.id))


async def test_only_an_open_question_has_a_deadline(shell: Shell, app: Bide[None]) -> None:
    async with app.worker():
        job = await waiting(app, "confirm")
        assert "open, until" in await shell.ok("jobs", "show", str(job.id))
        await app.respond(job, {"action": "proceed"}, prompt=(await app.prompts(job))[0].id)
        await reached(app, job, lambda job: job.status is JobStatus.COMPLETED)
    answered = await shell.ok("jobs", "show", str(job.id))
    assert "answered" in answered
    assert "until" not in answered


async def test_a_job_is_named_by_its_id_or_a_unique_end(shell: Shell, app: Bide[None]) -> None:
    job = await enqueue(app, "slow", "never")
    shown, no_id, no_end, no_job = await asyncio.gather(
        shell.ok("jobs", "show", str(job.id)[-6:]),
        shell.refused("jobs", "show", "latest"),
        shell.refused("jobs", "show", "0123456789abc"),
        shell.refused("jobs", "show", str(uuid4())),
    )
    assert str(job.id) in shown
    assert "last 6 characters" in no_id
    assert "None of the newest" in no_end
    assert "not found" in no_job


@ON_EACH
async def test_cancel_and_cleanup(shell: Shell, app: Bide[None]) -> None:
    job = await enqueue(app, "slow", "never")
    kept = await enqueue(app, "slow", "never")
    assert "is cancelled" in await shell.ok("jobs", "cancel", str(job.id), "--reason", "not needed")
    events = await app.history(job)
    assert "not needed" in json.dumps(events[-1].data)

    for no_unit in ("30", "0", " 1.5 "):
        assert "30d" in await shell.refused("cleanup", "--older-than", no_unit, "--yes", code=2)
    assert "1 job(s) would be deleted" in await shell.ok("cleanup", "--older-than", "0s", "--dry-run")
    long_ago = await shell.ok("cleanup", "--older-than", "7d", "--yes")
    assert "0 job(s) deleted" in long_ago
    assert f"before {datetime.now(UTC).astimezone() - timedelta(days=7):%Y-%m-%d}" in long_ago
    assert "never deleted" in await shell.refused("cleanup", "--older-than", "0s", "--status", "pending", "--yes")
    assert "1 job(s) deleted" in await shell.ok("cleanup", "--older-than", "0s", "--yes")
    assert [row.id for row in await app.list()] == [kept.id]


# ── Answering ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", PROMPTS)
async def test_answer_through_a_pipe(shell: Shell, app: Bide[None], kind: str) -> None:
    dialogue, response = ANSWERS[kind]
    async with app.worker():
        job = await waiting(app, kind)
        typed = "".join(f"{line}\n" for _, line in dialogue)
        out = await shell.ok("jobs", "answer", str(job.id), "--by", "ann", typed=typed)
        for awaited, _ in dialogue:
            assert awaited in out
        assert "recorded by ann" in out
        assert await app.result(job, timeout=PATIENCE) == response
    (prompt,) = await app.prompts(job, open_only=False)
    assert prompt.answer is not None
    assert prompt.answer.by == "ann"


@pytest.mark.parametrize("kind", PROMPTS)
async def test_answer_in_a_terminal(shell: Shell, app: Bide[None], kind: str) -> None:
    dialogue, response = ANSWERS[kind]
    async with app.worker():
        job = await waiting(app, kind)
        async with terminal(shell, "jobs", "answer", str(job.id)[-8:]) as (process, screen):
            for awaited, line in dialogue:
                await screen.until(awaited)
                await screen.until("› ")
                screen.type(line)
            await screen.until("the job goes on")
            assert await process.wait() == 0
        assert await app.result(job, timeout=PATIENCE) == response


@ON_EACH
async def test_answer_given_as_json(shell: Shell, app: Bide[None]) -> None:
    async with app.worker():
        job = await waiting(app, "preview")
        complaints = await asyncio.gather(
            shell.refused("jobs", "answer", str(job.id), "--json", '{"action": "revise"}'),
            shell.refused("jobs", "answer", str(job.id), "--json", "{", code=2),
            shell.refused("jobs", "answer", str(job.id), "--prompt", "other"),
        )
        expected = ("stays open", "not JSON", "has no open question 'other'")
        assert [words in complaint for words, complaint in zip(expected, complaints, strict=True)] == [True] * 3
        await shell.ok("jobs", "answer", str(job.id), "--prompt", "question", "--json", '{"action": "proceed"}')
        assert await app.result(job, timeout=PATIENCE) == {"action": "proceed"}
    assert "asks nothing now" in await shell.refused("jobs", "answer", str(job.id))


@pytest.mark.parametrize("kind", ["clarify", "order"])
async def test_cancelling_instead_of_answering(kind: str, shell: Shell, app: Bide[None]) -> None:
    async with app.worker():
        job = await waiting(app, kind)
        assert "is cancelled" in await shell.ok("jobs", "answer", str(job.id), typed="/cancel\n")
    assert (await app.get(job)).status is JobStatus.CANCELLED


async def test_input_that_ends_leaves_the_question_open(shell: Shell, app: Bide[None]) -> None:
    async with app.worker():
        job = await waiting(app, "clarify")
    assert "The input ended" in await shell.refused("jobs", "answer", str(job.id))
    assert (await app.get(job)).status is JobStatus.PENDING_HITL


def view(prompt: Prompt[Any]) -> PromptView:
    return PromptView(
        id=uuid4(),
        job_id=uuid4(),
        key="question",
        kind=prompt.kind,
        data=prompt.data(),
        schema_=prompt.narrow(TypeAdapter(prompt.answer_type).json_schema()),
        status="open",
        opened_at=datetime.now(UTC),
    )


def asked(
    prompt: Prompt[Any],
    *lines: str,
    before: Mapping[str, Any] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> tuple[dict[str, Any], str]:
    """Ask with these lines as the answers: the response, and what was shown."""
    console = Console(record=True, width=120, file=io.StringIO())
    rest = iter(lines)

    def read() -> str:
        line = next(rest, None)
        if line is None:
            raise EOFError
        return line

    response = ask_in_terminal(view(prompt), console, read=read, before=before, errors=errors)
    return response, console.export_text()


class Cat(BaseModel):
    lives: int


class Dog(BaseModel):
    breed: str


class Everything(BaseModel):
    when: datetime
    agreed: bool
    tags: list[str] = Field(min_length=1)
    people: list[Address] = []
    pet: Cat | Dog
    other: Address | None = None
    sizes: dict[str, int] = {}
    grid: list[list[int]] = []


def test_a_form_asks_for_every_kind_of_field() -> None:
    response, shown = asked(
        Form(Everything),
        *("tomorrow", "2026-03-04T05:06:07Z"),
        *("perhaps", "y"),
        *("", "red", "green", ""),
        *("y", "Elm", "", "n"),
        *("2", "poodle"),
        "n",
        *("{", '{"s": NaN}', '{"s": 1}'),
        "[[1], []]",
    )
    assert Everything.model_validate(response).model_dump(mode="json") == {
        "when": "2026-03-04T05:06:07Z",
        "agreed": True,
        "tags": ["red", "green"],
        "people": [{"street": "Elm", "number": None}],
        "pet": {"breed": "poodle"},
        "other": None,
        "sizes": {"s": 1},
        "grid": [[1], []],
    }
    assert "This is not JSON" in shown
    assert "[2] Dog" in shown


def test_a_form_says_how_a_value_is_left_out_and_how_a_text_is_empty() -> None:
    before = {"name": "Ann", "seats": 2, "meal": "soup", "address": {"street": "Elm", "number": 3}}
    response, shown = asked(Form(Booking), '""', "", "-", "", "-", before=before)
    assert response == {"name": "", "seats": 2, "meal": None, "address": {"street": "Elm", "number": None}}
    assert '- leaves an optional value out, "" is an empty text' in shown


def test_a_refused_form_shows_each_error_at_its_field_and_offers_what_was_given() -> None:
    before = {"name": "Ann", "seats": 2, "meal": None, "address": {"street": "Elm", "number": 3}}
    errors = [{"path": "/address/street", "message": "no such street"}, {"path": "", "message": "fully booked"}]
    response, shown = asked(Form(Booking), "", "", "", "Oak", "", before=before, errors=errors)
    assert response == {**before, "address": {"street": "Oak", "number": 3}}
    assert shown.index("fully booked") < shown.index("Name [Ann]") < shown.index("no such street") < shown.index("Oak")


def test_options_are_named_by_number_id_or_label_else_the_words_count() -> None:
    options = [Option(id="a", label="Apples"), Option(id="b", label="Pears", description="the green ones")]
    one = Clarify(Question(text="Which?", options=options, free_text=True))
    assert [asked(one, line)[0]["answers"]["q0"] for line in ("2", "A", "pears", "plums")] == ["b", "a", "b", "plums"]
    several = Clarify(Question(text="Which?", options=options, allows_multiple=True, free_text=True))
    assert asked(several, "2, apples")[0]["answers"]["q0"] == ["b", "a"]
    assert asked(several, "plums, 2")[0]["answers"]["q0"] == ["plums, 2"]


# ── Untrusted text ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_planted_control_characters_and_markup_stay_text(shell: Shell, app: Bide[None]) -> None:
    planted = "\x1b[31m\x9b2J\x07\u202e[bold red]x[/] :smile:"
    async with app.worker():
        job = await waiting(app, "confirm")
    error = json.dumps({"type": planted, "message": planted, "traceback": planted})
    progress = json.dumps({"percent": 5, "message": planted, "stages": [{"name": planted, "item": 1, "of": 3}]})
    with sqlite3.connect(shell.folder / "jobs.db") as db:
        db.execute("update bide_job set progress = ?, error = ?, type = ?", (progress, error, planted))
        db.execute(
            "update bide_prompt set key = ?, data = ?",
            (planted, json.dumps({"summary": planted, "key_assumptions": [planted], "path": planted})),
        )
        db.execute("update bide_event set data = ?", (json.dumps({planted: planted}),))
    db.close()
    outputs = [
        *await shell.each_ok("jobs list", "jobs list --json", f"jobs show {job.id}", f"jobs show {job.id} --json"),
        await shell.refused("jobs", "answer", str(job.id), "--prompt", planted[:6]),
        await shell.ok("jobs", "answer", str(job.id), typed="3\n"),
        await shell.ok("jobs", "watch", str(job.id)),
    ]
    for output in outputs:
        assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(output), output
    assert "[bold red]x[/] :smile:" in outputs[0]
    assert "[bold red]x[/]" in outputs[2]


# ── Watching ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_watch_draws_bars_in_a_terminal_until_all_have_finished(shell: Shell, app: Bide[None]) -> None:
    gate = shell.folder / "gate"
    async with app.worker():
        job, question = await enqueue(app, "slow", str(gate)), await waiting(app, "preview")
        await reached(app, job, lambda job: job.progress.percent is not None)
        async with terminal(shell, "jobs", "watch") as (process, screen):
            await screen.until("20 %")
            await screen.until("half way (2 of 4)")
            await screen.until("waiting for you")
            assert "━" in screen.text
            gate.touch()
            await screen.until("completed")
            assert process.returncode is None
            await app.respond(question, {"action": "proceed"}, prompt=(await app.prompts(question))[0].id)
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
            assert screen.text.count("completed") >= 2


@ON_EACH
async def test_watch_prints_a_line_per_change_elsewhere(shell: Shell, app: Bide[None]) -> None:
    gate = shell.folder / "gate"
    async with app.worker():
        job = await enqueue(app, "slow", str(gate))
        await reached(app, job, lambda job: job.progress.percent is not None)
        process = await shell.start("jobs", "watch", str(job.id), stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        first = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
        assert "running  20 %  half way (2 of 4)" in first
        gate.touch()
        rest = (await asyncio.wait_for(process.stdout.read(), PATIENCE)).decode()
        assert await process.wait() == 0
    assert "completed  100 %" in rest.splitlines()[-1]
    assert "No job is unfinished." in await shell.ok("jobs", "watch")


async def test_watch_says_how_many_it_leaves_out(shell: Shell, app: Bide[None]) -> None:
    waiting = app.registry.get("slow")
    made = await app.enqueue_many([waiting.call("never") for _ in range(PAGE + 3)])
    process = await shell.start("jobs", "watch", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        await line_with(process.stdout, f"the newest {PAGE}; 3 older ones are left out")
        await line_with(process.stdout, str(made[3].id)[-8:])
    finally:
        process.kill()
        await process.wait()


# ── The worker ───────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def worker_process(shell: Shell) -> AsyncGenerator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
    (shell.folder / "their_app.py").write_text(
        f"from tests.test_cli import make_app\n\nclass shop:\n    bide = make_app({shell.url!r})\n"
    )
    async with running(shell, "worker", "their_app:shop.bide") as process:
        yield process


@asynccontextmanager
async def running(shell: Shell, *args: str) -> AsyncGenerator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
    process = await shell.start(*args, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        yield process, process.stderr
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line_with(stream: asyncio.StreamReader, text: str) -> str:
    """Read up to the line that holds the text; returns all that was read."""
    seen: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while text not in "".join(seen[-1:]):
            line = await stream.readline()
            assert line, "".join(seen)
            seen.append(line.decode())
    return "".join(seen)


async def test_a_worker_that_creates_the_tables_tells_only_of_itself(shell: Shell) -> None:
    async with worker_process(shell) as (_, errors):
        said = await line_with(errors, "is ready")
    assert "alembic" not in said
    assert (shell.folder / "jobs.db").exists()


@pytest.mark.parametrize(("command", "runs"), [("worker", "is ready"), ("serve", "running on")])
async def test_without_its_tables_nothing_starts_on_postgres(
    tmp_path: Path, bare_postgres_url: str, command: str, runs: str
) -> None:
    """Several hosts start at once, and only one of them is to migrate: that is somebody's decision."""
    shell = Shell(tmp_path, bare_postgres_url)
    (tmp_path / "their_app.py").write_text(f"from tests.test_cli import make_app\n\nbide = make_app({shell.url!r})\n")
    args = (command, "their_app:bide", *(["--port=0"] if command == "serve" else []))
    assert "bide migrate up" in await shell.refused(*args)
    assert await execute(bare_postgres_url, "select to_regnamespace('bide')::text") == [(None,)]
    await shell.ok("migrate", "up")
    async with running(shell, *args) as (_, errors):
        await line_with(errors, runs)


@ON_EACH
async def test_sigterm_lets_the_running_job_finish(shell: Shell, app: Bide[None]) -> None:
    gate = shell.folder / "gate"
    job = await enqueue(app, "slow", str(gate))
    async with worker_process(shell) as (process, errors):
        await reached(app, job, lambda job: job.status is JobStatus.RUNNING)
        late = await enqueue(app, "slow", str(gate))
        await reached(app, late, lambda job: job.status is JobStatus.RUNNING)
        process.send_signal(signal.SIGTERM)
        await line_with(errors, "draining: 2 job(s) running")
        never = await enqueue(app, "slow", str(gate))
        gate.touch()
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    assert [(await app.get(one)).status for one in (job, late, never)] == ["completed", "completed", "pending"]


@ON_EACH
async def test_a_second_signal_gives_the_running_job_back_unspent(shell: Shell, app: Bide[None]) -> None:
    gate = shell.folder / "gate"
    job = await enqueue(app, "slow", str(gate))
    async with worker_process(shell) as (process, errors):
        await reached(app, job, lambda job: job.status is JobStatus.RUNNING)
        process.send_signal(signal.SIGINT)
        await line_with(errors, "a second signal stops at once")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 128 + signal.SIGTERM
    assert (await app.get(job)).status is JobStatus.PENDING
    gate.touch()
    async with app.worker():
        assert await app.result(job, timeout=PATIENCE) == "done"
    assert (await app.get(job)).attempt == 1


async def test_a_worker_that_breaks_ends_the_process(shell: Shell) -> None:
    (shell.folder / "broken_store.py").write_text(
        "from bide import Bide\nfrom bide.store.sqlite import SQLiteStore\n\n"
        "async def settle_and_claim(*_, **__): raise RuntimeError('planted')\n\n"
        f"SQLiteStore.settle_and_claim = settle_and_claim\nbide = Bide({shell.url!r})\n\n"
        "@bide.job\nasync def nothing(ctx): ...\n"
    )
    finished = await shell.run("worker", "broken_store:bide")
    assert finished.code == 1
    assert "RuntimeError: planted" in finished.err


async def test_a_worker_says_what_its_module_lacks(shell: Shell) -> None:
    (shell.folder / "broken_app.py").write_text("import no_such_library\n")
    finished = await shell.run("worker", "broken_app:bide")
    assert finished.code == 1
    # Their own mistake comes with its place.
    assert "no_such_library" in finished.err
    assert "broken_app.py" in finished.err
