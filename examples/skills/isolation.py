"""Foreign code runs in a process of its own: no network, an empty home, a bounded time, nothing left behind.

Importing a package runs its code, and so does trying an example. Neither may hang, print into, or end the worker.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
LAST_WORDS_SECONDS = 5


@dataclass(frozen=True)
class Finished:
    """How a child process ended. `code` is None when its time was up."""

    code: int | None
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def complaint(self) -> str:
        """The last line the child wrote to stderr: of a traceback, the one that names the error."""
        if self.code is None:
            return "it did not finish in time"
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with code {self.code}"


def _environment(home: str) -> dict[str, str]:
    """Of our environment only what a program needs to start: above all no API keys."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    paths = [str(CHECKOUT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return kept | {
        "HOME": home,
        "TMPDIR": home,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "NO_COLOR": "1",
    }


async def run_module(module: str, *arguments: str, stdin: str = "", timeout: float = 30) -> Finished:
    """Runs `python -m module arguments…` in an empty folder of its own and waits for it, at most `timeout` seconds."""
    with tempfile.TemporaryDirectory(prefix="bide-skills-", ignore_cleanup_errors=True) as home:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the current folder is not importable
            "-m",
            module,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=home,
            env=_environment(home),
            start_new_session=True,
        )
        talk = asyncio.ensure_future(process.communicate(stdin.encode()))
        in_time = False
        try:
            in_time = bool((await asyncio.wait({talk}, timeout=timeout))[0])
        finally:
            # Also when we are cancelled, and also when it ended well: it may have started processes of its own.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            # Bounded too: what left the process group may hold the pipes open for ever.
            await asyncio.wait({talk}, timeout=LAST_WORDS_SECONDS)
            talk.cancel()
        stdout, stderr = talk.result() if talk.done() and not talk.cancelled() else (b"", b"")
        return Finished(
            code=process.returncode if in_time else None,
            stdout=stdout.decode(errors="replace"),
            stderr=stderr.decode(errors="replace"),
        )


async def run_code(code: str, *, timeout: float = 20) -> Finished:
    """Runs one piece of Python code as a script, offline."""
    with tempfile.TemporaryDirectory(prefix="bide-skills-") as folder:
        script = Path(folder) / "example.py"
        script.write_text(code, encoding="utf-8")
        return await run_module("examples.skills.offline", "script", str(script), timeout=timeout)
