"""The first schema.

Revision ID: 0001
"""

from __future__ import annotations

from alembic import op

from bide.store.postgres.migrations import function, in_schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    # Given without gaps in time, not in number: see `ticket_v1`.
    "create sequence bide.event_pos",
    # `urgency` is what claims order by: the priority, until waiting too long lifts it. `rank` is the due time at
    # enqueue, or of the last retry. `ready` is kept apart from the status so that the index of claims holds nothing
    # that cannot be claimed. `continues`: the next claim goes on with the attempt, and spends none. Large payloads are
    # moved aside by the database itself. `progress_attempt` is the attempt that showed the progress: the next one
    # begins at nothing. `input_size`, in characters: to know how much a claim would carry must not mean to read it.
    # Half of each page is left free, so that new versions of a row stay on its page: progress touches no index then.
    """
    create table bide.job (
        id text collate "C" not null primary key,
        type text collate "C" not null,
        type_version integer not null,
        queue text collate "C" not null,
        priority integer not null,
        urgency integer not null,
        rank bigint not null,
        status text collate "C" not null
            check (status in ('pending', 'running', 'pending_hitl', 'completed', 'failed', 'cancelled')),
        ready boolean not null,
        continues boolean not null default false,
        reason text,
        due_at bigint,
        attempt integer not null default 0,
        max_attempts integer not null,
        lease bigint not null default 0,
        worker text collate "C",
        seq bigint not null,
        owner text collate "C" not null default '',
        input text not null,
        input_size integer not null,
        result text,
        error text,
        progress text,
        progress_attempt integer,
        timeout bigint,
        elapsed bigint not null default 0,
        created_at bigint not null,
        started_at bigint,
        claimed_at bigint,
        finished_at bigint,
        cancel_requested_at bigint,
        cancel_by text,
        cancel_reason text,
        idempotency_key text collate "C",
        digest text not null,
        parent text collate "C",
        forked_from text collate "C",
        labels text,
        lane text collate "C" not null default '',
        payload_codec text
    ) with (
        fillfactor = 50,
        autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_analyze_scale_factor = 0.05,
        autovacuum_vacuum_cost_limit = 2000
    )
    """,
    # What jobs are found by; their `labels` are what is shown. Most jobs have none.
    """
    create table bide.label (
        name text collate "C" not null,
        value text collate "C" not null,
        job text collate "C" not null,
        primary key (name, value, job)
    )
    """,
    # `batch` is the token of a repeated `note`.
    """
    create table bide.event (
        pos bigint not null default nextval('bide.event_pos') primary key,
        job text collate "C" not null,
        seq bigint not null,
        at bigint not null,
        kind text collate "C" not null,
        attempt integer not null,
        lease bigint not null,
        data text,
        batch bigint
    ) with (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_cost_limit = 2000)
    """,
    # `size`, in bytes, beside the result: to know it must not mean to read a result of megabytes.
    """
    create table bide.step (
        job text collate "C" not null,
        name text collate "C" not null,
        key text collate "C" not null,
        result text,
        error text,
        size integer not null,
        attempt integer not null,
        lease bigint not null,
        at bigint not null,
        primary key (job, name, key)
    )
    """,
    # `place` is the order in which questions of one moment were opened.
    """
    create table bide.prompt (
        id text collate "C" not null primary key,
        place bigint not null generated always as identity,
        job text collate "C" not null,
        owner text collate "C" not null,
        key text collate "C" not null,
        kind text not null,
        data text not null,
        schema text not null,
        status text collate "C" not null check (status in ('open', 'answered', 'expired', 'withdrawn')),
        assignee text,
        default_value text,
        opened_at bigint not null,
        deadline_at bigint,
        served_at bigint,
        closed_at bigint
    ) with (fillfactor = 80)
    """,
    """
    create table bide.response (
        prompt text collate "C" not null primary key,
        id text collate "C" not null unique,
        job text collate "C" not null,
        action text collate "C" not null check (action in ('answer', 'cancel')),
        value text,
        by text,
        at bigint not null,
        defaulted boolean not null
    )
    """,
    # What runs in a lane. It counts while its job runs under this very lease, so that nothing which ends a run needs to
    # know of it; and until `expires_at` as one that has started.
    """
    create table bide.permit (
        job text collate "C" not null,
        lease bigint not null,
        lane text collate "C" not null,
        at bigint not null,
        expires_at bigint not null,
        primary key (job, lease, lane)
    ) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500)
    """,
    # Where a claim has to look: lanes that are not full and in whose `queue` a job waits, as far as it is known, with
    # the first of them; only who holds the lane writes those. Without a queue: something has happened in the lane, and
    # nobody has looked yet. `opens_at` is when the rate lets the next one start.
    """
    create table bide.open_lane (
        lane text collate "C" not null,
        queue text collate "C" not null default '',
        type text collate "C" not null default '',
        urgency integer not null default 0,
        rank bigint not null default 0,
        opens_at bigint not null default 0
    ) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500)
    """,
    # Beats write it all the time: room for them on the page, and no index of what they change.
    """
    create table bide.worker (
        id text collate "C" not null primary key,
        host text not null,
        pid integer not null,
        queues text not null,
        slots integer not null,
        lease bigint not null,
        started_at bigint not null,
        beat bigint not null default 0,
        beat_at bigint not null,
        dead_at bigint
    ) with (fillfactor = 20, autovacuum_vacuum_threshold = 500)
    """,
)

INDEXES = (
    # Jobs of no lane have an empty one: they are one long lane.
    "create index job_claim on bide.job (lane, queue, urgency desc, rank, id) where status = 'pending' and ready",
    """
    create index job_due on bide.job (due_at)
        where due_at is not null and not ready and status in ('pending', 'pending_hitl')
    """,
    "create unique index job_key on bide.job (owner, idempotency_key) where idempotency_key is not null",
    # Of all jobs, on purpose: with a condition that says what runs, the planner takes it for settling too, and reads
    # every dead entry that the drain has left in it.
    "create index job_worker on bide.job (worker)",
    "create index job_finished on bide.job (finished_at) where finished_at is not null",
    # Not of those that each job passes: a drain writes nothing here.
    """
    create index job_status on bide.job (status, id)
        where status in ('pending_hitl', 'failed', 'cancelled')
    """,
    "create index job_owner on bide.job (owner, id) where owner <> ''",
    "create index label_job on bide.label (job)",
    "create index permit_lane on bide.permit (lane, at)",
    "create index permit_expires on bide.permit (expires_at)",
    "create index open_lane_order on bide.open_lane (queue, urgency desc, rank)",
    "create index open_lane_name on bide.open_lane (lane)",
    "create index open_lane_opens on bide.open_lane (opens_at) where opens_at > 0",
    "create unique index event_seq on bide.event (job, seq)",
    "create unique index prompt_key on bide.prompt (job, key) where status <> 'withdrawn'",
    "create index prompt_job on bide.prompt (job)",
    "create index prompt_open on bide.prompt (id) where status = 'open'",
    "create index prompt_owner on bide.prompt (owner, id) where status = 'open' and owner <> ''",
    "create index prompt_deadline on bide.prompt (deadline_at) where status = 'open' and deadline_at is not null",
)

FUNCTIONS = (
    "spread_v1",
    "ticket_v1",
    "horizon_v1",
    "changes_v1",
    "insert_job_v1",
    "insert_jobs_v1",
    "leave_v1",
    "room_v1",
    "enter_lanes_v1",
    "share_lanes_v1",
    "reopen_lanes_v1",
    "settle_claim_v1",
    "note_v1",
    "record_v1",
    "expire_v1",
    "held_v1",
)


def upgrade() -> None:
    schema = op.get_context().opts["version_table_schema"]
    for statement in (*TABLES, *INDEXES, *map(function, FUNCTIONS)):
        op.execute(in_schema(statement, schema))


def downgrade() -> None:
    schema = op.get_context().opts["version_table_schema"]
    for name in reversed(FUNCTIONS):
        op.execute(in_schema(f"drop function bide.{name}", schema))
    for table in ("open_lane", "permit", "worker", "response", "prompt", "step", "event", "label", "job"):
        op.execute(in_schema(f"drop table bide.{table}", schema))
    op.execute(in_schema("drop sequence bide.event_pos", schema))
