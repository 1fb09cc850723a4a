"""What the service takes and what it sends. It sends every field, always: what is absent is null."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from bide import JobStatus
from examples.skills.questions import normalise
from examples.skills.taxonomy import Entry, skill_name

USER = "default"


def _check_category(category: str) -> str:
    for level in category.split("/"):
        skill_name(level)  # raises ValueError, which becomes the 422
    return category


def _check_questions(questions: JsonValue) -> JsonValue:
    if questions is not None and not normalise(questions):
        raise ValueError("there is no question in it")
    return questions


class CreateSkill(BaseModel):
    """A task to write a skill for. All but the description may be left out."""

    task_description: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=10_000)]
    user_id: str = Field(default=USER, min_length=1, max_length=200)
    package: str | None = Field(default=None, max_length=200, description="The installed package to read; empty: none.")
    category: Annotated[str, AfterValidator(_check_category), Field(max_length=200)] | None = Field(
        default=None, description="Where in the taxonomy, as `python/web`."
    )
    deep_understanding: bool | None = Field(
        default=None, description="Ask what it is for; by default if the task says so."
    )
    tdd: bool | None = Field(default=None, description="Agree on checks first; by default if the task says so.")
    questions: Annotated[JsonValue, AfterValidator(_check_questions)] = Field(
        default=None, description="What to ask first: a text with numbers, or a list of texts or objects."
    )


class Accepted(BaseModel):
    job_id: UUID
    status: Literal["accepted"] = "accepted"


class Answer(BaseModel):
    """An answer to the open question. Which fields count depends on its type."""

    model_config = ConfigDict(extra="allow")

    action: str | None = None
    feedback: str | None = None
    answers: JsonValue = None
    response: JsonValue = None
    answer: str | None = None
    problem: str | None = None
    goals: JsonValue = None
    prompt_id: UUID | None = Field(default=None, description="The question that is meant, as it was shown.")


class Answered(BaseModel):
    status: Literal["accepted", "ignored"]
    detail: str


class Promote(BaseModel):
    overwrite: bool = True
    delete_draft: bool = False
    force: bool = Field(default=False, description="Even if the job failed, or its checks did.")


class Promoted(BaseModel):
    job_id: UUID
    status: Literal["promoted"] = "promoted"
    final_path: str


class ActionKeywords(BaseModel):
    proceed: list[str]
    revise: list[str]
    cancel: list[str]


class HitlConfig(BaseModel):
    action_keywords: ActionKeywords


class Taxonomy(BaseModel):
    skills: list[Entry]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


class Failure(BaseModel):
    """Every error."""

    error: str
    request_id: str


class Flaw(BaseModel):
    path: str
    message: str


class InvalidRequest(Failure):
    details: list[Flaw]


# ── Questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


class OptionShown(BaseModel):
    id: str
    label: str
    description: str


class QuestionShown(BaseModel):
    text: str
    options: list[OptionShown] | None
    allows_multiple: bool
    rationale: str


class ClarifyData(BaseModel):
    questions: list[QuestionShown]
    rationale: str


class ConfirmData(BaseModel):
    summary: str
    path: str | None
    key_assumptions: list[str]
    rationale: str
    confidence: float | None


class PreviewData(BaseModel):
    content: str
    highlights: list[str]
    potential_issues: list[str]
    rationale: str


class ValidateData(BaseModel):
    report: str
    passed: bool
    skill_content: str | None
    saved_path: str | None
    validation_score: float | None


class DeepUnderstandingData(BaseModel):
    question: str
    research_performed: list[str]
    current_understanding: str
    readiness_score: float
    questions_asked: list[str]


class TddRedData(BaseModel):
    test_requirements: str
    acceptance_criteria: list[str]
    checklist_items: list[str]
    rationalizations_identified: list[str]


class TddGreenData(BaseModel):
    failing_test: str
    test_location: str
    minimal_implementation_hint: str
    phase: str


class TddRefactorData(BaseModel):
    refactor_opportunities: list[str]
    code_smells: list[str]
    coverage_report: str
    phase: str


PromptData = (
    ClarifyData
    | ConfirmData
    | PreviewData
    | ValidateData
    | DeepUnderstandingData
    | TddRedData
    | TddGreenData
    | TddRefactorData
)

HitlType = Literal[
    "clarify",
    "confirm",
    "preview",
    "validate",
    "deep_understanding",
    "tdd_red",
    "tdd_green",
    "tdd_refactor",
]

DATA: dict[str, type[BaseModel]] = {
    "clarify": ClarifyData,
    "confirm": ConfirmData,
    "preview": PreviewData,
    "validate": ValidateData,
    "deep_understanding": DeepUnderstandingData,
    "tdd_red": TddRedData,
    "tdd_green": TddGreenData,
    "tdd_refactor": TddRefactorData,
}
"""What of a question is shown, by its type."""


# ── Jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class DeepUnderstandingState(BaseModel):
    """What was found out about the purpose, so far."""

    complete: bool
    readiness_score: float
    questions_asked: list[str]
    research_performed: list[str]
    understanding_summary: str
    problem: str | None
    goals: list[str]


class TddWorkflow(BaseModel):
    """How far the test-driven work has come."""

    phase: Literal["red", "green", "refactor", "complete"]
    acceptance_criteria: list[str]
    checklist_items: list[str]
    rationalizations_identified: list[str]
    coverage_report: str | None


class JobState(BaseModel):
    """A job, as clients poll it."""

    job_id: UUID
    status: JobStatus
    hitl_type: HitlType | None
    hitl_data: PromptData | None
    hitl_response: dict[str, Any] | None
    result: dict[str, Any] | None
    error: str | None
    current_phase: str | None
    progress_message: str | None
    intended_taxonomy_path: str | None
    draft_path: str | None
    final_path: str | None
    saved_path: str | None
    promoted: bool
    validation_passed: bool | None
    validation_status: Literal["passed", "failed"] | None
    validation_score: float | None
    tdd_workflow: TddWorkflow | None
    deep_understanding: DeepUnderstandingState | None
    multi_skill_queue: list[str]
    current_skill_index: int
    task_description_refined: str | None
    created_at: datetime
    updated_at: datetime
    user_id: str
    user_context: dict[str, Any]


class PromptState(BaseModel):
    """The open question of a job, or what became of the job: one flat object."""

    job_id: UUID
    prompt_id: UUID | None
    status: JobStatus
    type: HitlType | None
    current_phase: str | None
    progress_message: str | None
    # clarify
    questions: list[QuestionShown] | None = None
    rationale: str | None = None
    # confirm
    summary: str | None = None
    path: str | None = None
    key_assumptions: list[str] | None = None
    confidence: float | None = None
    # preview
    content: str | None = None
    highlights: list[str] | None = None
    potential_issues: list[str] | None = None
    # validate
    report: str | None = None
    passed: bool | None = None
    skill_content: str | None = None
    # deep_understanding
    question: str | None = None
    research_performed: list[str] | None = None
    current_understanding: str | None = None
    readiness_score: float | None = None
    questions_asked: list[str] | None = None
    # tdd_red, tdd_green, tdd_refactor
    test_requirements: str | None = None
    acceptance_criteria: list[str] | None = None
    checklist_items: list[str] | None = None
    rationalizations_identified: list[str] | None = None
    failing_test: str | None = None
    test_location: str | None = None
    minimal_implementation_hint: str | None = None
    phase: str | None = None
    refactor_opportunities: list[str] | None = None
    code_smells: list[str] | None = None
    coverage_report: str | None = None
    # of the job
    intended_taxonomy_path: str | None = None
    draft_path: str | None = None
    final_path: str | None = None
    saved_path: str | None = None
    promoted: bool = False
    validation_passed: bool | None = None
    validation_status: Literal["passed", "failed"] | None = None
    validation_score: float | None = None
    error: str | None = None
