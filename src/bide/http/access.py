"""Who asks, whose jobs they reach, and what they may do there.

`bide.router(authorize=…)` takes any FastAPI dependency that returns a `Principal`. It should ask for an
`HTTPConnection` rather than a `Request`, and then serves WebSockets as well.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http.refusals import Forbidden

Right: TypeAlias = Literal["create", "view", "cancel", "answer", "admin"]
"""`create`: enqueue, retry and fork. `view`: read jobs and questions. `cancel`: end jobs. `answer`: answer questions.
`admin`: all of it, and to delete, to clean up, and to see tracebacks."""

RIGHTS: frozenset[Right] = frozenset(get_args(Right))
USUAL: frozenset[Right] = RIGHTS - {"admin"}

Authorize: TypeAlias = Callable[..., Any]
"""A FastAPI dependency that returns a `Principal`, or an awaitable of one; it raises to refuse."""


class Own(Enum):
    """Whose jobs a principal reaches who is told nothing else: their own."""

    OWN = auto()


@dataclass(frozen=True, slots=True, init=False)
class Principal:
    """Who asks, and what they may.

    id: their name; it is recorded with what they answer and cancel. rights: by default all but `admin`. owner: whose
    jobs they reach, by default those of `id`; None, for administrators only, is everybody's. job: this one job alone.

    Raises InvalidOption for what makes no sense.
    """

    id: str
    rights: frozenset[Right]
    owner: str | None
    job: UUID | None

    def __init__(
        self, id: str, rights: Iterable[Right] = USUAL, owner: str | Own | None = Own.OWN, job: UUID | None = None
    ) -> None:
        given = frozenset(rights)
        if unknown := given - RIGHTS:
            raise InvalidOption(
                f"No such right: {', '.join(sorted(unknown))}.", hint=f"There are: {', '.join(RIGHTS)}."
            )
        if not id:
            raise InvalidOption("A principal needs a name.", hint="It is recorded with what they answer.")
        if owner is None and "admin" not in given:
            raise InvalidOption(
                f"{id!r} would reach everybody's jobs without being an administrator.",
                hint='Name an owner, or give the right "admin".',
            )
        if owner == "" and "admin" not in given and job is None:
            raise InvalidOption("Jobs without an owner are for administrators.", hint="Name an owner.")
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "rights", given)
        object.__setattr__(self, "owner", id if isinstance(owner, Own) else owner)
        object.__setattr__(self, "job", job)

    def may(self, right: Right) -> bool:
        return right in self.rights or "admin" in self.rights


async def anyone() -> Principal:
    """`authorize=anyone`: whoever reaches the server is an administrator. For demonstrations, and behind a guard."""
    return Principal("anyone", ("admin",), None)


async def local_only(connection: HTTPConnection) -> Principal:
    """What is asked where no `authorize` is given: only a program, or a page, of this very machine is let in."""
    if reason := _foreign(connection):
        raise Forbidden(
            f"Without `authorize`, only this machine is let in: {reason}.",
            hint="Say who may do what: bide.router(authorize=…). To let in everybody: authorize=bide.http.anyone.",
        )
    return Principal("local", ("admin",), None)


FORWARDED = (
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
    "cf-connecting-ip",
)
"""Headers by which a proxy tells that the request came from elsewhere."""


def _foreign(connection: HTTPConnection) -> str | None:
    """Why this does not come from here; None if it does."""
    headers = connection.headers
    # Whatever sits in front, its peers may be anywhere.
    if any(name in headers for name in FORWARDED):
        return "a proxy has forwarded this"
    if connection.client is None or not _is_loopback(connection.client.host):
        return "this comes from another one"
    hosts = headers.getlist("host")
    # A name that somebody else has pointed here would let a page of theirs in (DNS rebinding).
    if len(hosts) != 1 or not _is_local(f"//{hosts[0]}"):
        return "this is addressed to another name"
    if headers.get("sec-fetch-site") == "cross-site":
        return "a page of another site has sent this"
    if "origin" in headers and not _is_local(headers["origin"]):
        return "a page of another origin has sent this"
    return None


def _is_local(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or host.endswith(".localhost") or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
