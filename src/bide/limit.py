"""`Limit`: how many jobs run at once and how often they start, of a queue, a job type, or one value of an argument."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

import orjson

from bide.errors import InvalidOption
from bide.store.base import LaneLimit

MOST = 10_000
"""Jobs that a limit may let run at once, or start within a period: a claim counts them."""

VALUE_LIMIT = 200
"""Characters of an argument's JSON that stand in the name of a lane; of what is longer its hash does."""

_RATE = re.compile(r"([0-9]{1,9})/([smhd])")
_PERIODS = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


@dataclass(frozen=True, slots=True)
class Limit:
    """How many jobs run at once, and how often they start, over all workers on one database.

        @bide.job(limit=Limit(concurrency=2, key="tenant"))
        async def render(ctx: JobContext, tenant: str, page: int) -> str: ...

        bide = Bide(url, limits={"gpu": Limit(concurrency=1), "mail": Limit(rate="100/m")})

    concurrency: how many run at the same moment. rate: how many start within any second, minute, hour or day, written
    "10/s", "60/m", "1000/h", "5000/d". Both may be given, and each is from 1 to 10,000. key: an argument of the job;
    each value of it has the limit to itself. Without one the limit is that of the job type, or of the queue.

    A job counts while it runs. One that waits, for a person, its next attempt or the end of its sleep, does not, and
    needs room again to go on, which a rate counts as a start. Raises InvalidOption, naming the remedy.
    """

    concurrency: int | None = None
    rate: str | None = None
    key: str | None = None
    lane: LaneLimit = field(init=False, repr=False, compare=False)
    """As the store takes it."""

    def __post_init__(self) -> None:
        if self.concurrency is None and self.rate is None:
            raise InvalidOption("Limit() limits nothing.", hint='Give concurrency=2, at once, or rate="60/m", or both.')
        concurrency: object = self.concurrency
        if concurrency is not None and (type(concurrency) is not int or not 1 <= concurrency <= MOST):
            raise InvalidOption(f"concurrency={concurrency!r}: expected a whole number from 1 to {MOST:,}.")
        count, period = (None, 0) if self.rate is None else _read(self.rate)
        object.__setattr__(self, "lane", LaneLimit(self.concurrency, count, period))


def _read(rate: object) -> tuple[int, int]:
    match = _RATE.fullmatch(rate) if isinstance(rate, str) else None
    if match is None or int(match[1]) < 1:
        raise InvalidOption(
            f"rate={rate!r:.60} cannot be read.",
            hint="Write how many jobs start in how long: '10/s', '60/m', '1000/h' or '5000/d'.",
        )
    count = int(match[1])
    if count > MOST:
        raise InvalidOption(
            f"rate={rate!r}: at most {MOST:,} in one period, as each start is counted.",
            hint="Write it for a shorter one: '1000/m' for '60000/h'.",
        )
    return count, _PERIODS[match[2]]


def lane_name(job_type: str, value: object = None, *, keyed: bool = False) -> str:
    """The lane of the jobs of a type, or of those whose argument has this JSON value."""
    if not keyed:
        return f"job {job_type}()"
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if len(text) > VALUE_LIMIT:
        text = hashlib.sha256(text.encode()).hexdigest()
    return f"job {job_type}({text})"
