"""The first schema.

Revision ID: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    # `urgency` is what claims order by: the priority, until waiting too long lifts it. `rank` is the due time at
    # enqueue, or of the last retry. `ready` is kept apart from the status so that the index of claims holds nothing
    # that cannot be claimed. `continues`: the next claim goes on with the attempt, and spends none. Payloads over 1 kB
    # are in bide_payload, so that a write of progress does not copy them. `progress_attempt` is the attempt that showed
    # the progress: the next one begins at nothing. `input_size` is that of an input that lives apart, in characters: to
    # know how much a claim would carry must not mean to read it.
    """
    create table bide_job (
        id text not null primary key,
        type text not null,
        type_version integer not null,
        queue text not null,
        priority integer not null,
        urgency integer not null,
        rank integer not null,
        status text not null
            check (status in ('pending', 'running', 'pending_hitl', 'completed', 'failed', 'cancelled')),
        ready integer not null check (ready in (0, 1)),
        continues integer not null default 0 check (continues in (0, 1)),
        reason text,
        due_at integer,
        attempt integer not null default 0,
        max_attempts integer not null,
        lease integer not null default 0,
        worker text,
        seq integer not null,
        owner text not null default '',
        input text,
        input_size integer not null default 0,
        result text,
        error text,
        progress text,
        progress_attempt integer,
        timeout integer,
        elapsed integer not null default 0,
        created_at integer not null,
        started_at integer,
        claimed_at integer,
        finished_at integer,
        cancel_requested_at integer,
        cancel_by text,
        cancel_reason text,
        idempotency_key text,
        digest text not null,
        parent text,
        forked_from text,
        labels text,
        lane text not null default '',
        payload_codec text
    ) strict
    """,
    """
    create table bide_payload (
        job text not null,
        slot text not null check (slot in ('input', 'result')),
        body text not null,
        primary key (job, slot)
    ) strict
    """,
    # What jobs are found by; their `labels` are what is shown. Most jobs have none.
    """
    create table bide_label (
        name text not null,
        value text not null,
        job text not null,
        primary key (name, value, job)
    ) strict, without rowid
    """,
    # What runs in a lane. It counts while its job runs under this very lease, so that nothing which ends a run needs to
    # know of it; and until `expires_at` as one that has started.
    """
    create table bide_permit (
        job text not null,
        lease integer not null,
        lane text not null,
        at integer not null,
        expires_at integer not null,
        primary key (job, lease, lane)
    ) strict, without rowid
    """,
    # Where a claim has to look: lanes that are not full and in whose `queue` a job waits, as far as it is known, with
    # the first of them. Without a queue: something has happened in the lane, and nobody has looked yet. `opens_at` is
    # when the rate lets the next one start.
    """
    create table bide_open_lane (
        lane text not null,
        queue text not null default '',
        type text not null default '',
        urgency integer not null default 0,
        rank integer not null default 0,
        opens_at integer not null default 0,
        primary key (lane, queue)
    ) strict, without rowid
    """,
    # AUTOINCREMENT: a position is never given twice, though the newest events may be deleted.
    """
    create table bide_event (
        pos integer not null primary key autoincrement,
        job text not null,
        seq integer not null,
        at integer not null,
        kind text not null,
        attempt integer not null,
        lease integer not null,
        data text
    ) strict
    """,
    # `size`, in bytes, beside the result: to know it must not mean to read a result of megabytes.
    """
    create table bide_step (
        job text not null,
        name text not null,
        key text not null,
        result text,
        error text,
        size integer not null,
        attempt integer not null,
        lease integer not null,
        at integer not null,
        primary key (job, name, key)
    ) strict
    """,
    """
    create table bide_prompt (
        id text not null primary key,
        job text not null,
        owner text not null,
        key text not null,
        kind text not null,
        data text not null,
        schema text not null,
        status text not null check (status in ('open', 'answered', 'expired', 'withdrawn')),
        assignee text,
        default_value text,
        opened_at integer not null,
        deadline_at integer,
        served_at integer,
        closed_at integer
    ) strict
    """,
    """
    create table bide_response (
        prompt text not null primary key,
        id text not null unique,
        job text not null,
        action text not null check (action in ('answer', 'cancel')),
        value text,
        by text,
        at integer not null,
        defaulted integer not null check (defaulted in (0, 1))
    ) strict
    """,
    """
    create table bide_worker (
        id text not null primary key,
        host text not null,
        pid integer not null,
        queues text not null,
        slots integer not null,
        lease integer not null,
        started_at integer not null,
        beat integer not null default 0,
        beat_at integer not null,
        dead_at integer
    ) strict
    """,
)

INDEXES = (
    # Jobs of no lane have an empty one: they are one long lane. With all that a pick asks for, so that jobs of types
    # unknown to a worker are passed over without a look at their rows. That takes the two columns of the condition as
    # well: engines before 3.41 look at the row to check what the index implies.
    """
    create index bide_job_claim
        on bide_job (lane, queue, urgency desc, rank, id, type, type_version, input_size, status, ready)
        where status = 'pending' and ready = 1
    """,
    """
    create index bide_job_due on bide_job (due_at)
        where due_at is not null and ready = 0 and status in ('pending', 'pending_hitl')
    """,
    "create unique index bide_job_key on bide_job (owner, idempotency_key) where idempotency_key is not null",
    # Not `where status = 'running'`: measured, that index halves a drain.
    "create index bide_job_worker on bide_job (worker) where worker is not null",
    "create index bide_job_finished on bide_job (finished_at) where finished_at is not null",
    # Not of those that each job passes: a drain writes nothing here.
    """
    create index bide_job_status on bide_job (status, id)
        where status in ('pending_hitl', 'failed', 'cancelled')
    """,
    "create index bide_job_owner on bide_job (owner, id) where owner <> ''",
    "create index bide_label_job on bide_label (job)",
    "create index bide_permit_lane on bide_permit (lane, at)",
    "create index bide_permit_expires on bide_permit (expires_at)",
    "create index bide_open_lane_order on bide_open_lane (queue, urgency desc, rank)",
    "create index bide_open_lane_opens on bide_open_lane (opens_at) where opens_at > 0",
    "create unique index bide_event_seq on bide_event (job, seq)",
    "create unique index bide_prompt_key on bide_prompt (job, key) where status <> 'withdrawn'",
    "create index bide_prompt_job on bide_prompt (job)",
    "create index bide_prompt_open on bide_prompt (id) where status = 'open'",
    "create index bide_prompt_owner on bide_prompt (owner, id) where status = 'open' and owner <> ''",
    "create index bide_prompt_deadline on bide_prompt (deadline_at) where status = 'open' and deadline_at is not null",
)


def upgrade() -> None:
    for statement in (*TABLES, *INDEXES):
        op.execute(statement)


def downgrade() -> None:
    for table in ("open_lane", "permit", "worker", "response", "prompt", "step", "event", "payload", "label", "job"):
        op.execute(f"drop table bide_{table}")
