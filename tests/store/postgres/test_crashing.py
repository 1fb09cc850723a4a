"""A harness on PostgreSQL: what its lost worker had in flight is over before another goes on."""

from __future__ import annotations

from bide import Bide, JobContext, JobStatus
from tests.harness import PostgresHarness
from tests.postgres import execute


async def test_what_a_lost_worker_claimed_with_its_last_breath_is_taken_back(postgres_url: str) -> None:
    bide = Bide[None]("sqlite:///unused.db")

    @bide.job()
    async def mother(ctx: JobContext) -> str:
        return await ctx.step(bear)

    @bide.job()
    async def child(ctx: JobContext) -> str:
        return "done"

    async def bear() -> str:
        """Return while the child is being claimed."""
        await child.enqueue()
        while not await claiming():
            pass
        return "born"

    async def claiming() -> bool:
        asleep = "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
        return bool(await execute(postgres_url, asleep))

    async with PostgresHarness(bide, postgres_url) as jobs, jobs.paused():
        await execute(
            postgres_url,
            "create function bide.slowly() returns trigger language plpgsql as"
            " $$ begin perform pg_sleep(1); return new; end $$",
        )
        await execute(
            postgres_url,
            "create trigger slowly before insert on bide.event for each row"
            " when (new.kind = 'job.started') execute function bide.slowly()",
        )
        await mother.enqueue()
        # Its own claim, that of the child, and before the step is recorded.
        assert await jobs.crash(3)
        assert not await claiming()
        assert {job.type: job.status for job in await bide.list()} == {
            "mother": JobStatus.PENDING,
            "child": JobStatus.PENDING,
        }
