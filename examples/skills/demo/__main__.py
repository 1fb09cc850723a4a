"""Create a skill by a service that is killed twice: `python -m examples.skills.demo [PACKAGE]`, or `make demo`."""

import argparse
import getpass
import io
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from bide.cli.text import printable, styled
from examples.skills import choosing, effects
from examples.skills.demo.person import Person
from examples.skills.demo.screen import make_console
from examples.skills.demo.server import ENDING_SIGNALS, undisturbed

DATABASE = "jobs.db"
LOG_LINES = 20
UNATTENDED_NOTICE = "Nobody is here to answer: the demo answers its questions itself."


def main(arguments: Sequence[str] | None = None) -> int:
    """0: it ended well and nothing was repeated. 1: it did not. 130: a person ended it."""
    given = _parser().parse_args(arguments)
    # Neither a sign that the terminal cannot show, nor one that cannot be read, may end in a traceback.
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace"), (sys.stderr, "replace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    for number in ENDING_SIGNALS:
        signal.signal(number, _leave)
    console = make_console()
    try:
        with _folder(given.keep) as folder:
            attended = _is_attended(unattended=given.unattended)
            code = _play(given.package, folder, console, attended=attended, kept=given.keep is not None)
            console.print(f"\n{SERVE_IT}\n{_hint(given.keep)}", style="dim", soft_wrap=True)
            return code
    except KeyboardInterrupt:
        console.print("\nStopped. Nothing is left running.")
        return 130
    except BrokenPipeError:
        # Python writes what is left when it ends, and would complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except EOFError:
        console.print("The input ended before the question was answered. Nothing is left running.")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.skills.demo", description=__doc__)
    parser.add_argument("package", nargs="?", default="httpx", help="an installed package (default: httpx)")
    parser.add_argument("--unattended", action="store_true", help="answer the questions without a person")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the database, the server's log and the steps' file there"
    )
    return parser


def _is_attended(*, unattended: bool) -> bool:
    return not unattended and not os.environ.get("CI") and sys.stdin.isatty()


def _leave(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


@contextmanager
def _folder(kept: Path | None) -> Generator[Path]:
    """The folder of this run: the one that was asked for, or one that is removed in the end."""
    if kept is None:
        folder = Path(tempfile.mkdtemp(prefix="bide-demo-"))
        try:
            yield folder
        finally:
            with undisturbed():
                shutil.rmtree(folder, ignore_errors=True)
        return
    kept.mkdir(parents=True, exist_ok=True)
    if (kept / DATABASE).exists():
        sys.exit(f"{kept} holds an earlier run. Name another folder.")
    yield kept.resolve()


def _hint(kept: Path | None) -> str:
    """How to look at the job afterwards."""
    if kept is None:
        return "The database and the drafts are removed now. To keep them: make demo ARGS='--keep FOLDER'"
    return f"Look at the job: bide jobs list --url sqlite:///{kept / DATABASE}"


SERVE_IT = "The service, for as long as you like: python -m examples.skills — its API is at http://127.0.0.1:8001/docs"


def _play(package: str, folder: Path, console: Console, *, attended: bool, kept: bool) -> int:
    counted = folder / "effects.txt"
    os.environ["BIDE_URL"] = f"sqlite:///{folder / DATABASE}"
    os.environ[effects.VARIABLE] = str(counted)
    if not attended:
        # A key that lies in the environment is not spent where nobody watches; a model that is named is.
        os.environ[choosing.UNATTENDED_VARIABLE] = "1"
    # Only now: importing the job reads the address of its database from the environment, as its worker will.
    from examples.skills.demo.story import Demo, DemoFailed

    person = Person(console, _user() if attended else "the demo", attended=attended, kept=kept)
    notice = "Answer the questions as you like; Ctrl-C ends everything." if attended else UNATTENDED_NOTICE
    console.print(f"{notice}\n", style="dim")
    try:
        with Demo(package, folder, counted, console, person) as demo:
            return 0 if demo.run() else 1
    except DemoFailed as failed:
        console.print(styled(f"✗ {failed}", "red"))
        console.print(styled("\n".join(printable(failed.log).splitlines()[-LOG_LINES:]), "dim"))
        return 1


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


if __name__ == "__main__":
    sys.exit(main())
