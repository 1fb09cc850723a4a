"""Durable jobs in one SQLite file, shared by any number of processes on one host."""

from __future__ import annotations

from bide.store.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
