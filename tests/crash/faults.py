"""The commits of a process, counted; and the one of them at which it ends, or fails."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, NoReturn, TypeAlias, get_args

Mode: TypeAlias = Literal["before", "after", "error"]
"""SIGKILL before the commit; SIGKILL after it; the commit happens, and its caller sees an error."""

MODES: tuple[Mode, ...] = get_args(Mode)


class Place(NamedTuple):
    """The `nth` commit (1-based) of a story in which this SQL file changed something.

    Not the number of the commit: two writes that come at the same time may share one, and all later numbers would move.
    """

    story: str
    file: str
    nth: int


class Fault(NamedTuple):
    place: Place
    mode: Mode


class Commit(NamedTuple):
    """One commit that wrote something: the story it was part of, and the SQL files that changed something, in order."""

    story: str
    files: tuple[str, ...]


SCHEMA = "the schema"
"""What stands for the statements of a migration."""

OPENING = "opening"
"""The story of an app that opens its database."""


BY_ITSELF = frozenset({"beat", "forget_permits"})
"""What a worker does sooner or later, while a story goes on: it counts only where the story does it."""


@dataclass
class Faults:
    """What the connections of a process have done, and at which commit they end it. Commits that wrote nothing do not
    count: there is nothing to lose in them."""

    fault: Fault | None = None
    story: str = ""
    """What goes on, for the record."""
    commits: list[Commit] = field(default_factory=list[Commit])
    used: set[str] = field(default_factory=set[str])
    """The SQL files that were executed, reading ones too."""
    met: bool = False
    """Whether the fault has happened."""
    _seen: int = 0
    _armed: bool = False
    _all: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def fails(self) -> bool:
        """Whether a commit of this process will fail, rather than end it."""
        return self.fault is not None and self.fault.mode == "error"

    def arm(self) -> None:
        """Let the next commit happen, and its caller see an error: the scenario itself needs one."""
        self._armed = True

    @contextmanager
    def counting_all(self) -> Generator[None]:
        """Within, what comes by itself counts, too."""
        self._all = True
        try:
            yield
        finally:
            self._all = False

    def coming(self, files: Sequence[str]) -> Mode | None:
        """Count a commit of what these files changed, which is about to be done; returns what is to go wrong with it.
        Does not return where that is an end before it."""
        counted = [file for file in dict.fromkeys(files or [SCHEMA]) if self._all or file not in BY_ITSELF]
        if not counted:
            return None
        with self._lock:
            commit = Commit(self.story, tuple(counted))
            self.commits.append(commit)
            mode = self._mode(commit)
            if mode is None and self._armed:
                self._armed = False
                mode = "error"
        if mode == "before":
            die()
        return mode

    def _mode(self, commit: Commit) -> Mode | None:
        if self.met or self.fault is None:
            return None
        place = self.fault.place
        if commit.story != place.story or place.file not in commit.files:
            return None
        self._seen += 1
        self.met = self._seen == place.nth
        return self.fault.mode if self.met else None


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    while True:  # the kernel needs a moment
        threading.Event().wait()


_PARTS = re.compile(r"\{\{(\w+)\}\}|\bbide\.(\w+_v\d+)\(")


def with_parts(names: Collection[str], texts: Mapping[str, str]) -> frozenset[str]:
    """These SQL files, and those that they include or call."""
    found = set(names)
    waiting = list(names)
    while waiting:
        parts = {included or called for included, called in _PARTS.findall(texts[waiting.pop()])} - found
        found |= parts
        waiting += parts
    return frozenset(found)
