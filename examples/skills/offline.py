"""What runs inside the process that foreign code gets: the network shut, the appetite bounded, then the code.

    python -P -m examples.skills.offline script FILE     run one file
    python -P -m examples.skills.offline trials          run many snippets from stdin, one JSON line about each

This is a seat belt for packages and examples that mean no harm, not a sandbox: code in C can get around an audit hook.
Only the standard library is imported here, so that nothing of ours stands beside the code under trial.
"""

import contextlib
import errno
import io
import json
import os
import resource
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from types import FrameType

NETWORK_EVENTS = frozenset(
    {
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
        "webbrowser.open",
    }
)
SNIPPET_SECONDS = 2
OUTPUT_LIMIT = 2_000


def shut_network() -> None:
    """From now on every attempt to reach a network fails as it does on a machine without one."""

    def refuse(event: str, args: tuple[object, ...]) -> None:
        if event in NETWORK_EVENTS:
            raise OSError(errno.ENETUNREACH, "the network is shut for this process")

    sys.addaudithook(refuse)


def bound_appetite() -> None:
    """A runaway loop or allocation ends this process, not the machine."""
    gigabyte = 1 << 30
    limits = {
        resource.RLIMIT_CPU: 60,
        resource.RLIMIT_DATA: 4 * gigabyte,
        resource.RLIMIT_FSIZE: gigabyte // 16,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        # A platform may know the limit and refuse to set it, or already have a lower one.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))


def forget_this_checkout() -> None:
    """Takes the folder this module came from off the path: the code under trial sees what is installed, no more."""
    root = str(Path(__file__).resolve().parents[2])
    sys.path[:] = [entry for entry in sys.path if entry != root]


def seclude() -> None:
    """All three, before any foreign code is imported."""
    shut_network()
    bound_appetite()
    forget_this_checkout()


@contextlib.contextmanager
def _at_most(seconds: int) -> Generator[None]:
    def give_up(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"ran longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _try_snippet(code: str) -> dict[str, object]:
    output = io.StringIO()
    try:
        with _at_most(SNIPPET_SECONDS), contextlib.redirect_stdout(output):
            exec(compile(code, "<snippet>", "exec"), {"__name__": "__main__"})
    except BaseException as error:  # noqa: BLE001 - SystemExit is a verdict on the snippet too
        return {"ok": False, "output": f"{type(error).__name__}: {error}"[:OUTPUT_LIMIT]}
    return {"ok": True, "output": output.getvalue()[:OUTPUT_LIMIT]}


def _run_trials() -> None:
    snippets: list[str] = json.load(sys.stdin)
    # A private copy of the real stdout: what a snippet writes to descriptor 1 must not mix with the verdicts.
    verdicts = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for number, code in enumerate(snippets):
        verdict = {"number": number, **_try_snippet(code)}
        # Flushed one by one: if a snippet takes the process down, the verdicts before it still count.
        print(json.dumps(verdict), file=verdicts, flush=True)
    verdicts.flush()
    # Not sys.exit: a thread or an exit handler left behind by a snippet could keep the process for ever.
    os._exit(0)


def _run_script(path: str) -> None:
    source = Path(path).read_text(encoding="utf-8")
    exec(compile(source, path, "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    seclude()
    match sys.argv[1:]:
        case ["script", file]:
            _run_script(file)
        case ["trials"]:
            _run_trials()
        case _:
            sys.exit(__doc__)
