"""Where a case on PostgreSQL is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Database:
    """What a case is measured in: a database with the tables of Bide and nothing in them, and an empty folder."""

    url: str
    folder: Path

    @property
    def marks(self) -> Path:
        """Where jobs tell when they ran."""
        return self.folder / "marks"
