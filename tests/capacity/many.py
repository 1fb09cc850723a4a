"""Many jobs on PostgreSQL in little time: copies of one that was made by the API, with all that belongs to it."""

from __future__ import annotations

from bide.store.postgres.driver import Connection, connect

BATCH = 100_000

FIRST = "subject 0"
"""What the job that is copied is about; the copies count on."""

CHANGED = {
    "job": {
        "id": "new.job",
        "input": f"replace(old.input, '{FIRST}', 'subject ' || new.n)",
        "due_at": "old.due_at + new.n",
    },
    "event": {"job": "new.job", "data": "coalesce(replace(old.data, prompt.id, new.prompt), old.data)"},
    "prompt": {
        "id": "new.prompt",
        "job": "new.job",
        "data": f"replace(old.data, '{FIRST}', 'subject ' || new.n)",
        "deadline_at": "old.deadline_at + new.n",
    },
    "response": {"id": "uuidv7()::text", "prompt": "new.prompt", "job": "new.job"},
    "step": {"job": "new.job"},
}
"""What differs in a copy, by table."""

GIVEN = {"pos", "place"}
"""Columns that the database numbers by itself."""


async def multiply(url: str, job: str, count: int) -> None:
    """Make so many more jobs like this one, which has at most one question."""
    db = await connect(url)
    try:
        for first in range(1, count + 1, BATCH):
            await db.execute("begin")
            await db.execute(f"""
                create temporary table new on commit drop as
                select n, uuidv7()::text as job, uuidv7()::text as prompt
                from generate_series({first}, {min(count, first + BATCH - 1)}) as n
            """)
            for table, changed in CHANGED.items():
                await _copy(db, table, job, changed)
            await db.execute("commit")
    finally:
        await db.close()


async def _copy(db: Connection, table: str, job: str, changed: dict[str, str]) -> None:
    rows = await db.fetch(
        "select column_name from information_schema.columns where table_schema = 'bide' and table_name = $1", table
    )
    columns = [str(row[0]) for row in rows if row[0] not in GIVEN]
    values = [changed.get(column, f'old."{column}"') for column in columns]
    await db.execute(f"""
        insert into bide.{table} ({", ".join(f'"{column}"' for column in columns)})
        select {", ".join(values)}
        from new
        cross join bide.{table} as old
        left join bide.prompt as prompt on prompt.job = '{job}'
        where old.{"id" if table == "job" else "job"} = '{job}'
        order by new.n{", old.seq" if table == "event" else ""}
    """)
