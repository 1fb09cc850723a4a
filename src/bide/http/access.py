"""Who asks, whose jobs they reach, and what they may do there.

`bide.router(authorize=…)` takes any FastAPI dependency that returns a `Principal`. It should ask for an
`HTTPConnection` rather than a `Request`, and then serves WebSockets as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Literal, TypeAlias, cast, get_args
from uuid import UUID

from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http.local import foreign
from bide.http.refusals import Forbidden
from bide.job_type import check_owner, check_text

Right: TypeAlias = Literal["create", "view", "cancel", "answer", "admin"]
"""`create`: enqueue, retry and fork. `view`: read jobs and questions. `cancel`: end jobs. `answer`: answer questions.
`admin`: all of it, and to delete, to clean up, and to see tracebacks."""

RIGHTS: frozenset[Right] = frozenset(get_args(Right))
USUAL: frozenset[Right] = RIGHTS - {"admin"}
ONE_JOB: frozenset[Right] = frozenset({"view", "cancel", "answer"})
"""What somebody may have who reaches a single job."""

Authorize: TypeAlias = Callable[..., Any]
"""A FastAPI dependency that returns a `Principal`, or an awaitable of one; it raises to refuse."""


class Own(Enum):
    """Whose jobs a principal reaches who is told nothing else: their own."""

    OWN = auto()


@dataclass(frozen=True, slots=True, init=False)
class Principal:
    """Who asks, and what they may.

    id: their name; it is recorded with what they answer and cancel. rights: any iterable of them, by default all but
    `admin`, which implies the others. owner: whose jobs they reach, by default those of `id`; None, for
    administrators only, is everybody's. The jobs without an owner, "", are for administrators too. job: of those
    jobs this one alone, which may be without an owner; the rights are then among view, cancel and answer. expires_at:
    when what let them in expires; what they hold open ends then, too.

        Principal("ann")                                    # her own jobs, and all but administration
        Principal("ann", {"view"}, owner="acme")            # looks at the jobs of her company
        Principal("root", {"admin"}, owner=None)            # everything

    Raises InvalidOption for what makes no sense.
    """

    id: str
    rights: frozenset[Right]
    owner: str | None
    job: UUID | None
    expires_at: datetime | None

    def __init__(
        self,
        id: str,
        rights: Iterable[Right] = USUAL,
        owner: str | Own | None = Own.OWN,
        job: UUID | None = None,
        *,
        expires_at: datetime | None = None,
    ) -> None:
        # The annotations do not hold at run time: these values come from tokens, and from files.
        given = _read_rights(rights)
        if not _is_text(id) or not id:
            raise InvalidOption("A principal needs a name.", hint="It is recorded with what they answer.")
        check_text("id", id)
        reached = id if isinstance(owner, Own) else owner
        if job is not None and given - ONE_JOB:
            raise InvalidOption(
                f"{id!r} has no rights beyond one job.", hint=f"Give some of these: {', '.join(sorted(ONE_JOB))}."
            )
        if reached is None:
            if "admin" not in given:
                raise InvalidOption(
                    f"{id!r} would reach everybody's jobs without being an administrator.",
                    hint='Name an owner, or give the right "admin".',
                )
        elif not _is_text(reached):
            raise InvalidOption(f"owner={reached!r}: expected a text, or None.")
        elif not reached and "admin" not in given and job is None:
            raise InvalidOption("Jobs without an owner are for administrators.", hint="Name an owner.")
        else:
            check_owner(reached)
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "rights", given)
        object.__setattr__(self, "owner", reached)
        object.__setattr__(self, "job", job)
        if expires_at is not None and expires_at.tzinfo is None:
            raise InvalidOption(f"expires_at={expires_at}: it has no time zone.", hint="Use datetime.now(UTC), say.")
        object.__setattr__(self, "expires_at", expires_at)

    def until(self, expires_at: datetime | None) -> Principal:
        """The same, until then."""
        return Principal(self.id, self.rights, self.owner, self.job, expires_at=expires_at)

    @property
    def counted_as(self) -> str:
        """Whose limits these are: the bearers of tokens for two jobs may have one name, and do not share them."""
        return self.id if self.job is None else f"{self.id} {self.job}"

    def may(self, right: Right) -> bool:
        """Whether they have this right, or all of them."""
        return right in self.rights or "admin" in self.rights


async def anyone() -> Principal:
    """`authorize=anyone`: whoever reaches the server is an administrator. For demonstrations, and behind a guard."""
    return Principal("anyone", ("admin",), None)


async def local_only(connection: HTTPConnection) -> Principal:
    """What is asked where no `authorize` is given: only a program, or a page, of this very machine is let in."""
    if reason := foreign(connection):
        raise Forbidden(
            f"Without `authorize`, only this machine is let in: {reason}.",
            hint="Say who may do what: bide.router(authorize=…). To let in everybody: authorize=bide.http.anyone.",
        )
    return Principal("local", ("admin",), None)


def _read_rights(rights: Iterable[object]) -> frozenset[Right]:
    if isinstance(rights, frozenset) and rights <= RIGHTS:  # for every request, as a rule
        return cast("frozenset[Right]", rights)
    # A single text is an iterable too, of letters.
    given = [rights] if isinstance(rights, str) else list(rights)
    known = cast("frozenset[object]", RIGHTS)
    if unknown := [right for right in given if not isinstance(right, str) or right not in known]:
        raise InvalidOption(
            f"No such right: {', '.join(map(repr, unknown))}.", hint=f"There are: {', '.join(sorted(RIGHTS))}."
        )
    if isinstance(rights, str):
        raise InvalidOption(f"rights={rights!r}: expected several.", hint=f"Write {{{rights!r}}}.")
    return frozenset(cast("list[Right]", given))


def _is_text(value: object) -> bool:
    return isinstance(value, str)
