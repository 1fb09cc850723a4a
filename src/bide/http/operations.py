"""What an operator asks for: which types there are, how many jobs, what may be deleted, and whether all is well."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from bide.clock import instant
from bide.errors import UnencodableType
from bide.http import problems
from bide.http.call import ThisCall
from bide.http.refusals import Unavailable
from bide.http.schemas import (
    Cleaned,
    Cleanup,
    CleanupStats,
    Health,
    JobTypes,
    JobTypeView,
    Readiness,
    StatsView,
)
from bide.job import JobStatus
from bide.job_type import JobType
from bide.version import VERSION

AGES = ("7d", "30d")


async def list_job_types(call: ThisCall) -> JobTypes:
    """The job types that may be created by their names, with the schemas of their inputs and results."""
    return JobTypes(items=[_type(known) for known in call.app.registry.exposed()])


def _type(known: JobType[..., Any]) -> JobTypeView:
    definition = known.definition
    return JobTypeView(
        name=known.name,
        version=definition.version,
        queue=definition.queue,
        description=inspect.getdoc(definition.fn) or "",
        input=_described(known.input_schema, {"type": "object"}),
        result=_described(known.result_schema, {}),
    )


def _described(schema: Callable[[], dict[str, Any]], otherwise: dict[str, Any]) -> dict[str, Any]:
    """`otherwise` where Pydantic has no schema: the type may be created all the same."""
    try:
        return schema()
    except UnencodableType:
        return otherwise


async def get_stats(call: ThisCall) -> StatsView:
    """How many jobs there are in each status, of those that may be seen."""
    stats = await call.app.stats(owner=call.owner)
    return StatsView(
        by_status={str(status): n for status, n in stats.by_status.items()},
        ready=stats.ready,
        open_prompts=stats.open_prompts,
        oldest={str(status): instant(at) for status, at in stats.oldest.items()},
    )


async def get_cleanup_stats(call: ThisCall) -> CleanupStats:
    """What there is to clean up."""
    stats = await call.app.stats(owner=call.owner)
    return CleanupStats(
        total=sum(stats.by_status.values()),
        by_status={str(status): n for status, n in stats.by_status.items()},
        oldest={str(status): instant(at) for status, at in stats.oldest.items()},
        cleanable={age: await call.app.cleanable(older_than=age, owner=call.owner) for age in AGES},
    )


async def clean_up(call: ThisCall, body: Cleanup) -> Cleaned:
    """Delete jobs that finished longer ago than this. Unfinished ones are never deleted."""
    statuses = [JobStatus(status) for status in body.statuses]
    chosen = call.app.cleanable if body.dry_run else call.app.cleanup
    count = await chosen(older_than=body.older_than, statuses=statuses, owner=call.owner)
    return Cleaned(deleted=count, dry_run=body.dry_run)


async def get_health() -> Health:
    """Whether the process answers at all."""
    return Health(version=VERSION)


async def get_readiness(call: ThisCall) -> Readiness:
    """Whether to send requests here: the database answers, and the server is not about to end."""
    if not call.runtime.ready:
        raise Unavailable(
            "This process takes no requests now: it has not started, it is about to end, or its worker has failed.",
            retry_after=problems.RETRY_AFTER,
        )
    # Asked, and not taken from what is known: a database may have gone away since.
    await call.app.store.next_due()
    return Readiness()
