"""How much one principal may ask for at once. Counted in this process; several processes count apart."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from bide.errors import InvalidOption
from bide.http.refusals import TooMany

KEEP_ALIVE = 15.0
"""Seconds of silence after which a stream shows that it lives: proxies cut what says nothing for a minute."""

KNOWN = 10_000
"""Principals remembered; the one longest idle is forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What `bide.router(limits=Limits(…))` allows.

    body: bytes of a request. requests: a second, for each principal, after a burst of as many seconds' worth as `burst`
    says. streams: SSE, WebSockets and waits that one principal holds open at once. batch: jobs in one call. Who has a
    token for one job is counted apart from the others of its name. Raises InvalidOption for what is not above 0.
    """

    body: int = 1024 * 1024
    requests: float = 500.0
    burst: float = 4.0
    streams: int = 200
    batch: int = 200

    def __post_init__(self) -> None:
        for name in ("body", "requests", "burst", "streams", "batch"):
            # What is no number is not above 0 either.
            if not getattr(self, name) > 0:
                raise InvalidOption(f"{name}={getattr(self, name)}: expected more than 0.")


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    open: int = 0


class Meter:
    """A token bucket and a count of open streams for each principal."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._now = now
        self._full = max(1.0, limits.requests * limits.burst)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def request(self, who: str) -> None:
        """Count one request. Raises TooMany, with the seconds after which there is room again."""
        bucket, now = self._bucket(who), self._now()
        bucket.tokens = min(self._full, bucket.tokens + (now - bucket.at) * self._limits.requests)
        bucket.at = now
        if bucket.tokens < 1:
            raise TooMany(
                f"More than {self._limits.requests:g} requests a second.",
                retry_after=max(1, math.ceil((1 - bucket.tokens) / self._limits.requests)),
                hint="Ask less often: a stream tells of changes by itself.",
            )
        bucket.tokens -= 1

    def room(self, who: str) -> None:
        """Raise TooMany where this principal may open no further stream."""
        if self._bucket(who).open >= self._limits.streams:
            raise TooMany(
                f"More than {self._limits.streams} open streams.",
                retry_after=5,
                hint="Close some, or follow all jobs with one: GET /events.",
            )

    def over(self, who: str) -> bool:
        """Whether more are open than may be: several found room before the first of them was counted."""
        return self._bucket(who).open > self._limits.streams

    @contextmanager
    def stream(self, who: str) -> Generator[None]:
        """Count one open stream."""
        bucket = self._bucket(who)
        bucket.open += 1
        try:
            yield
        finally:
            bucket.open -= 1

    def _bucket(self, who: str) -> _Bucket:
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = _Bucket(self._full, self._now())
            self._forget()
        self._buckets.move_to_end(who)
        return bucket

    def _forget(self) -> None:
        if len(self._buckets) <= KNOWN:
            return
        for who, bucket in list(islice(self._buckets.items(), len(self._buckets) - KNOWN)):
            # What has streams open must go on counting them.
            if not bucket.open:
                del self._buckets[who]
