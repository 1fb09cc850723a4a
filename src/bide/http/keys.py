"""API keys: hashed where they are kept, with rights of their own, and several for one principal so that they rotate."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeAlias

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http.access import USUAL, Own, Principal, Right
from bide.http.bearer import INVALID, bearer, only
from bide.http.refusals import Unauthenticated

_ID = r"[A-Za-z0-9-]{1,64}"
_FORM = re.compile(rf"bide_({_ID})_([A-Za-z0-9_-]{{43}})")


# A key in a file with a slip in it, `expire_at` say, must not be one that never expires. And a text that somebody put
# where its digest belongs must not come back in an error message.
class ApiKey(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """What is kept of a key: enough to know it again, and nothing to use it with.

    id: names the key. principal: who asks with it, by default the id; several keys may be of one. owner: whose
    jobs it reaches, by default the principal's; None, with the right `admin`, everybody's. digest: SHA-256 of
    the key's text, in hex. expires_at: from then on it opens nothing.
    """

    id: Annotated[str, Field(pattern=f"^{_ID}$")]
    digest: str = Field(repr=False, pattern=r"^[0-9a-f]{64}$")
    principal: str = ""
    rights: frozenset[Right] = USUAL
    owner: str | None = ""
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _is_of_somebody(self) -> Self:
        self.opens_for()
        return self

    def opens_for(self) -> Principal:
        """Who asks with this key."""
        owner = Own.OWN if self.owner == "" else self.owner
        return Principal(self.principal or self.id, self.rights, owner, expires_at=self.expires_at)


Find: TypeAlias = Callable[[str], ApiKey | Awaitable[ApiKey | None] | None]
"""Finds a key by its id, in the host's own database say. One that is no `async def` is called in a thread."""

_KEYS: TypeAdapter[list[ApiKey]] = TypeAdapter(list[ApiKey])


class ApiKeys(SecurityBase):
    """`bide.router(authorize=ApiKeys(keys))`: who brings one of these keys is let in as what the key says.

    A key is sent as `Authorization: Bearer …` (RFC 6750) or `X-API-Key: …`; of two, the first counts. `keys` are all of
    them, or a function that finds one by its id. To rotate: issue a second key for the same principal, replace the
    first wherever it is used, then drop it, or let it expire.

    It may be called by an `authorize` of your own too, which takes something else as well: `await keys(connection)`.
    """

    def __init__(self, keys: Iterable[ApiKey] | Find) -> None:
        self.scheme_name = "ApiKey"
        self.model = HTTPBearer(description="`Authorization: Bearer bide_…`, or the header `X-API-Key: bide_…`.")
        self._find: Find
        if callable(keys):
            self._find = keys
            self._in_thread = not _is_async(keys)
        else:
            known: dict[str, ApiKey] = {}
            for key in keys:
                if known.setdefault(key.id, key) is not key:
                    raise InvalidOption(f"Two keys have the id {key.id!r}.", hint="Name each key of its own.")
            self._find = known.get
            self._in_thread = False

    @classmethod
    def from_json(cls, text: str | bytes) -> ApiKeys:
        """Keys as a JSON list, from a file or the environment: what `to_json` wrote. Raises InvalidOption."""
        try:
            return cls(_KEYS.validate_json(text))
        except ValidationError as odd:
            flaws = (f"{'.'.join(map(str, flaw['loc'])) or 'the list'}: {flaw['msg']}" for flaw in odd.errors())
            # Not chained: the input is in the original.
            raise InvalidOption(f"These are no API keys: {'; '.join(flaws)}.") from None

    @staticmethod
    def to_json(keys: Iterable[ApiKey]) -> str:
        """What `from_json` reads. No key can be made from it."""
        return _KEYS.dump_json(list(keys)).decode()

    @staticmethod
    def issue(
        id: str,
        *,
        principal: str = "",
        rights: Iterable[Right] = USUAL,
        owner: str | None = "",
        expires_at: datetime | None = None,
    ) -> tuple[str, ApiKey]:
        """A new key: the text for its user, which is nowhere else, and what to keep. Raises InvalidOption."""
        # 256 random bits: no list of guesses exists, so a fast hash is as good as a slow one (NIST SP 800-63B, 5.1.1.2,
        # asks for slow ones where people choose the secret).
        text = f"bide_{id}_{secrets.token_urlsafe(32)}"
        if not _FORM.fullmatch(text):
            raise InvalidOption(f"id={id!r}: expected 1 to 64 letters, digits or hyphens.")
        if expires_at is not None and expires_at.tzinfo is None:
            raise InvalidOption(
                f"expires_at={expires_at.isoformat()}: it has no time zone.", hint="Use datetime.now(UTC), say."
            )
        given = Principal(principal or id, rights, Own.OWN if owner == "" else owner).rights
        return text, ApiKey(
            id=id, digest=_digest(text), principal=principal, rights=given, owner=owner, expires_at=expires_at
        )

    async def __call__(self, connection: HTTPConnection) -> Principal:
        text = bearer(connection) or only(connection, "x-api-key")
        key = await self._look_up(text)
        # Compared in any case, and as much is done for a key that nobody knows: the time does not tell which exist.
        fits = hmac.compare_digest(_digest(text), _NOBODYS if key is None else key.digest)
        if key is None or not fits or (key.expires_at is not None and key.expires_at <= datetime.now(UTC)):
            raise Unauthenticated(
                "This key opens nothing." if text else "No key was sent.",
                hint="Send `Authorization: Bearer <key>` or `X-API-Key`.",
                challenge=INVALID if text else "Bearer",
            )
        return key.opens_for()

    async def _look_up(self, text: str) -> ApiKey | None:
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        found: Any = await run_in_threadpool(self._find, form[1]) if self._in_thread else self._find(form[1])
        key: ApiKey | None = await found if inspect.isawaitable(found) else found
        return key


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_NOBODYS = _digest("")


def _is_async(function: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
