"""Durable jobs in PostgreSQL, in a schema of their own, shared by any number of processes on any hosts."""

from __future__ import annotations

from bide.store.postgres.migrations import include_name
from bide.store.postgres.store import PostgresStore

__all__ = ["PostgresStore", "include_name"]
