"""Telling who listens that something was committed: in this process, and in the others on this host.

Between processes a datagram goes to each socket in the runtime folder. It is a hint and may be lost: the writing thread
looks for the commits of others anyway, so everything would be correct without it, only slower.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

from bide.store.base import Hint
from bide.store.sqlite.fork import close_in_children
from bide.store.subscribers import Subscribers

_LETTERS = {Hint.READY: b"r", Hint.CANCEL: b"x", Hint.CHANGED: b"c"}
"""Whatever is told, something has changed: that goes without saying where there is more to tell."""


class Wakes:
    """One per store. `note` and `tell` are the writing thread's; the rest may be called from anywhere."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._subscribers = Subscribers(self._joined, self._left)
        self._noted: set[Hint] = set()
        self._mailbox: _Mailbox | None = None
        self._post = None if folder is None else _Post(folder)

    @property
    def listened(self) -> bool:
        """Whether anybody in this process listens."""
        return self._subscribers.any

    def subscribe(self, wake: Callable[[Hint], None]) -> Callable[[], None]:
        return self._subscribers.add(wake)

    def note(self, *, ready: bool, cancel: bool, changed: bool) -> None:
        """Something was committed: `tell` will tell of it."""
        if ready:
            self._noted.add(Hint.READY)
        if cancel:
            self._noted.add(Hint.CANCEL)
        if ready or cancel or changed:
            self._noted.add(Hint.CHANGED)

    def tell(self) -> None:
        """Tell of what was noted since, everywhere."""
        if not self._noted:
            return
        noted, self._noted = self._noted, set()
        self._subscribers.tell(noted)
        if self._post is not None:
            for hint in (noted - {Hint.CHANGED}) or noted:
                self._post.send(_LETTERS[hint])

    def announce(self) -> None:
        """A transaction of a caller's was committed: tell of it everywhere. May be called from any thread."""
        self._subscribers.tell((Hint.READY, Hint.CHANGED))
        if (post := self._post) is not None:
            post.send(_LETTERS[Hint.READY])

    def hear(self, *hints: Hint) -> None:
        """Others have committed: tell it in this process."""
        self._subscribers.tell(hints)

    def close(self) -> None:
        self._subscribers.clear()
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            mailbox.close()
        post, self._post = self._post, None
        if post is not None:
            post.close()

    def _joined(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._mailbox is None and self._folder is not None:
            self._mailbox = _Mailbox.in_folder(self._folder)
        if self._mailbox is not None:
            if self._post is not None:
                self._post.own = self._mailbox.path
            loop.add_reader(self._mailbox.socket, self._receive)

    def _left(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._mailbox is not None:
            self._mailbox.leave(loop)

    def _receive(self) -> None:
        mailbox = self._mailbox
        if mailbox is not None:
            letters = mailbox.read()
            if letters:
                self.hear(Hint.CHANGED, *(hint for hint, letter in _LETTERS.items() if letter in letters))


class _Mailbox:
    """The socket that other processes write to."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(self.path)
        close_in_children(self.socket)

    @classmethod
    def in_folder(cls, folder: Path) -> _Mailbox | None:
        with contextlib.suppress(OSError):
            return cls(folder / f"{secrets.token_hex(6)}.sock")
        return None

    def read(self) -> set[bytes]:
        letters: set[bytes] = set()
        with contextlib.suppress(OSError):
            # Bounded: who writes all the time must not keep the loop here.
            for _ in range(64):
                letters.add(self.socket.recv(16))
        return letters

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """No longer read on this loop, from whatever thread this is called."""
        with contextlib.suppress(RuntimeError):
            if _running_loop() is loop:
                loop.remove_reader(self.socket)
            else:
                loop.call_soon_threadsafe(loop.remove_reader, self.socket.fileno())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108
        self.socket.close()


class _Post:
    """Writes to the sockets of the other processes."""

    def __init__(self, folder: Path) -> None:
        self.own = ""
        self._folder = str(folder)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        close_in_children(self._socket)
        self._addresses: list[str] = []
        self._listed = -1

    def send(self, letter: bytes) -> None:
        for address in self._others():
            if address == self.own:
                continue
            try:
                self._socket.sendto(letter, address)
            except BlockingIOError:
                pass  # its mailbox is full: it is being woken already
            except (ConnectionRefusedError, FileNotFoundError):
                with contextlib.suppress(OSError):
                    os.unlink(address)  # noqa: PTH108
            except OSError:
                pass

    def close(self) -> None:
        self._socket.close()

    def _others(self) -> list[str]:
        try:
            changed = os.stat(self._folder).st_mtime_ns  # noqa: PTH116
            if changed != self._listed:
                self._addresses = [entry.path for entry in os.scandir(self._folder) if entry.name.endswith(".sock")]
                # Times of files are coarse: what changed a moment ago may change again and keep its time.
                settled = time.time_ns() - changed > 1_000_000_000
                self._listed = changed if settled else -1
        except OSError:
            self._addresses, self._listed = [], -1
        return self._addresses


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
