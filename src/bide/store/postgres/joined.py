"""Verbs in the transaction of a caller's. What is told of it is told by the database, when it commits."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from weakref import WeakSet

from bide.errors import UnusableConnection
from bide.store.base import Fact, Inserted, NewJob, StepRow
from bide.store.callers import SqlAlchemy, unsupported
from bide.store.postgres import running
from bide.store.postgres.callers import DRIVERS, Lent, has_begun, lend
from bide.store.postgres.database import Database, Tx
from bide.store.postgres.failures import code_of, translate
from bide.store.postgres.intake import inserting
from bide.store.postgres.sql import statement
from bide.store.postgres.wake import announcement

_IDENTITY = statement("identity")
_NOTIFY = statement("notify")

_WAITED = "55P03"
"""A lock was not to be had in time."""


class Joined:
    """`known` are connections that have been seen to be of this database."""

    def __init__(self, on: object, database: Database, schema: str, known: WeakSet[Any]) -> None:
        self._on = on
        self._session = SqlAlchemy.find(on)
        self._database = database
        self._schema = schema
        self._known = known
        if self._session is None and lend(on) is None:
            raise unsupported(on, DRIVERS)

    async def begin(self) -> None:
        if self._session is None:
            lent = await self._lent()
            await lent.begin()
        await self._in_transaction()

    async def insert(self, jobs: Sequence[NewJob]) -> Sequence[Inserted]:
        if not jobs:
            return []
        lent = await self._in_transaction()
        # Nothing but a key that another transaction holds is waited for.
        waits = any(job.idempotency_key is not None for job in jobs)
        async with self._writing(lent) as tx, _savepoint(lent) if waits else contextlib.nullcontext():
            return await inserting(jobs)(tx)

    async def record(self, job: str, lease: int, step: StepRow, data: str, facts: Sequence[Fact] = ()) -> None:
        async with self._writing(await self._in_transaction()) as tx:
            await running.hold(tx, job, lease)
            if facts:
                await running.noting()(tx, facts)
            await running.recording(tx, [running.Recording(job, lease, step, data)])

    async def commit(self) -> None:
        await (self._session or await self._lent()).commit()

    async def rollback(self) -> None:
        await (self._session or await self._lent()).rollback()

    @contextlib.asynccontextmanager
    async def _writing(self, lent: Lent) -> AsyncGenerator[Tx]:
        tx = self._database.within(lent)
        try:
            yield tx
            if tx.changed:
                # Once in a transaction, however much is written in it: the database leaves out what repeats.
                await tx.fetch(_NOTIFY, channel=self._schema, payload=announcement(ready=tx.ready))
        except Exception as error:
            if code_of(error) == _WAITED:
                raise translate(error, self._database.name) from error
            raise

    async def _in_transaction(self) -> Lent:
        lent = await self._lent()
        if not lent.in_transaction():
            raise UnusableConnection(
                "This connection is in no transaction: what is written on it would stand at once.",
                hint="Begin one first, `async with connection.transaction():` or `await bide.begin(connection)`; and"
                " not in autocommit.",
            )
        if lent.key not in self._known:
            query = _IDENTITY.within(self._schema)
            mine = await self._database.read(lambda tx: tx.fetch(_IDENTITY))
            if [tuple(row) for row in await lent.fetch(query)] != [tuple(row) for row in mine]:
                raise UnusableConnection(
                    f"This connection is not of {self._database.name}, where the jobs are.",
                    hint="One transaction is in one database: connect to that one, or enqueue without on=.",
                )
            self._known.add(lent.key)
        return lent

    async def _lent(self) -> Lent:
        connection = self._on if self._session is None else await self._session.connection(has_begun)
        lent = lend(connection)
        if lent is None:
            raise unsupported(connection, DRIVERS)
        if lent.closed:
            raise UnusableConnection("This connection cannot be used: it is closed.", hint="Hand in one that is open.")
        return lent


@contextlib.asynccontextmanager
async def _savepoint(lent: Lent) -> AsyncGenerator[None]:
    """What fails within does not end the caller's transaction."""
    await lent.fetch("savepoint bide")
    try:
        yield
    except BaseException:
        # Where even that fails, the connection is lost, and with it the transaction.
        with contextlib.suppress(Exception):
            await lent.fetch("rollback to savepoint bide")
            await lent.fetch("release savepoint bide")
        raise
    await lent.fetch("release savepoint bide")
