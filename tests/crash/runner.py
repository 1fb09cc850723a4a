"""Plays the scenario once undisturbed, then once for every commit of it and every mode of failing there.

Each process is a fork of this one, which has imported everything and has no thread: a child costs some ten
milliseconds rather than a new interpreter. As many as there are cores are at work at a time.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import json
import os
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tests.crash.faults import MODES, Commit, Fault, Faults, Mode, Place, with_parts
from tests.crash.ground import Ground
from tests.crash.postgres import PooledGround, PostgresGround
from tests.crash.scenario import STORIES, play, without_others
from tests.crash.sqlite import SQLiteGround

GROUNDS: Mapping[str, Callable[[], Ground]] = {
    "sqlite": SQLiteGround,
    "postgres": PostgresGround,
    "pooled": PooledGround,
}

PATIENCE = 40
"""Seconds after which a child counts as hanging, and says where; its event loop may hang as well, a little later."""

AT_A_TIME = max(2, os.cpu_count() or 2)

TRIES = 20
"""How often a scenario is played until it comes to the commit it is to be crashed at."""


@dataclass(frozen=True)
class Trace:
    """What one undisturbed scenario does: its commits, and all SQL files it executed, reading ones too."""

    commits: Sequence[Commit]
    files: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """What came of one fault. `error` is None where the scenario was finished, and all was as it had to be."""

    n: int
    mode: Mode
    error: str | None


# ── Children ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fork(ground: Ground, folder: Path, stories: Collection[str], fault: Fault | None) -> int:
    """Start a child that plays these stories in `folder`, or takes them up; returns its pid."""
    pid = os.fork()
    if pid == 0:
        _child(ground, folder, stories, Faults(fault))
    return pid


async def _play(ground: Ground, folder: Path, stories: Collection[str], faults: Faults) -> None:
    if not any(folder.glob("witness*")):
        await ground.lay(folder, faults.fault)
    await play(ground, folder, faults, stories)
    await ground.clear(folder)


def _child(ground: Ground, folder: Path, stories: Collection[str], faults: Faults) -> NoReturn:
    code = 1
    try:
        with (folder / "stuck.txt").open("w") as stuck:
            faulthandler.dump_traceback_later(PATIENCE * 1.5, exit=True, file=stuck)
            asyncio.run(asyncio.wait_for(_play(ground, folder, stories, faults), PATIENCE))
            told = {"commits": faults.commits, "used": sorted(faults.used), "met": faults.met}
            (folder / "trace.json").write_text(json.dumps(told), encoding="utf-8")
            code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent shows it
        (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(code)


def _problem(folder: Path, status: int) -> str | None:
    if os.waitstatus_to_exitcode(status) == 0:
        return None
    told = [path.read_text(encoding="utf-8") for path in (folder / "error.txt", folder / "stuck.txt") if path.exists()]
    return "\n".join(["the process ended with " + str(os.waitstatus_to_exitcode(status)), *told])


def _read(folder: Path) -> dict[str, Any]:
    """What a child that came to the end has told of itself."""
    told: dict[str, Any] = json.loads((folder / "trace.json").read_text(encoding="utf-8"))
    return told


class _Case:
    """One fault: the process that meets it, and where it was killed the one that takes up the scenario."""

    def __init__(self, ground: Ground, base: Path, n: int, place: Place, mode: Mode, stories: Collection[str]) -> None:
        self.ground = ground
        self.n = n
        self.place = place
        self.mode: Mode = mode
        self.stories = stories
        self.folder = base / f"{n}-{mode}"
        self._met = False
        self._tries = 0

    def start(self) -> int:
        self._tries += 1
        self.folder.mkdir()
        return _fork(self.ground, self.folder, self.stories, Fault(self.place, self.mode))

    def next(self, status: int) -> int | Outcome:
        """After a process of it has ended: the pid of the next, or what came of it all."""
        code = os.waitstatus_to_exitcode(status)
        if self._met or code not in (0, -signal.SIGKILL):
            return self._end(_problem(self.folder, status))
        if code == 0:
            if _read(self.folder)["met"]:
                return self._end(None)
            # There was one less: two writes of a kind have shared a commit, or a worker has done this by itself.
            if self._tries == TRIES:
                return self._end(f"{self.place} did not come in {TRIES} scenarios")
            shutil.rmtree(self.folder)
            return self.start()
        self._met = True
        return _fork(self.ground, self.folder, self.stories, None)

    def _end(self, problem: str | None) -> Outcome:
        if problem is None:
            shutil.rmtree(self.folder)
        return Outcome(self.n, self.mode, problem)


# ── All of it ────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def workplace(ground: Ground, keep: Path | None = None) -> Generator[Path]:
    """A folder for the scenarios, and one for the sockets and locks beside files; both go in the end."""
    with tempfile.TemporaryDirectory(prefix="bide-crash-") as made:
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = made
        try:
            with ground.kept(Path(made)):
                gc.freeze()
                yield keep or Path(made)
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before


def trace(ground: Ground, base: Path) -> Trace:
    """Play the scenario undisturbed. Raises AssertionError where that alone goes wrong."""
    folder = base / "undisturbed"
    folder.mkdir()
    _, status = os.waitpid(_fork(ground, folder, STORIES, None), 0)
    if problem := _problem(folder, status):
        raise AssertionError(problem)
    read = _read(folder)
    commits = [Commit(story, tuple(files)) for story, files in read["commits"]]
    return Trace(commits, with_parts(read["used"], ground.texts()))


def places(commits: Sequence[Commit]) -> list[Place]:
    """How each of these commits is found again in another scenario: by the rarest thing it does in its story."""
    total = Counter((commit.story, file) for commit in commits for file in commit.files)
    so_far: Counter[tuple[str, str]] = Counter()
    found: list[Place] = []
    for commit in commits:
        so_far.update((commit.story, file) for file in commit.files)
        rarest = min(commit.files, key=lambda file: total[commit.story, file])
        found.append(Place(commit.story, rarest, so_far[commit.story, rarest]))
    return found


def firsts(commits: Sequence[Commit]) -> list[int]:
    """The number of the first commit of each kind: of those that change something by the same files."""
    found: dict[frozenset[str], int] = {}
    for n, commit in enumerate(commits, start=1):
        found.setdefault(frozenset(commit.files), n)
    return sorted(found.values())


def crash_everywhere(
    ground: Ground,
    base: Path,
    commits: Sequence[Commit],
    *,
    modes: Sequence[Mode] = MODES,
    only: Collection[int] = (),
    whole: bool = False,
    told: Callable[[Outcome], None],
) -> None:
    """Meet every fault; `told` hears of each when it is over. `whole`: with all stories, and not with those alone that
    the one needs in which it comes."""
    waiting = [
        _Case(ground, base, n, place, mode, STORIES if whole else without_others(place.story))
        for n, place in enumerate(places(commits), start=1)
        if not only or n in only
        for mode in modes
    ]
    waiting.reverse()
    running: dict[int, _Case] = {}
    while waiting or running:
        while waiting and len(running) < AT_A_TIME:
            case = waiting.pop()
            running[case.start()] = case
        pid, status = os.wait()
        case = running.pop(pid)
        after = case.next(status)
        if isinstance(after, Outcome):
            told(after)
        else:
            running[after] = case


def timed() -> Callable[[], float]:
    """Seconds since this call."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
