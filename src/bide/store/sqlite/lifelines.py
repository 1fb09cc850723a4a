"""How others can tell at once that a worker's process has ended: it held a lock, and the kernel let go of it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path

from bide.store.base import WorkerRow
from bide.store.sqlite.filelock import FileLock


class Lifelines:
    """The locks of the workers of one store. Without a runtime folder nobody can tell, and leases decide."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._held: dict[str, FileLock] = {}
        self._lock = threading.Lock()

    def hold(self, worker: str) -> None:
        """Before the worker's row is written: nobody may look for a lock that is not held yet."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError), self._lock:
            line = FileLock(str(self._folder / f"{worker}.lock"))
            if line.try_acquire():
                self._held[worker] = line
            else:
                line.close()

    def drop(self, worker: str) -> None:
        with self._lock:
            line = self._held.pop(worker, None)
            if line is not None:
                _remove(line)

    def gone(self, worker: WorkerRow) -> bool:
        if self._folder is None or worker.host != socket.gethostname() or worker.id in self._held:
            return False
        path = self._folder / f"{worker.id}.lock"
        if not path.exists():
            return False
        try:
            line = FileLock(str(path))
        except OSError:
            return False
        if line.try_acquire():
            _remove(line)
            return True
        line.close()
        return False

    def close(self) -> None:
        for worker in list(self._held):
            self.drop(worker)


def _remove(line: FileLock) -> None:
    with contextlib.suppress(OSError):
        os.unlink(line.path)  # noqa: PTH108
    line.close()
