"""API keys: hashed where they are kept, with rights of their own, and several for one principal so that they rotate."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter
from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http.access import USUAL, Own, Principal, Right
from bide.http.refusals import Unauthenticated

_ID = r"[A-Za-z0-9-]{1,64}"
_FORM = re.compile(rf"bide_({_ID})_([A-Za-z0-9_-]{{43}})")


class ApiKey(BaseModel, frozen=True, extra="forbid"):
    """What is kept of a key: enough to know it again, and nothing to use it with.

    id: names the key. principal: who asks with it, by default the id; several keys may be of one. owner: whose
    jobs it reaches, by default the principal's; None, with the right `admin`, everybody's. digest: SHA-256 of
    the secret, in hex.
    """

    id: str
    digest: str = Field(repr=False, pattern=r"^[0-9a-f]{64}$")
    principal: str = ""
    rights: frozenset[Right] = USUAL
    owner: str | None = ""
    expires_at: AwareDatetime | None = None

    def model_post_init(self, _: Any, /) -> None:
        # Here, where it is read, and not when somebody comes with it.
        _check_id(self.id)
        _principal(self)


Find: TypeAlias = Callable[[str], ApiKey | Awaitable[ApiKey | None] | None]
"""Finds a key by its id, in the host's own database say."""

_KEYS: TypeAdapter[list[ApiKey]] = TypeAdapter(list[ApiKey])


class ApiKeys:
    """`bide.router(authorize=ApiKeys(keys))`: who brings one of these keys is let in as what the key says.

    A key is sent as `Authorization: Bearer …` (RFC 6750) or `X-API-Key: …`. `keys` are all of them, or a function that
    finds one by its id. To rotate: issue a second key for the same principal, replace the first wherever it is used,
    then drop it, or let it expire.
    """

    def __init__(self, keys: Iterable[ApiKey] | Find) -> None:
        self._find: Find
        if callable(keys):
            self._find = keys
        else:
            known: dict[str, ApiKey] = {}
            for key in keys:
                if known.setdefault(key.id, key) is not key:
                    raise InvalidOption(f"Two keys have the id {key.id!r}.", hint="Name each key of its own.")
            self._find = known.get

    @classmethod
    def from_json(cls, text: str) -> ApiKeys:
        """Keys as a JSON list, from a file or the environment: what `ApiKey.model_dump_json` wrote."""
        return cls(_KEYS.validate_json(text))

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
        _check_id(id)
        # 256 random bits: no list of guesses exists, so a fast hash is as good as a slow one (NIST SP 800-63B, 5.1.1.2,
        # asks for slow ones where people choose the secret).
        text = f"bide_{id}_{secrets.token_urlsafe(32)}"
        given = frozenset(rights)
        _principal_of(principal or id, given, owner)
        if expires_at is not None and expires_at.utcoffset() is None:
            raise InvalidOption("expires_at has no time zone.", hint="As in datetime.now(UTC) + timedelta(days=90).")
        key = ApiKey(
            id=id,
            digest=_digest(text),
            principal=principal,
            rights=given,
            owner=owner,
            expires_at=expires_at,
        )
        return text, key

    async def __call__(self, connection: HTTPConnection) -> Principal:
        text = bearer(connection) or _only(connection, "x-api-key")
        form = _FORM.fullmatch(text)
        found: Any = None
        if form is not None:
            found = self._find(form[1])
            if inspect.isawaitable(found):
                found = await found
        key: ApiKey | None = found
        # Compared in any case, so that the time tells nobody which ids exist.
        fits = hmac.compare_digest(_digest(text), key.digest if key is not None else _digest(""))
        if key is None or not fits or (key.expires_at is not None and key.expires_at <= datetime.now(UTC)):
            raise Unauthenticated("This key opens nothing.", hint="Send `Authorization: Bearer <key>` or `X-API-Key`.")
        return _principal(key)


def _check_id(id: str) -> None:
    if not re.fullmatch(_ID, id):
        raise InvalidOption(f"id={id!r}: expected 1 to 64 letters, digits or hyphens.")


def _principal(key: ApiKey) -> Principal:
    return _principal_of(key.principal or key.id, key.rights, key.owner)


def _principal_of(name: str, rights: Iterable[Right], owner: str | None) -> Principal:
    return Principal(name, rights, Own.OWN if owner == "" else owner)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def bearer(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer` (RFC 6750, 2.1); the scheme's case does not matter (RFC 9110, 11.1)."""
    scheme, _, token = _only(connection, "authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _only(connection: HTTPConnection, name: str) -> str:
    """The header of this name. Of several none is taken: what is in front may have checked another one."""
    found = connection.headers.getlist(name)
    return found[0] if len(found) == 1 else ""
