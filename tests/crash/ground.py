"""The stores that the scenario is played on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from bide.store.base import Store
from bide.testing import ManualClock
from tests.crash.faults import Fault, Faults


class Ground(Protocol):
    """One of them. A scenario has a folder, after whose name it may call what it needs elsewhere."""

    name: str

    def texts(self) -> Mapping[str, str]:
        """The SQL files of the store, as they are written, by their names."""
        ...

    def statements(self) -> Mapping[str, str]:
        """The same as they are executed, without those that are only parts of others."""
        ...

    def kept(self, base: Path) -> AbstractContextManager[None]:
        """While scenarios are played, in forks of this process: all that they need, and import, is there."""
        ...

    async def lay(self, folder: Path, fault: Fault | None) -> None:
        """Before a scenario begins."""
        ...

    async def clear(self, folder: Path) -> None:
        """After it came to its end."""
        ...

    def counted(self, faults: Faults) -> AbstractContextManager[None]:
        """Within it, all connections are counted by `faults`."""
        ...

    async def migrate(self, folder: Path) -> None:
        """What is to be done before a store is opened."""
        ...

    def caller(self, folder: Path, faults: Faults) -> AbstractAsyncContextManager[Any]:
        """A connection of somebody who enqueues in transactions of their own."""
        ...

    def store(self, folder: Path, clock: ManualClock, faults: Faults) -> Store: ...
