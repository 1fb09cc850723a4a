"""The command line, `bide`.

`bide.cli.ask.ask_in_terminal` is public: it asks a job's question in any terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from bide.errors import BideError

EXTRA = frozenset({"httpx", "rich", "typer", "uvicorn"})


@contextmanager
def extra() -> Generator[None]:
    """What is imported within is part of the extra; where it is missing, the process ends with the remedy."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name not in EXTRA:
            raise
        sys.exit('The command line needs an extra that is not installed: pip install "bide[cli]"')


def main() -> None:
    """Run the command of this process's arguments, and exit: 0 done, 1 an error from Bide, 2 wrong usage."""
    with extra():
        from bide.cli.commands import cli
    _tolerate_every_text()
    try:
        cli(prog_name="bide")
    except BideError as error:
        from bide.cli.text import printable

        sys.stderr.write(f"Error: {printable(error.message)}\n")
        if error.hint:
            sys.stderr.write(f"{printable(error.hint)}\n")
        sys.exit(1)


def _tolerate_every_text() -> None:
    """Neither what is shown nor what is typed may break a command over its encoding."""
    # What is typed is kept as it came: the boundary of a response then refuses it, instead of storing something else.
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace"), (sys.stderr, "replace")):
        # What stands in for a stream, in a test say, need not have an encoding at all.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=errors)
