"""JSON Web Tokens of an identity provider (RFC 7519): who asks is what a signed token says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
from jwt import PyJWKClient
from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http.access import RIGHTS, Principal, Right
from bide.http.keys import bearer
from bide.http.refusals import Unauthenticated

PREFIX = "bide:"
"""Of what concerns Bide in the claim `scope`, as in `bide:view`."""

SYMMETRIC = frozenset({"HS256", "HS384", "HS512"})


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """`sub` is who asks, and whose jobs they reach; `scope` (RFC 8693, 4.2) holds rights, as in `bide:view`.

    With `bide:admin` they reach everybody's. Raises Unauthenticated where a claim is not of its kind.
    """
    subject, scope = claims.get("sub"), claims.get("scope", "")
    if not isinstance(subject, str) or not subject or not isinstance(scope, str):
        raise Unauthenticated("The token does not say who it is of.")
    words = {word.removeprefix(PREFIX) for word in scope.split() if word.startswith(PREFIX)}
    rights: frozenset[Right] = frozenset(right for right in RIGHTS if right in words)
    return Principal(subject, rights, None if "admin" in rights else subject)


class Jwt:
    """`bide.router(authorize=Jwt(jwks_url=…, algorithms=["RS256"], audience="…"))`: a bearer token lets its subject in.

    key: to check signatures with, or jwks_url: where the provider publishes its keys. algorithms: those that are
    accepted, never what the token itself says. audience, issuer: what the token must be for, and from; None: whatever.
    principal: what to make of the claims, by default `principal_of`. leeway: seconds by which clocks may differ.

    Public keys need PyJWT's extra: pip install "pyjwt[crypto]".
    """

    def __init__(
        self,
        *,
        algorithms: Sequence[str],
        key: str | bytes | None = None,
        jwks_url: str | None = None,
        audience: str | None = None,
        issuer: str | None = None,
        principal: Callable[[Mapping[str, Any]], Principal] = principal_of,
        leeway: float = 10.0,
    ) -> None:
        if (key is None) == (jwks_url is None):
            raise InvalidOption("Give either `key` or `jwks_url`.")
        if not algorithms or "none" in {name.lower() for name in algorithms}:
            raise InvalidOption('Name the algorithms that are accepted, as ["RS256"]; "none" is no signature.')
        if set(algorithms) & SYMMETRIC and (set(algorithms) - SYMMETRIC or jwks_url is not None):
            # Else the public key, which everybody has, would do as the secret of an HMAC.
            raise InvalidOption("A shared secret and public keys do not mix: name algorithms of one kind.")
        self._algorithms = list(algorithms)
        self._key = key
        self._published = None if jwks_url is None else PyJWKClient(jwks_url, cache_keys=True)
        self._audience = audience
        self._issuer = issuer
        self._principal = principal
        self._leeway = leeway

    async def __call__(self, connection: HTTPConnection) -> Principal:
        token = bearer(connection)
        if not token:
            raise Unauthenticated("Nobody has signed in.", hint="Send `Authorization: Bearer <token>`.")
        try:
            claims = jwt.decode(
                token,
                await self._key_of(token),
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "sub"], "verify_aud": self._audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired.", challenge='Bearer error="invalid_token"') from None
        except jwt.PyJWTError:
            # Which check failed is for the log of whoever signs, not for whoever tries.
            raise Unauthenticated("The token is not valid.", challenge='Bearer error="invalid_token"') from None
        return self._principal(claims)

    async def _key_of(self, token: str) -> Any:
        if self._published is None:
            return self._key
        # It asks the network, and blocks.
        return (await asyncio.to_thread(self._published.get_signing_key_from_jwt, token)).key
