"""What the hot and the frequent statements read of a large database: an index, not a table; and every file is used."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Generator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bide.store.base import Completed, Settle
from bide.store.postgres import PostgresStore
from bide.store.postgres.driver import Connection, connect
from bide.store.postgres.moves import LEAVING
from bide.store.postgres.sql import statement
from bide.testing.contract.moves import claims, enqueue_all, new_job, register, wanting
from tests.postgres import Server

FOLDER = Path(str(resources.files("bide.store.postgres")))
NAMES = sorted(path.stem for path in FOLDER.glob("*.sql"))

FILL = (
    # 60,000 that are done, 20,000 that are delayed, 20,000 that are ready, 500 that run under 5 workers, 500 that wait.
    """
    insert into bide.job (
        id, type, type_version, queue, priority, urgency, rank, status, ready, max_attempts, seq, owner, input,
        input_size, created_at, digest, due_at, finished_at, worker, started_at, lease, timeout, idempotency_key
    )
    select
        'job-' || lpad(n::text, 6, '0'), 'work', 1, 'default', n % 3, n % 3, n, status,
        status = 'pending' and n % 2 = 0, 1, 2, 'owner-' || n % 100, '{}', 2, n, '',
        case when status = 'pending' and n % 2 = 1 then n end,
        case when status = 'completed' then n end, case when status = 'running' then 'worker-' || n % 5 end, n, 1, 1,
        'key-' || n
    from (
        select n, case
            when n <= 60000 then 'completed' when n <= 100000 then 'pending' when n <= 100500 then 'running'
            else 'pending_hitl'
        end as status
        from generate_series(1, 101000) as n
    ) as s
    """,
    """
    insert into bide.event (job, seq, at, kind, attempt, lease)
    select id, n, 1, case n when 1 then 'job.enqueued' else 'job.started' end, 1, 1
    from bide.job cross join generate_series(1, 2) as n
    """,
    """
    insert into bide.prompt (id, job, owner, key, kind, data, schema, status, opened_at, deadline_at)
    select 'prompt-' || id, id, owner, 'q', 'form', '{}', '{}',
        case when status = 'pending_hitl' then 'open' else 'answered' end, created_at, created_at
    from bide.job where created_at % 10 = 0 or status = 'pending_hitl'
    """,
    """
    insert into bide.response (prompt, id, job, action, value, at, defaulted)
    select id, 'response-' || id, job, 'answer', '1', 1, false from bide.prompt where status = 'answered'
    """,
    """
    insert into bide.step (job, name, key, result, size, attempt, lease, at)
    select id, 'fetch', '', '1', 1, 1, 1, 1 from bide.job where created_at % 5 = 0
    """,
    "insert into bide.label select 'project', 'p' || created_at % 1000, id from bide.job where created_at % 4 = 0",
    """
    insert into bide.worker (id, host, pid, queues, slots, lease, started_at, beat_at)
    select 'worker-' || n, 'h', 1, '[]', 1, 1, 1, 1 from generate_series(1, 4) as n
    """,
    """
    insert into bide.permit (job, lease, lane, at, expires_at)
    select id, lease, 'lane-' || created_at % 1000, created_at, created_at from bide.job where created_at <= 20000
    """,
    """
    insert into bide.open_lane (lane, queue, type, opens_at)
    select 'lane-' || n, 'elsewhere', 'work', case when n % 2 = 0 then n else 0 end from generate_series(1, 5000) as n
    """,
)

FINISHED = """
insert into bide.job (
    id, type, type_version, queue, priority, urgency, rank, status, ready, max_attempts, seq, owner, input,
    input_size, created_at, digest, finished_at, started_at, lease, timeout
)
select
    'old-' || lpad(n::text, 6, '0'), 'work', 1, 'default', n % 3, n % 3, n, 'completed', false, 1, 2,
    'owner-' || n % 100, '{}', 2, n, '', n, n, 1, 1
from generate_series(1, 940000) as n
"""
"""With these a million are done."""

TABLES = ("open_lane", "permit", "worker", "label", "step", "response", "prompt", "event", "job")

# Which statement must be driven by which index.
DRIVEN = {
    "due": "job_due",
    "past_deadline": "prompt_deadline",
    "abandoned": "job_worker",
    "prune": "job_finished",
    "list_jobs": "job_pkey",
    "list_status": "job_status",
    "list_owned": "job_owner",
    "list_labelled": "label_pkey",
    "delete_labels": "label_",
    "feed": "event_pkey",
    "fork_recorded": "event_seq",
    "fork_answers": "prompt_",
    "emitters": "event_seq",
    "history": "event_seq",
    "ended": "event_seq",
    "noted": "event_seq",
    "prompt": "prompt_pkey",
    "prompts_of_job": "prompt_job",
    "last_closed": "prompt_job",
    "answered_by": "response_id_key",
    "open_prompts": "prompt_job",
    "inbox": "prompt_open",
    "inbox_owned": "prompt_owner",
    "count_open": "prompt_open",
    "stats_owned": "job_owner",
    "count_open_owned": "prompt_owner",
    "keys_of": "job_key",
    "response": "response_",
    "steps": "step_pkey",
    "lock": "job_pkey",
    "lock_free": "job_pkey",
    "next_due": "job_due",
    "promote": "job_claim",
    "get": "job_pkey",
    "forget_permits": "permit_expires",
    "forget_queues": "open_lane_opens",
}

PARTS = {"job_row", "listed_row", "prompt_row", "step_row", "prunable", "list_filter"}
"""Those that are not a statement by themselves."""

SCANS = {"stats", "orphans", "count_prunable", "prompts", "workers", "forget_workers", "register", "identity"}
"""Those few that may read a whole table: of administration, or of tables that are small."""


ALONG = {"count_open", "next_due", "promote"}
"""Those that read an index from its beginning: its first entry only, or all that it was made to hold."""


@pytest.fixture(scope="module", params=["analyzed", "thought empty"])
def large(request: pytest.FixtureRequest, postgres: Server) -> Generator[str]:
    """The planner knows what is there, or it knows what vacuum saw before all this came: pages, and nothing on them."""
    url = postgres.create()
    for command in FILL:
        postgres.execute(command, url)
    if request.param == "thought empty":
        for table in TABLES:
            postgres.execute(f"delete from bide.{table}", url)
        postgres.execute("vacuum (truncate off, analyze)", url)
        for command in FILL:
            postgres.execute(command, url)
    else:
        postgres.execute(FINISHED, url)
        postgres.execute("analyze", url)
    yield url
    postgres.drop(url)


@pytest_asyncio.fixture
async def db(large: str) -> AsyncIterator[Connection]:
    db = await connect(large)
    await db.execute("begin")
    yield db
    await db.close()


async def plan(db: Connection, name: str) -> str:
    """As it is made before its parameters are known."""
    what = statement(name)
    await db.execute(f"set local plan_cache_mode = force_generic_plan; prepare it as {what.text}")
    count = len(set(re.findall(r"\$\d+", what.text)))
    given = f"({', '.join(['null'] * count)})" if count else ""
    rows = await db.fetch(f"explain execute it{given}")
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("name", DRIVEN)
async def test_the_index_meant_for_it_is_used(db: Connection, name: str) -> None:
    steps = await plan(db, name)
    assert re.search(rf"Index .*using {DRIVEN[name]}|Bitmap Index Scan on {DRIVEN[name]}", steps), steps


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SCANS | PARTS])
async def test_no_other_statement_reads_a_whole_table(db: Connection, name: str) -> None:
    steps = await plan(db, name)
    # Of workers there are few.
    assert re.findall(r"Seq Scan on (?!worker)(\w+)", steps) == [], steps


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SCANS | PARTS | ALONG])
async def test_no_statement_reads_a_whole_index(db: Connection, name: str) -> None:
    steps = await plan(db, name)
    assert re.findall(r"using (\w+) on (?!worker)\w+(?: \w+)?  .*\n(?! *Index Cond)", f"{steps}\n") == [], steps


async def read(db: Connection) -> dict[str, tuple[int, int]]:
    """What this transaction has read: rows of whole tables, and rows found by indexes."""
    rows = await db.fetch("select relname, seq_tup_read, idx_tup_fetch from pg_stat_xact_user_tables")
    return {row[0]: (row[1] or 0, row[2] or 0) for row in rows}


def ending(job: str) -> dict[str, Any]:
    columns: list[Any] = [job, 1, "completed", "job.completed", None, "1", None, None, False, False, 1, None, None]
    return dict(zip(LEAVING, [[value] for value in columns], strict=True))


async def call(db: Connection, name: str, **parameters: Any) -> list[Any]:
    what = statement(name)
    return list(await db.fetch(what.text, *what.arguments(parameters)))


NO_LIMITS = '{"queues":{},"types":{}}'


async def test_a_turn_reads_what_it_settles_and_claims(db: Connection) -> None:
    demand = '[{"queues":["default"],"types":{"work":1},"limit":10}]'
    turn: dict[str, Any] = {"now": 1, "worker": "worker-1", "started": "{}", "demands": demand, "enough": 1_000_000}
    rows = await call(db, "turn", limits=NO_LIMITS, **turn, **ending("job-100100"))
    assert len(rows) == 11
    seen = await read(db)
    assert [seen[table][0] for table in ("job", "event", "prompt")] == [0, 0, 0]
    assert (seen["job"][1] < 40, seen["prompt"][1] < 10) == (True, True)


async def test_several_queues_are_looked_at_by_the_index(db: Connection) -> None:
    demand = '[{"queues":["other","default"],"types":{"work":1},"limit":10}]'
    none: dict[str, Any] = {name: [] for name in LEAVING}
    turn: dict[str, Any] = {"now": 1, "worker": "worker-1", "started": "{}", "demands": demand, "enough": 1_000_000}
    rows = await call(db, "turn", limits=NO_LIMITS, **turn, **none)
    assert len(rows) == 10
    assert (await read(db))["job"][0] == 0
    assert (await read(db))["job"][1] < 40


async def test_facts_and_steps_read_the_rows_of_their_jobs(db: Connection) -> None:
    run = {"jobs": ["job-100100"], "leases": [1]}
    assert len(await call(db, "note", now=1, batch=1, kinds=["log"], data=["{}"], **run)) == 1
    about = {"names": ["s"], "keys": [""], "results": ["1"], "errors": [None], "sizes": [1], "data": ["{}"]}
    assert len(await call(db, "record", now=1, kinds=["step.completed"], **about, **run)) == 1
    seen = await read(db)
    assert [seen[table][0] for table in ("job", "event", "step")] == [0, 0, 0]
    assert (seen["job"][1] < 10, seen["step"][1] < 10) == (True, True)


async def test_prompts_expire_by_their_ids(db: Connection) -> None:
    prompt = "prompt-job-100600"
    gone = await call(db, "expire", now=1, prompts=[prompt], responses=["r"], data=["{}"], resumed="{}")
    assert [tuple(row) for row in gone] == [(prompt, True)]
    seen = await read(db)
    assert [seen[table][0] for table in ("job", "prompt")] == [0, 0]
    assert max(seen["job"][1], seen["prompt"][1]) < 10


async def test_changes_are_read_along_the_positions(db: Connection) -> None:
    ((end,),) = await call(db, "position")
    ((mark, jobs),) = await call(db, "changed", since=end - 50, limit=100)
    assert (mark, 0 < len(jobs) <= 50) == (end, True)
    assert await call(db, "changed", since=0, limit=100) == [(end, None)]
    whole, found = (await read(db))["event"]
    assert (whole, found <= 50) == (0, True)


async def test_what_a_drain_has_left_dead_is_read_once_by_a_beat(store: PostgresStore) -> None:
    """And is not read again by each of the next, until it is vacuumed."""
    worker = await register(store)
    await enqueue_all(store, *(new_job() for _ in range(2_000)))
    while runs := await claims(store, worker, wanting(500)):
        ends = [Settle(run.id, run.lease, 1, Completed("1")) for run in runs]
        await store.settle_and_claim(worker, ends, [])
    db = await connect(store.url)
    look = f"explain (analyze, buffers) select * from bide.held_v1('{worker}')"
    await db.fetch(look)
    found = re.search(r"shared hit=(\d+)", "\n".join(row[0] for row in await db.fetch(look)))
    await db.close()
    assert found is not None
    assert int(found[1]) < 40


async def test_progress_touches_no_index(large: str) -> None:
    """New versions of a row stay on its page, and what indexes say of it stays true."""
    db = await connect(large)
    counts: list[tuple[int, int]] = []
    for n in range(21):
        await call(
            db, "note", now=1, batch=n, jobs=["job-100200"], leases=[1], kinds=["progress"], data=['{"percent":1}']
        )
        await db.fetch("select pg_stat_force_next_flush()")
        counts += [
            (row[0], row[1])
            for row in await db.fetch(
                "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'job' and schemaname = 'bide'"
            )
        ]
    await db.close()
    (first, hot_first), (last, hot_last) = counts[0], counts[-1]
    assert last - first == 20
    # The page of this row was filled to the brim at once: the first version moves to another.
    assert hot_last - hot_first >= 19


def test_every_file_is_used() -> None:
    code = "\n".join(path.read_text() for path in FOLDER.glob("*.py"))
    used = set(re.findall(r'statement\(f?"(\w+)"\)', code))
    used |= {f"delete_{what}" for what in re.findall(r'"(\w+)"', code[code.index("delete_{what}") :].split("]")[0])}
    included = {part for name in NAMES for part in re.findall(r"\{\{(\w+)\}\}", (FOLDER / f"{name}.sql").read_text())}
    assert set(NAMES) == used | included
