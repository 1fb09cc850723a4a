"""Questions to people: the prompt kinds, and the answers they take.

A `Prompt[A]` is asked with `ctx.ask(key, prompt)` and comes back as an `A`. What is stored is its kind, its data (what
a person is shown) and the JSON schema its answer must fit, so any process can validate a response without the code that
asked. On any prompt a person may also *cancel*: that cancels the job and never returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, NoReturn, TypeAlias, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

A = TypeVar("A")
M = TypeVar("M", bound=BaseModel)


class _Choice(BaseModel, frozen=True, extra="forbid"):
    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"A decision has no truth value: {type(self).__name__} is truthy either way. Match it: "
            "`match decision: case Proceed(): … case Revise(feedback=f): …`"
        )


class Proceed(_Choice, frozen=True):
    """Go on."""

    action: Literal["proceed"] = "proceed"


class Revise(_Choice, frozen=True):
    """Do it again, with this feedback."""

    action: Literal["revise"] = "revise"
    feedback: str


Decision: TypeAlias = Proceed | Revise
"""Match it. A person's *cancel* cancels the job and never returns."""


class Answers(BaseModel, frozen=True, extra="forbid"):
    """The answers to a `Clarify`: question n is `answers["q<n>"]`, a text or, where several are allowed, a list."""

    answers: dict[str, str | list[str]]
    summary: str = ""


class Prompt(Generic[A]):
    """A question whose answer is an `A`. Invariant in `A`, so that `default=` cannot widen it."""

    kind: ClassVar[str]

    @property
    def answer_type(self) -> Any:
        """The annotation that an answer is validated and decoded by."""
        return Decision

    def data(self) -> dict[str, Any]:
        """What a person is shown, as JSON types."""
        raise NotImplementedError(f"{type(self).__name__} is not a prompt kind: it has no data()")

    def narrow(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema of the answer type, made stricter by what this very prompt offers."""
        return schema


_DECISION_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"properties": {"action": {"const": "proceed"}}, "required": ["action"], "additionalProperties": False},
        {
            "properties": {"action": {"const": "revise"}, "feedback": {"type": "string"}},
            "required": ["action", "feedback"],
            "additionalProperties": False,
        },
    ],
    "type": "object",
}


@dataclass(frozen=True, kw_only=True)
class _Decided(Prompt[Decision]):
    def data(self) -> dict[str, Any]:
        return asdict(self)

    def narrow(self, schema: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - replaces it
        # Pydantic's schema lets `action` be left out, as in Python; on the wire an empty object must not approve.
        return _DECISION_SCHEMA


@dataclass(frozen=True, kw_only=True)
class Confirm(_Decided):
    """Is this what you want? Asked before the work, with what was understood."""

    kind: ClassVar[str] = "confirm"
    summary: str
    path: str | None = None
    key_assumptions: Sequence[str] = ()
    rationale: str = ""
    confidence: float | None = None


@dataclass(frozen=True, kw_only=True)
class Preview(_Decided):
    """Is this result good? `content` is Markdown."""

    kind: ClassVar[str] = "preview"
    content: str
    highlights: Sequence[str] = ()
    potential_issues: Sequence[str] = ()
    rationale: str = ""


@dataclass(frozen=True, kw_only=True)
class Validate(_Decided):
    """These checks were run: accept the outcome? `score` is 0–1."""

    kind: ClassVar[str] = "validate"
    report: str
    passed: bool
    content: str | None = None
    path: str | None = None
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Option:
    id: str
    label: str
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of a `Clarify`. With `options` an answer is one of their ids (several with `allows_multiple`),
    or any text where `free_text` is set too; without options it is any text."""

    text: str
    options: Sequence[Option] | None = None
    allows_multiple: bool = False
    free_text: bool = False
    rationale: str = ""

    def schema(self) -> dict[str, Any]:
        one: dict[str, Any] = {"type": "string", "minLength": 1}
        if self.options and not self.free_text:
            one = {"enum": [option.id for option in self.options]}
        if self.allows_multiple:
            return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "uniqueItems": True}]}
        return one


@dataclass(frozen=True, init=False)
class Clarify(Prompt[Answers]):
    """What exactly do you mean? One or more questions, answered together."""

    kind: ClassVar[str] = "clarify"
    questions: Sequence[Question]
    rationale: str

    def __init__(self, *questions: str | Question, rationale: str = "") -> None:
        if not questions:
            raise ValueError("Clarify needs at least one question")
        asked = tuple(Question(text=q) if isinstance(q, str) else q for q in questions)
        object.__setattr__(self, "questions", asked)
        object.__setattr__(self, "rationale", rationale)

    @property
    def answer_type(self) -> Any:
        return Answers

    def data(self) -> dict[str, Any]:
        return asdict(self)

    def narrow(self, schema: dict[str, Any]) -> dict[str, Any]:
        asked = {f"q{n}": question.schema() for n, question in enumerate(self.questions)}
        answers = {"type": "object", "properties": asked, "required": list(asked), "additionalProperties": False}
        return {**schema, "properties": {**schema["properties"], "answers": answers}}


@dataclass(frozen=True, init=False)
class Form(Prompt[M]):
    """Any Pydantic model, as a form. `initial` fills it in; the answer is an `M`."""

    kind: ClassVar[str] = "form"
    model: type[M]
    title: str
    initial: M | None

    def __init__(self, model: type[M], /, *, title: str = "", initial: M | None = None) -> None:
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "initial", initial)

    @property
    def answer_type(self) -> Any:
        return self.model

    def data(self) -> dict[str, Any]:
        initial = self.initial.model_dump(mode="json", by_alias=True) if self.initial is not None else None
        return {"title": self.title or self.model.__name__, "initial": initial}


@dataclass(frozen=True)
class Callback(Prompt[M]):
    """What `ctx.wait_for` opens: a machine answers, through the prompt's address."""

    kind: ClassVar[str] = "callback"
    model: type[M]

    @property
    def answer_type(self) -> Any:
        return self.model

    def data(self) -> dict[str, Any]:
        return {}


class Response(BaseModel, frozen=True):
    """Who answered a prompt, and when. `defaulted`: nobody did, and the deadline's default was taken."""

    by: str | None
    at: datetime
    defaulted: bool


PromptStatus: TypeAlias = Literal["open", "answered", "expired", "withdrawn"]


class PromptView(BaseModel, frozen=True, populate_by_name=True):
    """A prompt as a person sees it. `schema_` (in JSON: `schema`) is what an answer must fit."""

    id: UUID
    job_id: UUID
    key: str
    kind: str
    data: dict[str, Any]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    status: PromptStatus | str
    """Readers accept statuses that only a newer version of Bide knows."""
    assignee: str | None = None
    deadline_at: datetime | None = None
    opened_at: datetime
    response: Any = None
    answer: Response | None = None


class Receipt(BaseModel, frozen=True):
    """What was recorded for an accepted response. The same response sent again gets the same receipt."""

    prompt_id: UUID
    job_id: UUID
    action: Literal["answer", "cancel"]
    value: Any = None
    by: str | None
    at: datetime
