"""Every legal move of a job, as data. The diagram in ARCHITECTURE.md is made from this table."""

from __future__ import annotations

from bide.events import EventKind as E
from bide.job import JobStatus as S

TRANSITIONS: dict[tuple[S | None, E], S] = {
    (None, E.ENQUEUED): S.PENDING,
    (S.PENDING, E.STARTED): S.RUNNING,
    (S.PENDING, E.CANCELLED): S.CANCELLED,
    (S.RUNNING, E.COMPLETED): S.COMPLETED,
    (S.RUNNING, E.FAILED): S.FAILED,
    (S.RUNNING, E.CANCELLED): S.CANCELLED,
    (S.RUNNING, E.RETRYING): S.PENDING,
    (S.RUNNING, E.RELEASED): S.PENDING,
    (S.RUNNING, E.RESCUED): S.PENDING,
    (S.RUNNING, E.SLEEPING): S.PENDING,
    (S.RUNNING, E.WAITING): S.PENDING_HITL,
    # Answered or expired before the run had ended: it goes straight back to the queue.
    (S.RUNNING, E.RESUMED): S.PENDING,
    (S.PENDING_HITL, E.RESUMED): S.PENDING,
    (S.PENDING_HITL, E.CANCELLED): S.CANCELLED,
    # A sleeping job that is told of an answer it also waited for becomes due at once.
    (S.PENDING, E.RESUMED): S.PENDING,
}

EDGES: frozenset[E] = frozenset(kind for _, kind in TRANSITIONS)
"""The event kinds that move a job; all others leave its status alone."""


def follow(status: S | None, kind: str) -> S | None:
    """The status after an event of this kind. Raises KeyError where the move is not legal."""
    if kind not in EDGES:
        return status
    return TRANSITIONS[status, E(kind)]


def mermaid() -> str:
    """The state diagram, in Mermaid's stateDiagram-v2 syntax."""
    lines = ["stateDiagram-v2"]
    for (before, kind), after in TRANSITIONS.items():
        lines.append(f"    {before.value if before else '[*]'} --> {after.value}: {kind.value.removeprefix('job.')}")
    lines += [f"    {status.value} --> [*]" for status in S if status.terminal]
    return "\n".join(lines)
