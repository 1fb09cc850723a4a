"""JSON Web Tokens of an identity provider (RFC 7519): who asks is what a signed token says.

Checked as RFC 8725 asks for: the algorithms are the server's choice, a key serves one kind of them, and a token is for
this audience.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import jwt
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import SecretStr
from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http.access import RIGHTS, Principal, Right
from bide.http.bearer import INVALID, bearer
from bide.http.job_token import AUDIENCE
from bide.http.jwks import PublishedKeys
from bide.http.refusals import Unauthenticated
from bide.schedule import Duration, seconds

PREFIX = "bide:"
"""Of what concerns Bide in the claim `scope`, as in `bide:view`."""

SHARED: Mapping[str, int] = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Algorithms with a shared secret, and its least length in bytes (RFC 7518, 3.2)."""

PUBLIC = frozenset(
    f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"ES256K", "EdDSA"}  # fmt: skip
"""Algorithms with a public key."""


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """`sub` is who asks, and whose jobs they reach; rights are in `scope` (RFC 8693, 4.2), as in "bide:view openid", or
    in a list `rights`, as in ["view"].

    With `admin` among them they reach everybody's. What is no right of Bide's is passed over. Raises InvalidOption
    where a claim is not of its kind.
    """
    subject, scope, listed = claims.get("sub"), claims.get("scope", ""), claims.get("rights", [])
    if not isinstance(subject, str) or not isinstance(scope, str) or not isinstance(listed, list):
        raise InvalidOption("The token does not say who it is of, and what they may.")
    words = {word.removeprefix(PREFIX) for word in scope.split() if word.startswith(PREFIX)}
    words |= {word for word in cast("list[object]", listed) if isinstance(word, str)}
    rights: frozenset[Right] = frozenset(right for right in RIGHTS if right in words)
    return Principal(subject, rights, None if "admin" in rights else subject)


class Jwt(SecurityBase):
    """A bearer token lets its subject in.

        Jwt(jwks_url="https://id.example/keys", algorithms=["RS256"], issuer="https://id.example", audience="jobs")
        Jwt(key=secret, algorithms=["HS256"], audience="jobs")

    key: to check signatures with, or jwks_url: where the provider publishes its keys. algorithms: those that are
    accepted, never what the token itself says. audience: what a token must be for, or several of which one; None takes
    only tokens that are for nobody in particular. issuer: whom it must be from; name it where one set of keys serves
    several. principal: what to make of the claims, by default `principal_of`; it may raise Unauthenticated and
    Forbidden. leeway: by how much clocks may differ.

    It may be called by an `authorize` of your own too, which takes something else as well: `await jwt(connection)`.
    Public keys need PyJWT's extra: pip install "pyjwt[crypto]". Raises InvalidOption for what makes no sense.
    """

    def __init__(
        self,
        *,
        algorithms: Sequence[str],
        key: str | bytes | SecretStr | None = None,
        jwks_url: str | None = None,
        audience: str | Iterable[str] | None = None,
        issuer: str | None = None,
        principal: Callable[[Mapping[str, Any]], Principal] = principal_of,
        leeway: Duration = 10.0,
    ) -> None:
        self.scheme_name = "Jwt"
        self.model = HTTPBearer(bearerFormat="JWT")
        self._algorithms = [algorithms] if isinstance(algorithms, str) else list(algorithms)
        shared = _is_shared(self._algorithms)
        self._key: Any = None
        self._published: PublishedKeys | None = None
        if (key is None) == (jwks_url is None):
            raise InvalidOption("Give either `key` or `jwks_url`.")
        if jwks_url is not None:
            if shared:
                raise InvalidOption("A shared secret is not published: name algorithms of public keys, or give `key`.")
            try:
                self._published = PublishedKeys(jwks_url)
            except jwt.PyJWTError as odd:
                raise InvalidOption(f"jwks_url={jwks_url!r}: {odd}") from None
        else:
            self._key = _prepare(key.get_secret_value() if isinstance(key, SecretStr) else key, self._algorithms)
        self._audience = audience if audience is None or isinstance(audience, str) else tuple(audience)
        if self._audience is not None and not self._audience:
            raise InvalidOption(f"audience={self._audience!r}: expected a name, or several.")
        self._issuer = issuer
        self._principal = principal
        self._leeway = seconds(leeway)

    async def __call__(self, connection: HTTPConnection) -> Principal:
        token = bearer(connection)
        if not token:
            raise Unauthenticated("No token was sent.", hint="Send `Authorization: Bearer <token>`.")
        # Which check failed is for whoever signs, not for whoever tries. Not chained: claims may be in the original.
        try:
            claims = await self._claims(token)
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired.", challenge=INVALID) from None
        except (jwt.PyJWTError, TypeError, ValueError):  # PyJWT's TypeError: a key that fits no such algorithm
            raise Unauthenticated("The token is not valid.", challenge=INVALID) from None
        try:
            who = self._principal(claims)
            return who if who.expires_at else who.until(datetime.fromtimestamp(claims["exp"] + self._leeway, UTC))
        except (InvalidOption, OverflowError, ValueError):
            raise Unauthenticated("The token is not valid.", challenge=INVALID) from None

    async def _claims(self, token: str) -> Mapping[str, Any]:
        key = self._key if self._published is None else await self._published.key_for(token)
        claims = jwt.decode(
            token,
            key,
            algorithms=self._algorithms,
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._leeway,
            options={"require": ["exp", "sub"], "enforce_minimum_key_length": True},
        )
        audience: object = claims.get("aud")
        if audience == AUDIENCE or (isinstance(audience, list) and AUDIENCE in cast("list[object]", audience)):
            # It opens one job, with rights of its own, and must not be its owner's where both have one secret.
            raise jwt.InvalidAudienceError
        return claims


def _is_shared(algorithms: Sequence[str]) -> bool:
    """Whether these are for a shared secret. Raises InvalidOption, as for those of both kinds."""
    if not algorithms or set(algorithms) - {*SHARED, *PUBLIC}:
        raise InvalidOption(
            f"algorithms={algorithms!r}: expected those that are accepted, as ['RS256'].",
            hint=f"There are {', '.join(sorted([*SHARED, *PUBLIC]))}.",
        )
    shared = set(algorithms) & set(SHARED)
    if shared and set(algorithms) & PUBLIC:
        # Else the public key, which everybody has, would do as the secret of an HMAC.
        raise InvalidOption("A shared secret and public keys do not mix: name algorithms of one kind.")
    for name in algorithms:
        try:
            jwt.get_algorithm_by_name(name)
        except NotImplementedError:
            raise InvalidOption(f"{name} needs a library.", hint='Install it: pip install "pyjwt[crypto]"') from None
    return bool(shared)


def _prepare(key: Any, algorithms: Sequence[str]) -> Any:
    """The key as PyJWT uses it, of one kind for all of these: what does not fit is told now, not to each caller."""
    for name in algorithms:
        least = SHARED.get(name, 0)
        if least and len(key.encode() if isinstance(key, str) else key) < least:
            raise InvalidOption(
                f"{name} needs a secret of at least {least} bytes; a shorter one can be guessed.",
                hint=f'One is made by: python -c "import secrets; print(secrets.token_urlsafe({least}))"',
            )
        try:
            jwt.get_algorithm_by_name(name).prepare_key(key)
        except (jwt.PyJWTError, ValueError, TypeError):
            # Not chained, and without what was said: a secret may be in there.
            raise InvalidOption(f"The key is none for {name}.") from None
    return key
