"""Databases of a server that tests are done with, for tests that come.

To copy a database takes much longer than to empty one, and longer than most tests. One that is not as it was but for
the rows in its tables is dropped: a test may do with its own what it likes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.errors import ObjectInUse
from psycopg.sql import SQL, Identifier

OFTEN = 50
"""How often one is used: what was deleted takes up room in tables and indexes."""

LARGE = 4 * 1024 * 1024
"""Bytes of tables and indexes above which one is not used again, for the same reason."""

# What describes the tables and functions, by the transactions that wrote it, and what a database may be told besides.
# Statistics would change plans. The version is a row like others, but not one to delete.
_SHAPE = """
select
    (select array[count(*), sum(xmin::text::bigint)] from pg_class where oid >= 16384),
    (select array[count(*), sum(xmin::text::bigint)] from pg_attribute where attrelid >= 16384),
    (select array[count(*), sum(xmin::text::bigint)] from pg_proc where oid >= 16384),
    (select array[count(*), sum(xmin::text::bigint)] from pg_trigger where oid >= 16384),
    (select array[count(*), sum(xmin::text::bigint)] from pg_constraint where oid >= 16384),
    (select array[count(*), sum(xmin::text::bigint)] from pg_namespace where oid >= 16384),
    (select array[count(*), sum(xmin::text::bigint)] from pg_type where oid >= 16384),
    (select count(*) from pg_statistic where starelid >= 16384),
    (select count(*) from pg_class where oid >= 16384 and relkind in ('r', 't') and reltuples > 0),
    (select count(*) from pg_publication),
    (select count(*) from pg_event_trigger),
    (select count(*) from pg_policy),
    (select count(*) from pg_default_acl),
    (select array[count(*), sum(xmin::text::bigint)] from bide.version),
    (
        select array[datconnlimit, datallowconn::integer, datdba::bigint, (
            select count(*) from pg_db_role_setting where setdatabase = pg_database.oid
        )]
        from pg_database where datname = current_database()
    )
"""

_EMPTY = """
do $$
declare
    one regclass;
begin
    for one in select oid from pg_class where relnamespace = 'bide'::regnamespace and relkind = 'r' loop
        if one <> 'bide.version'::regclass then
            execute format('delete from %s', one);
        end if;
    end loop;
    for one in select oid from pg_class where relnamespace = 'bide'::regnamespace and relkind = 'S' loop
        perform setval(one, 1, false);
    end loop;
end
$$
"""

# A table that a test made for itself; Bide has none there.
_CLEAR = """
do $$
declare
    one regclass;
begin
    for one in select oid from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' loop
        execute format('drop table %s cascade', one);
    end loop;
end
$$
"""

_SIZE = """
select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = 'bide'::regnamespace and relkind = 'r'
"""

_A_LITTLE = 0.002
"""Seconds: about what a connection takes to end. Where the server is asked to wait for it, it looks after 100 ms."""

_END = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"


class Spares:
    """Copies of one database, `pattern`, that nobody uses. `url` is where a database of this server is."""

    def __init__(self, pattern: str, url: Callable[[str], str]) -> None:
        self._url = url
        with psycopg.connect(url(pattern), autocommit=True) as db:
            self._shape = _shape_of(db)
        self._free: list[str] = []
        self._uses: dict[str, int] = {}
        self._kept: psycopg.Connection[Any] | None = None

    def _admin(self) -> psycopg.Connection[Any]:
        """A connection that is kept: to make one takes the server longer than all that is done by it. Tests end servers
        and connections."""
        if self._kept is not None:
            try:
                self._kept.execute("select")
            except psycopg.Error:
                self._kept.close()
                self._kept = None
        if self._kept is None:
            self._kept = psycopg.connect(self._url("postgres"), autocommit=True)
        return self._kept

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()

    def take(self, name: str) -> bool:
        """Whether there was one, which is called so from now on."""
        if not self._free:
            return False
        spare = self._free.pop()
        _rename(self._admin(), spare, name)
        self._uses[name] = self._uses.pop(spare)
        return True

    def give(self, name: str) -> None:
        """Nobody needs it any more."""
        uses = self._uses.pop(name, 0) + 1
        spare = f"spare_{name}"
        db = self._admin()
        # First of all nobody finds it any more who may still be at work.
        while True:
            # To rename one that is in use takes as long as the server waits in vain for it to be free: seconds.
            while db.execute(_END, [name]).rowcount:
                time.sleep(_A_LITTLE)
            try:
                _rename(db, name, spare)
            except ObjectInUse:
                continue
            break
        if uses < OFTEN and self._empty(spare):
            self._uses[spare] = uses
            self._free.append(spare)
        else:
            db.execute(SQL("drop database {} with (force)").format(Identifier(spare)))

    def _empty(self, name: str) -> bool:
        """Whether there is nothing in it now that was not in the pattern."""
        try:
            with psycopg.connect(self._url(name), autocommit=True) as db:
                db.execute(_CLEAR)
                if _shape_of(db) != self._shape or _size_of(db) > LARGE:
                    return False
                db.execute(_EMPTY)
        except psycopg.Error:
            return False  # there may be nothing left of it
        return True


def _shape_of(db: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
    return db.execute(_SHAPE).fetchone()


def _size_of(db: psycopg.Connection[Any]) -> int:
    row = db.execute(_SIZE).fetchone()
    assert row is not None
    return int(row[0])


def _rename(db: psycopg.Connection[Any], name: str, to: str) -> None:
    db.execute(SQL("alter database {} rename to {}").format(Identifier(name), Identifier(to)))
