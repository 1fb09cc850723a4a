"""What the hot and the frequent statements read: an index, not a table; and every SQL file is used."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from bide.store.sqlite.migrations import run
from bide.store.sqlite.sql import statement

FOLDER = Path(str(resources.files("bide.store.sqlite")))
NAMES = sorted(path.stem for path in FOLDER.glob("*.sql"))

# Which statement must be driven by which index. The names are those of the schema; an `autoindex` is of a primary key.
DRIVEN = {
    "pick": "COVERING INDEX bide_job_claim (lane=? AND queue=?)",
    "stirred_lanes": "COVERING INDEX bide_job_claim (lane=?)",
    "open_lanes": "INDEX bide_open_lane_order (queue=?)",
    "open_lane": "COVERING INDEX bide_job_claim (lane=? AND queue>?)",
    "room": "INDEX bide_permit_lane (lane=? AND at>?)",
    "freed": "PRIMARY KEY (job=? AND lease=?)",
    "holding": "PRIMARY KEY (job=?)",
    "forget_permits": "INDEX bide_permit_expires (expires_at<?)",
    "forget_queues": "INDEX bide_open_lane_opens (opens_at>? AND opens_at<?)",
    "forget_permits_of": "INDEX bide_permit_lane (lane=?)",
    "due": "INDEX bide_job_due (due_at>? AND due_at<?)",
    "past_deadline": "INDEX bide_prompt_deadline (deadline_at>? AND deadline_at<?)",
    "abandoned": "INDEX bide_job_worker",
    "timed": "INDEX bide_job_worker",
    "held": "INDEX bide_job_worker (worker=?)",
    "cancels": "INDEX bide_job_worker (worker=?)",
    "prune": "INDEX bide_job_finished (finished_at>? AND finished_at<?)",
    "count_prunable": "INDEX bide_job_finished (finished_at>? AND finished_at<?)",
    "list_jobs": "INDEX sqlite_autoindex_bide_job_1 (id<?)",
    "list_status": "INDEX bide_job_status (status=? AND id<?)",
    "list_owned": "INDEX bide_job_owner (owner=? AND id<?)",
    "list_labelled": "PRIMARY KEY (name=? AND value=? AND job<?)",
    "delete_labels": "INDEX bide_label_job (job=?)",
    "feed": "INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    "fork_recorded": "INDEX bide_event_seq (job=?)",
    "fork_answers": "INDEX bide_prompt_job (job=?)",
    "emitters": "INDEX bide_event_seq (job=?)",
    "history": "INDEX bide_event_seq (job=? AND seq>?)",
    "ended": "INDEX bide_event_seq (job=?)",
    "changed": "INTEGER PRIMARY KEY (rowid>?)",
    "prompt": "INDEX sqlite_autoindex_bide_prompt_1 (id=?)",
    "prompts_of_job": "INDEX bide_prompt_job (job=?)",
    "last_closed": "INDEX bide_prompt_job (job=?)",
    "answered_by": "INDEX sqlite_autoindex_bide_prompt_1 (id=?)",
    "open_prompts": "INDEX bide_prompt_job (job=?)",
    "inbox": "INDEX bide_prompt_open (id>?)",
    "inbox_owned": "INDEX bide_prompt_owner (owner=? AND id>?)",
    "count_open": "INDEX bide_prompt_open",
    "stats_owned": "INDEX bide_job_owner (owner=?)",
    "count_open_owned": "INDEX bide_prompt_owner (owner=?)",
    "key_of": "INDEX bide_job_key (owner=? AND idempotency_key=?)",
    "response": "INDEX sqlite_autoindex_bide_response_",
    "steps": "INDEX sqlite_autoindex_bide_step_1 (job=?)",
}

SORTS = {
    "stats_owned",
    "prompts",
    "prompts_of_job",
    "last_closed",
    "open_prompts",
    "expired_prompts",
    "shown",
    "recall_prompts",
    "workers",
}
"""Those few that may sort what they have found."""

SCANS = {"stats", "orphans", "count_open", "prompts", "worker_rows", "workers", "forget_workers", "promote", "hold"}
"""Those few that may read a whole table or index: of administration, of tables that are small, or where false."""


FIRST_ROW = {"worker_alive", "freed"}
"""Those that ask whether a table has any row."""


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Generator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("plans") / "jobs.db"
    run.up(str(path))
    with closing(sqlite3.connect(path)) as db:
        yield db


def plan(db: sqlite3.Connection, name: str) -> list[str]:
    sql = statement(name)
    parameters = dict.fromkeys(re.findall(r"(?<![:\w]):(\w+)", re.sub(r"--.*", "", sql)))
    return [row[3] for row in db.execute(f"explain query plan {sql}", parameters)]


@pytest.mark.parametrize("name", DRIVEN)
def test_the_index_meant_for_it_is_used(db: sqlite3.Connection, name: str) -> None:
    steps = plan(db, name)
    assert any(DRIVEN[name] in step for step in steps), steps


def is_whole(name: str) -> bool:
    """Whether a file is one statement, rather than a part of some, or several that have files of their own."""
    return name not in {"job_row", "listed_row", "prompt_row", "step_row", "prunable", "list_filter", "turn"}


@pytest.mark.parametrize("name", [name for name in NAMES if is_whole(name) and name not in SCANS])
def test_no_other_statement_reads_a_whole_table(db: sqlite3.Connection, name: str) -> None:
    """What is given as JSON is read whole, what a limited query found, and what there is little of: workers, and what
    runs under them."""
    allowed: tuple[str, ...] = (
        "json_each",
        "SCAN s",
        "SCAN picked",
        "SCAN (subquery",
        "bide_job_worker",
        "CONSTANT ROW",
        "sqlite_sequence",
        "SCAN bide_worker",
        "SCAN waits",
    )
    scans = [step for step in plan(db, name) if step.startswith("SCAN")]
    if name in FIRST_ROW:
        allowed = (*allowed, "bide_permit", "bide_open_lane")
    assert [step for step in scans if not any(part in step for part in allowed)] == []


@pytest.mark.parametrize("name", [name for name in NAMES if is_whole(name) and name not in SORTS])
def test_no_other_statement_sorts(db: sqlite3.Connection, name: str) -> None:
    assert [step for step in plan(db, name) if "B-TREE FOR ORDER BY" in step] == []


def test_every_file_is_used() -> None:
    code = "\n".join(path.read_text() for path in FOLDER.glob("*.py"))
    used = set(re.findall(r'(?:statement|Procedure)\(f?"(\w+)"\)', code))
    used |= {f"delete_{what}" for what in re.findall(r'"(\w+)"', code[code.index("delete_{what}") :].split("]")[0])}
    included = {part for name in NAMES for part in re.findall(r"\{\{(\w+)\}\}", (FOLDER / f"{name}.sql").read_text())}
    assert set(NAMES) == used | included
