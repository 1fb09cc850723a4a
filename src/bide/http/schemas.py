"""What goes over the wire, apart from the nouns of Bide itself: it is what the OpenAPI document shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import core_schema

from bide.events import Event
from bide.hitl import PromptView
from bide.http.problems import Problem
from bide.job import JobError, JobStatus, Progress

T = TypeVar("T")

ReasonText = Annotated[str, Field(max_length=1_000)]
Id = Annotated[str, Field(max_length=100)]
Whole = Annotated[int, Field(strict=True)]
"""A number of JSON: neither its text nor true."""
Flag = Annotated[bool, Field(strict=True)]
Age = Annotated[
    str | Annotated[float, Field(strict=True)],
    Field(examples=["7d", "36h", 3600], description="A duration: `7d`, `36h`, or seconds."),
]


JOB = "01999f5e-3c1a-7b2d-9a4e-5f6071829304"
"""The id of one that is shown as an example."""


def shown(*examples: dict[str, Any]) -> ConfigDict:
    """What the document shows of a model."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Sent(BaseModel):
    """What a client sends: a mistyped field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Defaults are told in words: generators of clients demand a field that has one."""
        described = handler(schema)
        for part in handler.resolve_ref_schema(described).get("properties", {}).values():
            default = part.pop("default", None)
            if default not in (None, [], {}):
                told = f"By default {orjson.dumps(default).decode()}."
                part["description"] = f"{part['description']} {told}" if "description" in part else told
        return described


class JobSummary(BaseModel):
    """A job without its result."""

    # Examples of parts: FastAPI leaves out of the document what is null, and so no example of a whole job would fit.
    id: Annotated[UUID, Field(examples=[JOB])]
    type: Annotated[str, Field(examples=["greet"])]
    status: JobStatus
    reason: str | None
    queue: Annotated[str, Field(examples=["default"])]
    priority: int
    owner: Annotated[str, Field(examples=["ana"])]
    labels: Annotated[dict[str, str], Field(examples=[{"project": "p1"}])]
    attempt: int
    max_attempts: int
    progress: Progress
    error: JobError | None
    """`traceback` is for administrators."""
    created_at: datetime
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    parent: UUID | None
    forked_from: UUID | None
    seq: int
    """The number of its last event. Whatever can be seen here changes it."""


class JobView(JobSummary):
    """A job. `result` is what it returned, once its status is `completed`."""

    result: Annotated[Any, Field(examples=["Hello, Ana"])]


class NewJob(Sent):
    """A job to create. `input` holds the arguments of its type, by name."""

    model_config = shown({"type": "greet", "input": {"name": "Ana"}, "labels": {"project": "p1"}})

    type: Annotated[str, Field(min_length=1, max_length=200)]
    input: dict[str, Any] = {}
    queue: Annotated[str | None, Field(max_length=100)] = None
    priority: Annotated[Whole, Field(ge=-100, le=100)] | None = None
    delay: Age | None = None
    labels: dict[str, str] = {}
    owner: Id | None = None
    """Whose job it is: for administrators, who have no jobs of their own."""
    idempotency_key: Annotated[str | None, Field(min_length=1, max_length=255)] = None
    """In a batch; for a single job it is the header `Idempotency-Key`."""


class NewJobs(Sent):
    model_config = shown({"jobs": [{"type": "greet", "input": {"name": name}} for name in ("Ana", "Ben")]})

    jobs: Annotated[list[NewJob], Field(min_length=1)]


class Outcome(BaseModel):
    """What became of one item of a batch: the job, or the problem with it."""

    status: int
    job: JobSummary | None = None
    problem: Problem | None = None


class Outcomes(BaseModel):
    """In the order of what was sent."""

    items: list[Outcome]


class Cancelled(Outcomes):
    """In the order of the `ids`, each once; for those that match, newest first."""

    more: bool
    """Whether there are further jobs that match: send it again."""


class Page(BaseModel, Generic[T]):
    """Newest first; `next_cursor` is None on the last page."""

    items: list[T]
    next_cursor: str | None


class History(BaseModel):
    """Events in order; `next_after` is where the next page begins, None at the end."""

    items: list[Event]
    next_after: int | None


class Cancel(Sent):
    model_config = shown({"reason": "It was sent by mistake."})

    reason: ReasonText | None = None


class CancelMany(Sent):
    """Which jobs: these, or those that match, at most 1,000 at once; unfinished ones only."""

    model_config = shown({"ids": [JOB]}, {"types": ["greet"], "labels": {"project": "p1"}, "reason": "All of it."})

    ids: Annotated[list[UUID], Field(max_length=200)] | None = None
    types: Annotated[list[str], Field(max_length=50)] = []
    queues: Annotated[list[str], Field(max_length=50)] = []
    labels: Annotated[dict[str, str], Field(max_length=16)] = {}
    reason: ReasonText | None = None


class Fork(Sent):
    """`after`: keep the steps and answers recorded up to this event; by default all of them."""

    model_config = shown({"after": 3})

    after: Annotated[Whole, Field(ge=0)] | None = None


class Answer(Sent):
    """A response: what the question's own schema asks for, or `{"action": "cancel"}`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"action": "proceed"}, {"action": "revise", "feedback": "Shorter, please."}]},
    )


class HitlAnswer(Answer):
    """As `Answer`. `prompt_id` guards against answering another question than the one that was shown."""

    prompt_id: UUID | None = None


class HitlPrompt(BaseModel):
    """The oldest open question of a job, and the ids of all of them."""

    job_id: UUID
    status: JobStatus
    progress: Progress
    prompt: PromptView | None
    open: list[UUID]


class Prompts(BaseModel):
    """Oldest first; `next_cursor` is None on the last page."""

    items: list[PromptView]
    next_cursor: str | None


class Cleanup(Sent):
    """Which finished jobs to delete for good."""

    model_config = shown({"older_than": "30d", "statuses": ["completed"], "dry_run": True})

    older_than: Age
    statuses: list[Literal["completed", "failed", "cancelled"]] = ["completed", "failed", "cancelled"]
    dry_run: Flag = False


class Cleaned(BaseModel):
    deleted: int
    """With `dry_run`: how many it would be."""
    dry_run: bool


class CleanupStats(BaseModel):
    total: int
    by_status: dict[str, int]
    oldest: dict[str, AwareDatetime]
    """The first end of a job, for each terminal status."""
    cleanable: dict[str, int]
    """How many finished jobs are older than `7d`, and than `30d`."""


class StatsView(BaseModel):
    by_status: dict[str, int]
    ready: int
    """Jobs that wait for nothing but a worker."""
    open_prompts: int
    oldest: dict[str, AwareDatetime]
    """The first end of a job, for each terminal status."""


class JobTypeView(BaseModel):
    """A type that may be created by its name. The schemas are JSON Schema 2020-12."""

    name: str
    version: int
    queue: str
    description: str
    input: dict[str, Any]
    result: dict[str, Any]


class JobTypes(BaseModel):
    items: list[JobTypeView]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


class Readiness(BaseModel):
    status: Literal["ready"] = "ready"
