"""The schema: up, down, by whom, and what is refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from bide.errors import SchemaMismatch, StoreUnavailable
from bide.store.schema import SchemaStatus
from bide.store.sqlite import SQLiteStore, migrations
from bide.store.sqlite.migrations import HEAD, include_name, run
from bide.testing.contract.moves import enqueue, row


def schema(path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("select type, name, sql from sqlite_schema order by type, name").fetchall()


def restamp(path: Path, version: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update bide_version set version_num = ?", (version,))


def test_the_head_that_the_code_knows_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_up_down_and_up_again_is_where_it_was(path: Path) -> None:
    assert run.status(str(path)) == SchemaStatus(None, HEAD)
    assert not path.exists()
    assert run.up(str(path)) == SchemaStatus(HEAD, HEAD) == run.status(str(path))
    first = schema(path)
    assert run.up(str(path)) == SchemaStatus(HEAD, HEAD)
    assert schema(path) == first
    assert run.down(str(path), "base") == SchemaStatus(None, HEAD)
    assert [name for _, name, _ in schema(path) if not name.startswith(("sqlite_", "bide_version"))] == []
    run.up(str(path))
    assert schema(path) == first


async def test_every_table_bears_the_prefix_and_a_host_leaves_them_alone(path: Path, store: SQLiteStore) -> None:
    assert await enqueue(store)
    tables = [name for type_, name, _ in schema(path) if type_ == "table" and not name.startswith("sqlite_")]
    assert len(tables) == 11
    assert not any(include_name(name, "table", {}) for name in tables)
    assert include_name("users", "table", {})
    assert include_name(None, "schema", {})


async def test_the_tables_of_a_host_are_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("create table users (name text)")
        db.execute("insert into users values ('ann')")
    store = SQLiteStore(path)
    await store.open()
    await store.close()
    run.down(str(path), "base")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("select name from users").fetchall() == [("ann",)]


async def test_a_newer_database_is_refused_with_the_remedy(path: Path) -> None:
    run.up(str(path))
    restamp(path, "9999")
    before = schema(path)
    with pytest.raises(SchemaMismatch) as mismatch:
        await SQLiteStore(path).open()
    assert "9999" in str(mismatch.value)
    assert f"bide migrate down --to {HEAD}" in (mismatch.value.hint or "")
    with pytest.raises(SchemaMismatch):
        run.up(str(path))
    with pytest.raises(SchemaMismatch):
        run.down(str(path), "base")
    assert schema(path) == before
    assert run.status(str(path)) == SchemaStatus("9999", HEAD)


async def test_a_migration_that_fails_leaves_the_database_as_it_was(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("create table bide_worker (theirs)")  # stands in the way of the last table
    before = schema(path)
    with pytest.raises(StoreUnavailable):
        await SQLiteStore(path).open()
    assert schema(path) == before
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("drop table bide_worker")
    store = SQLiteStore(path)
    await store.open()
    assert await row(store, await enqueue(store))
    await store.close()


def test_a_store_at_head_loads_neither_alembic_nor_sqlalchemy(path: Path) -> None:
    run.up(str(path))
    code = (
        "import asyncio, sys\n"
        "from bide.store.sqlite import SQLiteStore\n"
        "async def main():\n"
        "    store = SQLiteStore(sys.argv[1])\n"
        "    await store.open()\n"
        "    await store.stats(None)\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
        "sys.exit(bool({'alembic', 'sqlalchemy', 'fastapi'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0


@pytest.mark.parametrize("name", ["a b%20c.db", "ünï.db", "?mode=ro.db"])
async def test_any_name_is_a_name_of_a_file(tmp_path: Path, name: str) -> None:
    store = SQLiteStore(tmp_path / name)
    await store.open()
    await enqueue(store)
    await store.close()
    assert (tmp_path / name).exists()
