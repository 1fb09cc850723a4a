"""The keys that an identity provider publishes (RFC 7517), fetched when they are needed and kept for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jwt import PyJWKClient, PyJWKClientConnectionError, PyJWTError

from bide.http.refusals import Unavailable

log = logging.getLogger("bide.http")

KEPT = 300.0
"""Seconds after which a provider's list of keys is read again: how long one that was withdrawn still opens."""
TIMEOUT = 5.0
"""Seconds that a provider may take to answer."""
PAUSE = 5
"""Seconds after which a provider that did not answer is asked again. What waited meanwhile is refused at once."""


class PublishedKeys:
    """What is published under `url`. A key that the provider has withdrawn is forgotten after `KEPT`."""

    def __init__(self, url: str) -> None:
        # Without PyJWT's second cache, of single keys: what is in there is accepted for ever.
        self._client = _Client(url, cache_keys=False, lifespan=KEPT, timeout=TIMEOUT)
        # A thread of its own: the first to come fetches for all, and a slow provider holds up no other user of threads.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bide-jwks")

    async def key_for(self, token: str) -> Any:
        """The key that this token says it is signed with. Raises PyJWTError, and Unavailable."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, self._client.get_signing_key_from_jwt, token)
        except PyJWKClientConnectionError as error:
            log.warning("No keys from %s: %s", self._client.uri, error)
            raise Unavailable("Who you are cannot be checked now.", retry_after=PAUSE) from None
        return found.key


class _Client(PyJWKClient):
    """Remembers for a moment that it asked in vain: else all that wait would wait for the timeout, one by one."""

    _silent_until = 0.0

    def fetch_data(self) -> Any:
        if time.monotonic() < self._silent_until:
            raise PyJWKClientConnectionError("it did not answer a moment ago")
        try:
            return super().fetch_data()
        except PyJWKClientConnectionError:
            self._silent_until = time.monotonic() + PAUSE
            raise
        except (PyJWTError, ValueError) as odd:
            # A maintenance page, say: the provider is away, and the token may be good.
            self._silent_until = time.monotonic() + PAUSE
            raise PyJWKClientConnectionError(f"it answered with no keys: {odd}") from odd
