"""The part that measures Bide on PostgreSQL, beside bare asyncpg loops."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench import machine, report
from bench.measure import Size, Topic, run
from bench.postgres import drain, enqueue, latency, reads
from bench.postgres.database import Database
from bench.postgres.server import Server
from bench.report import Part, Section

TITLE = "PostgreSQL"


def topics(size: Size) -> Sequence[Topic[Database]]:
    return [drain.topic(size), enqueue.topic(size), latency.topic(size), reads.topic(size)]


def describe(server: Server, root: Path | None, rounds: int) -> dict[str, str]:
    """Where it is measured, with the version and the settings of the server."""
    settings = server.settings()
    versions = f"PostgreSQL {settings.pop('server_version')}, asyncpg {version('asyncpg')}"
    return {
        **machine.describe(root, rounds=rounds, versions=versions),
        "server": ", ".join(f"{name}={value}" for name, value in settings.items()) + ", all defaults; a Unix socket",
    }


def measure(size: Size, root: Path | None) -> Section:
    with Server(root) as server:
        where = describe(server, root, size.rounds)
        tables = [report.table(topic, run(topic, size.rounds, server.database)) for topic in topics(size)]
    return Section(TITLE, where, tables)


POSTGRES_PART = Part(TITLE, measure)
