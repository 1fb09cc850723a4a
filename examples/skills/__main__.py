"""The skills service: `python -m examples.skills --port 8001 --database sqlite:///skills.db`.

Killed at any time, the same command goes on with every job, also with those that wait for people.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import uvicorn

from bide.app import sqlite_path
from bide.cli.listening import listening
from bide.errors import InvalidOption
from bide.http.local import is_loopback


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    os.environ["BIDE_URL"] = given.database
    # Absolute: what clients are told must not hang on the folder this process was started in.
    os.environ["BIDE_SKILLS_TAXONOMY"] = str(given.taxonomy.resolve())
    # Only now: importing the jobs reads the address of their database from the environment.
    from examples.skills.service.app import make_app

    try:
        app = make_app(for_all=given.host != "localhost" and not is_loopback(given.host))
        # Before the app starts: with its port taken, it must not have claimed jobs.
        with listening(given.host, given.port) as sockets:
            server = uvicorn.Server(uvicorn.Config(app))
            print(f"Serving on {given.host}, port {sockets[0].getsockname()[1]}; Ctrl+C ends it.", file=sys.stderr)
            with suppress(KeyboardInterrupt):
                server.run(sockets)
    except InvalidOption as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if server.started else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.skills", description=__doc__)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: 127.0.0.1, which lets in this machine only)",
    )
    parser.add_argument("--port", type=int, default=8001, help="the port (default: 8001)")
    parser.add_argument(
        "--database",
        type=_database,
        default=os.environ.get("BIDE_URL") or "sqlite:///skills.db",
        help="the database (default: BIDE_URL, else sqlite:///skills.db)",
    )
    parser.add_argument(
        "--taxonomy",
        type=Path,
        default=Path(os.environ.get("BIDE_SKILLS_TAXONOMY") or "taxonomy"),
        help="the folder that skills are saved into (default: BIDE_SKILLS_TAXONOMY, else taxonomy)",
    )
    return parser


def _database(url: str) -> str:
    try:
        sqlite_path(url)
    except InvalidOption as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return url


if __name__ == "__main__":
    sys.exit(main())
