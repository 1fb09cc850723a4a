"""Who is measured, with which settings: those that its documentation recommends, or its best where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Peer:
    """`driver`: its module, and its requirements. `left`: how many jobs have not ended, as the store says; `{count}` is
    how many there were. `drained`, `ends`: how many jobs are drained, and awaited to the end; fewer where it is slow.
    `keeps`: what is there of a job that completed. `alone`: only the drain, since the rest is that of another line.
    """

    name: str
    driver: str
    settings: str
    keeps: str
    left: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    drained: int = 20_000
    picked_up: int = 200
    ends: int = 100
    alone: bool = False
    python: tuple[int, int] = (3, 11)
    file: str | None = None
    """The SQLite database, in the folder of the task; else it is PostgreSQL's."""

    @property
    def is_ours(self) -> bool:
        return self.driver == "bide"


OURS = Peer(
    name="Bide",
    driver="bide",
    settings="1,000 slots, so that a turn is as large as the largest batch of the others; no uvloop",
    keeps="row, result, history",
    left="select count(*) from bide.job where finished_at is null",
    options={"slots": 1_000},
)

OURS_BY_DEFAULT = replace(
    OURS, name="Bide, its default", settings="200 slots; no uvloop", options={"slots": 200}, alone=True
)


def _pgqueuer(batch: int, note: str = "", *, alone: bool = True) -> Peer:
    return Peer(
        name=f"pgqueuer, batch {batch}",
        driver="pgqueuer",
        settings=f"batch_size={batch}{note}, uvloop",
        keeps="log, no result",
        left="select count(*) from pgqueuer",
        options={"batch": batch},
        alone=alone,
    )


PEERS = (
    _pgqueuer(500),
    _pgqueuer(100, alone=False),
    _pgqueuer(10, " (its default)"),
    Peer(
        name="awa",
        driver="awa",
        settings="500 slots, COPY for many, queue_storage engine, uvloop; a drain without its last acknowledgements",
        keeps="row, no result",
        # Its own counts take minutes after so many have come at once.
        left="select 0",
        options={"slots": 500},
    ),
    Peer(
        name="Oban",
        driver="oban",
        settings="50 slots, pool of 4 to 20, uvloop",
        keeps="row, no result",
        left="select count(*) from oban_jobs where state in ('available', 'executing')",
        options={"slots": 50},
        drained=10_000,
        python=(3, 12),
    ),
    Peer(
        name="Procrastinate",
        driver="procrastinate",
        settings="concurrency=20, listen_notify, delete_jobs=never, pool of 4 to 20, uvloop",
        keeps="row, events, no result",
        left="select count(*) from procrastinate_jobs where status in ('todo', 'doing')",
        options={"slots": 20},
        drained=5_000,
    ),
    Peer(
        name="SAQ (PostgreSQL)",
        driver="saq",
        settings="concurrency=20, pool of 4 to 20, uvloop",
        keeps="result for 10 min",
        left="select count(*) from saq_jobs where status in ('queued', 'active')",
        options={"slots": 20},
        drained=5_000,
        ends=20,
    ),
    Peer(
        name="DBOS",
        driver="dbos",
        settings="polling_interval_sec=1 (its default), no limit of a worker",
        keeps="row, result",
        left="select count(*) from dbos.workflow_status where status in ('ENQUEUED', 'PENDING')",
        options={"poll": 1.0},
        drained=2_000,
        picked_up=20,
        ends=20,
    ),
    Peer(
        name="FlexiQ (PostgreSQL)",
        driver="flexiq",
        settings="workers=100, scheduler_batch_size=100, polls every 5 ms",
        keeps="row, result",
        left="select count(*) from flexiq.jobs where status in (0, 1)",
        options={"slots": 100},
        drained=5_000,
        picked_up=50,
        ends=50,
    ),
    Peer(
        name="Huey (SQLite)",
        driver="huey",
        settings="WAL, synchronous=FULL (fsync=True), 4 threads; blocking calls",
        keeps="result until it is read",
        left="select {count} - count(*) from kv",
        options={"slots": 4},
        drained=5_000,
        file="queue.db",
    ),
)
