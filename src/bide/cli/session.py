"""From a command's arguments to an app and a job: no user code is needed to look at jobs, or to answer them."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from rich.console import Console

from bide.app import PAGE, Bide, sqlite_path
from bide.errors import InvalidOption, NotFound, StoreUnavailable
from bide.job import Job
from bide.settings import Settings
from bide.store.sqlite.migrations import run as schema

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


def connect(url: str) -> Bide[None]:
    """The app of an existing database. Raises StoreUnavailable instead of creating one: a path mistyped has no jobs."""
    path = sqlite_path(url)
    if not Path(path).exists():
        raise StoreUnavailable(
            f"There is no database at {path}.", hint="Check --url and BIDE_URL, or create it: bide migrate up."
        )
    if schema.status(path).current is None:
        raise StoreUnavailable(f"{path} holds no tables of Bide.", hint="To create them: bide migrate up.")
    return Bide(url, settings=read_settings())


def read_settings() -> Settings:
    try:
        return Settings()
    except ValidationError as invalid:
        flaws = (f"BIDE_{str(flaw['loc'][0]).upper()}: {flaw['msg']}" for flaw in invalid.errors(include_url=False))
        raise InvalidOption("; ".join(flaws), hint="Correct the environment.") from None


@contextmanager
def opened(url: str) -> Generator[Bide[None]]:
    """An app whose calls go through `bide.run`, so that the main thread may wait for a person's typing."""
    app = connect(url)
    try:
        yield app
    finally:
        app.close()


async def find_job(app: Bide[Any], name: str) -> Job[Any]:
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
            return job
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
