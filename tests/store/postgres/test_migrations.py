"""The schema: up, down, by whom, and what is refused; and that a host's own migrations leave it alone."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table, create_engine

from bide import Bide, Settings
from bide.errors import InvalidOption, SchemaMismatch, StoreUnavailable
from bide.store.postgres import PostgresStore, include_name, migrations
from bide.store.postgres.driver import connect
from bide.store.postgres.migrations import HEAD, include_name_without, run
from bide.store.schema import SchemaStatus
from bide.testing.contract.moves import enqueue, finish, register, row
from tests.postgres import execute


async def schema(url: str, name: str = "bide") -> list[tuple[Any, ...]]:
    """Everything that is in it."""
    return await execute(
        url,
        f"""
        select 'column', table_name || '.' || column_name, data_type || coalesce(column_default, '')
        from information_schema.columns where table_schema = '{name}'
        union all select 'index', indexname, indexdef from pg_indexes where schemaname = '{name}'
        union all select 'function', proname, prosrc from pg_proc where pronamespace = to_regnamespace('"{name}"')
        union all select 'sequence', sequencename, '' from pg_sequences where schemaname = '{name}'
        order by 1, 2
        """,
    )


@pytest.fixture
def nothing(bare_postgres_url: str) -> str:
    return bare_postgres_url


def test_the_head_that_the_code_knows_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_up_down_and_up_again_is_where_it_was(nothing: str) -> None:
    assert await run.status(nothing) == SchemaStatus(None, HEAD)
    assert await run.up(nothing) == SchemaStatus(HEAD, HEAD) == await run.status(nothing)
    first = await schema(nothing)
    assert len(first) > 80
    assert await run.up(nothing) == SchemaStatus(HEAD, HEAD)
    assert await schema(nothing) == first
    assert await run.down(nothing, "base") == SchemaStatus(None, HEAD)
    assert await schema(nothing) == []
    assert await execute(nothing, "select to_regnamespace('bide')::text") == [(None,)]
    await run.up(nothing)
    assert await schema(nothing) == first


async def test_one_step_down_is_one_step(nothing: str) -> None:
    await run.up(nothing)
    assert await run.down(nothing, "-1") == SchemaStatus(None, HEAD)


async def test_many_at_once_migrate_once(nothing: str) -> None:
    assert await asyncio.gather(*(run.up(nothing) for _ in range(4))) == [SchemaStatus(HEAD, HEAD)] * 4


async def test_an_unknown_revision_is_refused_and_nothing_changes(nothing: str) -> None:
    await run.up(nothing)
    with pytest.raises(InvalidOption):
        await run.down(nothing, "4711")
    assert await run.status(nothing) == SchemaStatus(HEAD, HEAD)


async def test_a_migration_that_fails_leaves_nothing(nothing: str) -> None:
    """Of one that comes upon a table of the name."""
    await execute(nothing, "create schema bide")
    await execute(nothing, "create table bide.worker (n integer)")
    with pytest.raises(Exception, match="already exists"):
        await run.up(nothing)
    assert [kind for kind, _, _ in await schema(nothing)] == ["column"]


async def test_opening_creates_nothing_and_names_the_remedy(nothing: str) -> None:
    store = PostgresStore(nothing)
    with pytest.raises(SchemaMismatch) as mismatch:
        await store.open()
    assert "bide migrate up" in (mismatch.value.hint or "")
    assert await schema(nothing) == []


async def test_a_newer_database_is_refused_with_the_remedy(postgres_url: str) -> None:
    await execute(postgres_url, "update bide.version set version_num = '9999'")
    with pytest.raises(SchemaMismatch) as mismatch:
        await PostgresStore(postgres_url).open()
    assert f"bide migrate down --to {HEAD}" in (mismatch.value.hint or "")
    with pytest.raises(SchemaMismatch):
        await run.up(postgres_url)


async def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(StoreUnavailable) as away:
        await PostgresStore("postgresql://ann:secret@127.0.0.1:1/jobs").open()
    assert "secret" not in str(away.value)


async def test_a_schema_of_another_name_is_apart(postgres_url: str, store: PostgresStore) -> None:
    await run.up(postgres_url, schema="Other_1")
    other = PostgresStore(postgres_url, schema="Other_1")
    await other.open()
    job = await finish(other, await register(other))
    assert (await row(other, job)).id == job
    assert list(await store.get([job], None)) == []
    position = (await store.feed(-1, None)).position
    await enqueue(other)
    assert (await store.feed(-1, None)).position == position
    await other.close()
    first = {(kind, name) for kind, name, _ in await schema(postgres_url)}
    assert {(kind, name) for kind, name, _ in await schema(postgres_url, "Other_1")} == first
    await run.down(postgres_url, "base", "Other_1")
    assert {(kind, name) for kind, name, _ in await schema(postgres_url)} == first


def test_a_name_that_is_none_is_refused() -> None:
    for name in ("", "a b", 'a"b', "1a", "a.b", "a" * 61):
        with pytest.raises(InvalidOption):
            PostgresStore("postgresql://h/d", schema=name)


async def test_an_app_is_in_the_schema_of_its_settings(postgres_url: str) -> None:
    await run.up(postgres_url, schema="mine")
    bide = Bide(postgres_url, settings=Settings(database_schema="mine", pool_size=2))

    @bide.job
    async def double(ctx: object, n: int) -> int:
        return 2 * n

    async with bide.worker():
        job = await double.enqueue(21)
        assert await bide.result(job) == 42
    assert await execute(postgres_url, "select count(*) from mine.job") == [(1,)]


@pytest.mark.parametrize("name", ["bide", "jobs"])
async def test_what_a_host_would_generate_leaves_it_alone(nothing: str, name: str) -> None:
    """As `alembic check` of a host compares, with schemas included."""
    await run.up(nothing, schema=name)
    metadata = MetaData()
    users = Table("users", metadata, Column("id", Integer, primary_key=True))
    engine = create_engine(nothing.replace("postgresql://", "postgresql+psycopg://"))

    def difference(include: Any) -> list[Any]:
        with engine.connect() as connection:
            options = {"include_schemas": True, "include_name": include}
            found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
            return list(found)

    def everything(name: str | None, type_: str, parents: object) -> bool:
        return True

    def compare() -> tuple[list[Any], list[Any]]:
        users.create(engine)
        try:
            return difference(include_name_without(name)), difference(everything)
        finally:
            engine.dispose()

    clean, without = await asyncio.to_thread(compare)
    assert clean == []
    assert without, "a comparison that finds nothing anyway proves nothing"
    assert include_name(name, "schema", {}) is (name != "bide")
    assert include_name("users", "table", {})


async def test_a_revision_of_a_host_brings_it_up_and_down(
    nothing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one on the page for operators, by the host's own Alembic."""
    page = (Path(__file__).parents[3] / "docs" / "postgres.md").read_text()
    (revision,) = re.findall(r'^```\n("""The tables of Bide."""\n.+?)^```$', page, re.MULTILINE | re.DOTALL)
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "b1de.py").write_text(revision)
    (tmp_path / "env.py").write_text(
        "from alembic import context\n"
        "from sqlalchemy import create_engine\n\n"
        "engine = create_engine(context.config.get_main_option('sqlalchemy.url'))\n"
        "with engine.connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
        "engine.dispose()\n"
    )
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    config.set_main_option("sqlalchemy.url", nothing.replace("postgresql://", "postgresql+psycopg://"))
    monkeypatch.setenv("DATABASE_URL", nothing)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    await asyncio.to_thread(command.upgrade, config, "head")
    assert await run.status(nothing) == SchemaStatus(HEAD, HEAD)
    await asyncio.to_thread(command.downgrade, config, "base")
    assert await run.status(nothing) == SchemaStatus(None, HEAD)


async def test_a_migration_does_not_wait_for_a_lock_for_long(postgres_url: str) -> None:
    db = await connect(postgres_url)
    await db.execute("begin; lock table bide.job in access share mode")
    with pytest.raises(Exception, match="lock timeout"):
        await run.down(postgres_url, "base")
    await db.close()
    assert await run.status(postgres_url) == SchemaStatus(HEAD, HEAD)
