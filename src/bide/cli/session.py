"""From a command's arguments to jobs and one of them: no user code is needed to look at jobs, or to answer them.

The jobs are in a database here, or behind a server that is spoken to over HTTP; a command need not know where.
"""

from __future__ import annotations

import getpass
import ipaddress
import os
import re
import sys
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar
from uuid import UUID

from pydantic import ValidationError
from rich.console import Console

from bide.app import PAGE, Bide, is_postgres, sqlite_path
from bide.cli import extra
from bide.errors import InvalidOption, NotFound, StoreUnavailable
from bide.events import Event
from bide.hitl import PromptView, Receipt
from bide.job import Job, JobStatus
from bide.schedule import Duration
from bide.settings import Settings
from bide.store.base import Stats
from bide.store.sqlite.migrations import run as schema

if TYPE_CHECKING:
    from bide.cli.remote import RemoteBide

T = TypeVar("T")

TAIL = 8
"""Characters of an id that people are shown. The beginnings are times, and alike; the ends are random."""

_TAIL_GIVEN = re.compile(r"[0-9a-f-]{6,36}")

PIPE_WIDTH = 160
"""Columns where the output is no terminal."""


def make_console() -> Console:
    """The console for output. No markup, emoji or highlighting: most of what it shows is untrusted."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PIPE_WIDTH)
    return console


class Jobs(Protocol):
    """What the commands ask of a `Bide`, and of one that is elsewhere; each call as `Bide` tells of it."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def run(self, op: Coroutine[Any, Any, T], /) -> T: ...
    def close(self) -> None: ...

    async def get(self, job: UUID, /) -> Job[Any]: ...
    async def list(
        self,
        *,
        statuses: Iterable[JobStatus] = (),
        types: Iterable[str] = (),
        queues: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        before: UUID | None = None,
        limit: int = 50,
    ) -> Sequence[Job[Any]]: ...
    async def history(self, job: UUID, /, *, after: int = 0) -> Sequence[Event]: ...
    def events(self, job: UUID, /, *, after: int = 0) -> AsyncGenerator[Event]: ...
    async def prompts(self, job: UUID, /, *, open_only: bool = True) -> Sequence[PromptView]: ...
    async def show_prompts(self, job: UUID, /) -> Sequence[PromptView]: ...
    async def stats(self) -> Stats: ...

    async def respond(
        self, job: UUID, response: Mapping[str, Any], /, *, prompt: UUID | None = None, by: str | None = None
    ) -> Receipt: ...
    async def cancel(self, job: UUID, /, *, by: str | None = None, reason: str | None = None) -> Job[Any]: ...
    async def retry(self, job: UUID, /, *, by: str | None = None) -> Job[Any]: ...
    async def fork(self, job: UUID, /, *, after: int, by: str | None = None) -> Job[Any]: ...
    async def cleanup(self, *, older_than: Duration, statuses: Iterable[JobStatus] = ...) -> int: ...
    async def cleanable(self, *, older_than: Duration, statuses: Iterable[JobStatus] = ...) -> int: ...


def is_http(url: str) -> bool:
    return url.partition("://")[0].lower() in {"http", "https"}


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def connect(url: str, token: str | None = None) -> Bide[None] | RemoteBide:
    """The jobs at this address. Raises InvalidOption, StoreUnavailable."""
    if is_http(url):
        with extra():
            from bide.cli.remote import RemoteBide
        return RemoteBide(url, token=token or os.environ.get("BIDE_TOKEN") or None)
    if token is not None:
        raise InvalidOption("A token is for a server.", hint="A database asks for none: leave --token out.")
    return open_database(url)


def open_database(url: str) -> Bide[None]:
    """The app of an existing database. Raises StoreUnavailable instead of creating one: a path mistyped has no jobs."""
    settings = read_settings()
    if is_postgres(url):
        return Bide(url, settings=settings)
    path = sqlite_path(url)
    if not Path(path).exists():
        raise StoreUnavailable(
            f"There is no database at {path}.", hint="Check --url and BIDE_URL, or create it: bide migrate up."
        )
    if schema.status(path).current is None:
        raise StoreUnavailable(f"{path} holds no tables of Bide.", hint="To create them: bide migrate up.")
    return Bide(url, settings=settings)


def acting(url: str, by: str | None) -> str | None:
    """Who is recorded with what is done: by default this machine's user. None over HTTP, where the server says who."""
    if is_http(url):
        refuse_by(by)
        return None
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def refuse_by(by: str | None) -> None:
    if by is not None:
        raise InvalidOption("Over HTTP it is the server that says who you are.", hint="Leave --by out.")


def read_settings() -> Settings:
    try:
        return Settings()
    except ValidationError as invalid:
        flaws = (f"BIDE_{str(flaw['loc'][0]).upper()}: {flaw['msg']}" for flaw in invalid.errors(include_url=False))
        raise InvalidOption("; ".join(flaws), hint="Correct the environment.") from None


@contextmanager
def opened(url: str, token: str | None = None) -> Generator[Jobs]:
    """Jobs that are asked through `run`, so that the main thread may wait for a person's typing."""
    app = connect(url, token)
    try:
        yield app
    finally:
        app.close()


async def find_job(app: Jobs, name: str) -> Job[Any]:
    """The job with this id, or the only one of the newest whose id ends so. Raises NotFound, InvalidOption."""
    try:
        return await app.get(UUID(name))
    except ValueError:
        pass
    if not _TAIL_GIVEN.fullmatch(tail := name.lower()):
        raise NotFound(f"No job is named {name!r}.", hint="Give its id, or the last 6 characters of it or more.")
    matching = [job for job in await app.list(limit=PAGE) if str(job.id).endswith(tail)]
    match matching:
        case [job]:
            # A list may leave out what the whole of it holds.
            return await app.get(job.id)
        case []:
            raise NotFound(
                f"None of the newest {PAGE} jobs has an id that ends in {tail!r}.", hint="Give the whole id."
            )
        case _:
            raise InvalidOption(
                f"{len(matching)} jobs have an id that ends in {tail!r}.",
                hint=f"Give more of it: {', '.join(str(job.id) for job in matching[:5])}.",
            )


def short(identity: UUID) -> str:
    return str(identity)[-TAIL:]


def write(text: str) -> None:
    """Write output for machines as it is: no wrapping, no style."""
    sys.stdout.write(f"{text}\n")
