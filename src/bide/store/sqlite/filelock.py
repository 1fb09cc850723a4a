"""Locks between processes: `flock` on a file, let go by the kernel when its process ends, however it ends.

SQLite's own waiting sleeps and tries again, so a process that writes all the time starves the others; this lock queues
them.
"""

from __future__ import annotations

import fcntl
import os
from types import TracebackType

from bide.store.sqlite.fork import close_in_children


class FileLock:
    """A lock by the name of a file, which is created where it is not there. Each object is a holder of its own."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        close_in_children(self)

    def acquire(self) -> None:
        """Wait for the lock, without bound."""
        fcntl.flock(self._descriptor(), fcntl.LOCK_EX)

    def try_acquire(self) -> bool:
        try:
            fcntl.flock(self._descriptor(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        fcntl.flock(self._descriptor(), fcntl.LOCK_UN)

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _descriptor(self) -> int:
        if self._fd is None:
            raise ValueError(f"the lock {self.path} is closed")
        return self._fd


def lock_path(database: str) -> str:
    """The file whose lock orders the writers of a database."""
    return f"{database}.lock"


def turn_path(database: str) -> str:
    """The file whose lock orders the long transactions among themselves, so that a short one waits for one of them."""
    return f"{database}.turn"
