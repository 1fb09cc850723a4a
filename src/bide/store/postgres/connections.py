"""Connections that are kept for one purpose, so that no other can use them up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from bide.errors import StoreBusy
from bide.store.postgres.driver import Connection
from bide.store.postgres.failures import Fate, fate_of


class Connections:
    """`size` of them at most, made when they are needed. Belongs to the event loop it is first used on."""

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], size: int, patience: float, what: str, remedy: str
    ) -> None:
        self._connect = connect
        self._free = asyncio.Semaphore(size)
        self._size = size
        self._patience = patience
        self._what = what
        self._remedy = remedy
        self._idle: list[Connection] = []
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether one that is asked for now has to be waited for."""
        return self._free.locked()

    @asynccontextmanager
    async def take(self) -> AsyncGenerator[Connection]:
        """One, for as long as this block lasts. Raises StoreBusy where none is free in time."""
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        db: Connection | None = None
        try:
            while self._idle and (db is None or db.is_closed()):
                db = self._idle.pop()
            if db is None or db.is_closed():
                db = await self._connect()
            yield db
        except Exception as error:
            if fate_of(error) is Fate.GONE:
                # One that does not answer is not seen to be closed, and those that were made before it may be as bad:
                # whoever took one of them next would wait as long.
                for suspect in (*self._idle, *([] if db is None else [db])):
                    suspect.terminate()
                self._idle.clear()
            raise
        finally:
            if db is not None:
                if self._closed or db.is_closed() or db.is_in_transaction():
                    db.terminate()
                else:
                    self._idle.append(db)
            self._free.release()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise StoreBusy(
                f"The {self._size} connection(s) for {self._what} were all in use for {self._patience:g} s.",
                hint=f"Is the database slow, or does a transaction hold others up? {self._remedy}",
            ) from None

    async def close(self) -> None:
        """Close those that are idle; one that is in use is ended when it is handed back."""
        self._closed = True
        while self._idle:
            db = self._idle.pop()
            try:
                await db.close(timeout=2.0)
            except Exception:  # noqa: BLE001 - whatever it is, the others are closed as well
                db.terminate()
