"""asyncpg, which has no types of its own: what is used of it, and how to connect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol, TypeAlias

from bide.errors import InvalidOption

try:
    asyncpg: Any = import_module("asyncpg")
except ImportError:
    raise InvalidOption(
        "For PostgreSQL, Bide needs asyncpg.", hint="Install it: pip install 'bide[postgres]'."
    ) from None

CONNECTING = 5.0
"""Seconds that connecting may take."""

STANDSTILL = 30.0
"""Seconds after which a statement that the server says nothing about counts as lost."""

HEARTBEAT = 10.0
"""The same for a heartbeat: with the next one, on another connection, still within the default lease."""

Row: TypeAlias = Sequence[Any]


class Fetching(Protocol):
    """What runs a statement whose parameters are numbered."""

    async def fetch(self, query: str, /, *args: Any) -> Sequence[Row]: ...


class Connection(Fetching, Protocol):
    """A connection of asyncpg."""

    async def execute(self, query: str, /) -> str: ...
    async def close(self, *, timeout: float | None = None) -> None: ...
    def terminate(self) -> None: ...
    def is_closed(self) -> bool: ...
    def is_in_transaction(self) -> bool: ...
    def get_server_pid(self) -> int: ...
    async def add_listener(self, channel: str, callback: Callable[..., None], /) -> None: ...
    def add_termination_listener(self, callback: Callable[..., None], /) -> None: ...


async def connect(url: str, *, cached_statements: int = 100, standstill: float | None = STANDSTILL) -> Connection:
    """A new connection, with no settings of its own: a pooler between hands them to others.

    standstill: seconds after which a statement counts as lost; None waits for as long as it takes.
    Raises InvalidOption where the address cannot be read; else what asyncpg raises.
    """
    try:
        connection: Connection = await asyncpg.connect(
            url, timeout=CONNECTING, command_timeout=standstill, statement_cache_size=cached_statements
        )
    except OSError:
        raise  # a certificate that is refused is a ValueError, too
    except ValueError:
        # From None: the driver's words have a part of the password in them.
        raise InvalidOption(
            "The address of the database cannot be read.",
            hint="Write postgresql://user:password@host:5432/name; in a password, / ? # @ [ and % are percent-encoded."
            " After a ? come parameters as libpq has them, such as sslmode=require.",
        ) from None
    return connection


async def is_pooled(db: Connection) -> bool:
    """Whether a pooler stands between: then the process that was named at first is not the one that answers."""
    ((answering,),) = await db.fetch("select pg_backend_pid()")
    return bool(answering != db.get_server_pid())
