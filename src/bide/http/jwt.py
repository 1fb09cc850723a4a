"""JSON Web Tokens of an identity provider (RFC 7519): who asks is what a signed token says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import jwt
from jwt import PyJWKClient
from starlette.requests import HTTPConnection

from bide.errors import InvalidOption
from bide.http.access import RIGHTS, Principal, Right
from bide.http.job_token import AUDIENCE
from bide.http.keys import bearer
from bide.http.refusals import Unauthenticated, Unavailable

log = logging.getLogger("bide.http")

PREFIX = "bide:"
"""Of what concerns Bide in the claim `scope`, as in `bide:view`."""

STRENGTH = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The shortest secret, in bytes, of each algorithm with a shared one (RFC 7518, 3.2): a shorter one can be guessed."""

SYMMETRIC = frozenset(STRENGTH)

KEPT = 300.0
"""Seconds after which a provider's list of keys is read again: how long one that was withdrawn still opens."""

PATIENCE = 5.0
"""Seconds that a provider has to answer with its keys."""


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
        for name in algorithms:
            _check_algorithm(name, key)
        self._algorithms = list(algorithms)
        self._key = key
        self._published = None if jwks_url is None else _client(jwks_url)
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
        except (jwt.PyJWTError, TypeError):
            # The latter where its header names the algorithm of another kind of key than the one it names.
            raise _invalid() from None
        if AUDIENCE in _listed(claims.get("aud")):
            # It opens one job, with rights of its own, and must not be its owner's where both have one secret.
            raise _invalid()
        return self._principal(claims)

    async def _key_of(self, token: str) -> Any:
        if self._published is None:
            return self._key
        try:
            # It asks the network, and blocks.
            return (await asyncio.to_thread(self._published.get_signing_key_from_jwt, token)).key
        except (jwt.PyJWKClientConnectionError, OSError, ValueError) as error:
            log.warning("the keys of the identity provider cannot be read: %s", error)
            raise Unavailable("Who you are cannot be checked now.") from None


def _client(address: str) -> PyJWKClient:
    if urlsplit(address).scheme not in {"http", "https"}:
        raise InvalidOption(f"jwks_url={address!r}: expected an address as https://….")
    # Its other cache, of single keys, would never forget one that was withdrawn.
    return PyJWKClient(address, cache_keys=False, lifespan=KEPT, timeout=PATIENCE)


def _check_algorithm(name: str, key: str | bytes | None) -> None:
    try:
        jwt.get_algorithm_by_name(name)
    except NotImplementedError:
        raise InvalidOption(
            f"algorithms: {name!r} is not known here.",
            hint='Public keys, as of RS256, need: pip install "pyjwt[crypto]".',
        ) from None
    least = STRENGTH.get(name, 0)
    secret = key.encode() if isinstance(key, str) else key or b""
    if len(secret) < least:
        raise InvalidOption(
            f"key: {name} takes a secret of at least {least} bytes; a shorter one can be guessed.",
            hint='One is made by: python -c "import secrets; print(secrets.token_urlsafe(64))"',
        )


def _invalid() -> Unauthenticated:
    # Which check failed is for the log of whoever signs, not for whoever tries.
    return Unauthenticated("The token is not valid.", challenge='Bearer error="invalid_token"')


def _listed(audience: object) -> Sequence[object]:
    return cast("list[object]", audience) if isinstance(audience, list) else [audience]
