"""A pgbouncer that shares out transactions, in front of the PostgreSQL of the tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psutil
import psycopg

from tests.postgres import Server

PAGE = Path(__file__).parents[1] / "docs" / "postgres.md"

SIZE = 4
"""Connections to the server, for all who use one database through here."""

PATIENCE = 30.0
"""Seconds after which something that was waited for counts as what will not come."""

_GUARDED = '"$0" -q "$1" & read -r _; kill -9 $! 2>/dev/null; wait'
"""The shell's input ends with the process that started it, however that ends; and then the shell ends pgbouncer."""


class Pooler:
    """`with Pooler(server) as pooler:`; then `pooler.url(…)` is the address of a database through it."""

    def __init__(self, server: Server) -> None:
        self._program = _program()
        self._host = parse_qs(urlsplit(server.url()).query)["host"][0]
        self._folder = Path(tempfile.mkdtemp(prefix="bide-pgbouncer-"))
        self._socket = self._folder / ".s.PGSQL.6432"
        self._pid = self._folder / "pid"
        self._guard: subprocess.Popen[bytes] | None = None
        # It refuses to run as root: then as who runs the server, whose socket nobody else may reach.
        self._user = Path(self._host).stat().st_uid if os.getuid() == 0 else None

    def __enter__(self) -> Self:
        settings = self._folder / "pgbouncer.ini"
        with settings.open("w") as file:
            self._settings().write(file)
        if self._user is not None:
            for path in (self._folder, settings):
                os.chown(path, self._user, -1)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._guard is not None:
            self._guard.communicate(timeout=PATIENCE)
        shutil.rmtree(self._folder)

    def url(self, url: str) -> str:
        """The same database, through here."""
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc="postgres@", query=f"host={self._folder}&port=6432"))

    def tell(self, command: str) -> list[tuple[Any, ...]]:
        """Say this on its console, which knows the simple protocol only."""
        console = self.url("postgresql:///pgbouncer")
        with psycopg.connect(console, autocommit=True, cursor_factory=psycopg.ClientCursor) as db:
            answer = db.execute(command.encode())
            return answer.fetchall() if answer.description else []

    def start(self) -> None:
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDED, self._program, str(self._folder / "pgbouncer.ini")],
            stdin=subprocess.PIPE,
            user=self._user,
        )
        _wait(lambda: self._socket.exists() and self._pid.exists())

    def stop(self, how: signal.Signals) -> None:
        """Send this signal, and wait until it has ended."""
        assert self._guard is not None
        pooler = psutil.Process(int(self._pid.read_text()))
        pooler.send_signal(how)
        _wait(lambda: not pooler.is_running() or pooler.status() == psutil.STATUS_ZOMBIE)
        self._guard.communicate(timeout=PATIENCE)
        self._guard = None
        # What it leaves where it is killed.
        for path in (self._socket, self._pid):
            path.unlink(missing_ok=True)

    def _settings(self) -> ConfigParser:
        """What the page for operators advises, here."""
        (advised,) = re.findall(r"^```ini\n(.+?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        settings = ConfigParser()
        settings.read_string(advised)
        settings["databases"] = {"*": f"host={self._host} user=postgres"}
        settings["pgbouncer"].update(
            default_pool_size=str(SIZE),
            # Each transaction in another session than the one before, where there is one.
            server_round_robin="1",
            auth_type="any",
            admin_users="postgres",
            listen_addr="",
            unix_socket_dir=str(self._folder),
            logfile=str(self._folder / "log"),
            pidfile=str(self._pid),
        )
        return settings


def _program() -> str:
    # Debian has it where only root looks.
    found = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise FileNotFoundError(
            "These tests need pgbouncer. On Debian and Ubuntu: apt install pgbouncer; with Homebrew: brew install "
            "pgbouncer. Elsewhere: PGBOUNCER=/path/to/it."
        )
    return found


def _wait(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError("pgbouncer does not do what it was told")
        time.sleep(0.005)
