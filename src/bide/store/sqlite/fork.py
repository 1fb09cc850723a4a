"""What a forked child must let go of: an inherited descriptor keeps its parent's lock or socket alive after it."""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import Final, Protocol


class _Closable(Protocol):
    def close(self) -> None: ...


_HELD: Final[weakref.WeakSet[_Closable]] = weakref.WeakSet()


def close_in_children(held: _Closable) -> None:
    """Close it at once in every child that this process forks from now on."""
    _HELD.add(held)


def _close_all() -> None:
    for held in list(_HELD):
        with contextlib.suppress(OSError):
            held.close()


os.register_at_fork(after_in_child=_close_all)
