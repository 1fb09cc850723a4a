"""The kinds of question that the service adds to Bide's own: deep understanding, and the phases of test-driven work.

A kind is a `Prompt` with a name, what a person is shown, and the type of the answer. How each is shown and answered
over HTTP is in `service/`; nothing here knows of it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from bide import Decision, Prompt


class Understanding(BaseModel, frozen=True, extra="forbid"):
    """What a person tells when asked more deeply. All empty: they have nothing to add, and the work goes on."""

    action: Literal["proceed"] = "proceed"
    answer: str = ""
    problem: str = ""
    goals: list[str] = []

    @property
    def empty(self) -> bool:
        return not (self.answer.strip() or self.problem.strip() or any(goal.strip() for goal in self.goals))


@dataclass(frozen=True, kw_only=True)
class DeepUnderstanding(Prompt[Understanding]):
    """What is this for? Asked one question at a time, until enough is known. `readiness_score` is 0–1."""

    kind: ClassVar[str] = "deep_understanding"
    question: str
    research_performed: Sequence[str] = ()
    current_understanding: str = ""
    readiness_score: float = 0.0
    questions_asked: Sequence[str] = ()

    @property
    def answer_type(self) -> Any:
        return Understanding

    def data(self) -> dict[str, Any]:
        return asdict(self)

    def narrow(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {**schema, "required": ["action"]}  # nothing at all is no answer


_PROCEED: dict[str, Any] = {
    "type": "object",
    "properties": {"action": {"const": "proceed"}},
    "required": ["action"],
    "additionalProperties": False,
}
_REVISE: dict[str, Any] = {
    "type": "object",
    "properties": {"action": {"const": "revise"}, "feedback": {"type": "string"}},
    "required": ["action", "feedback"],
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True)
class _Phase(Prompt[Decision]):
    """A phase of test-driven work, to be agreed to or sent back."""

    def data(self) -> dict[str, Any]:
        return asdict(self)

    def narrow(self, schema: dict[str, Any]) -> dict[str, Any]:
        # In Python the action may be left out, being a default; on the wire an empty object must not agree.
        return {"type": "object", "oneOf": [_PROCEED, _REVISE]}


@dataclass(frozen=True, kw_only=True)
class TddRed(_Phase):
    """Are these the checks that the skill must pass? Asked before anything is written, so all of them fail."""

    kind: ClassVar[str] = "tdd_red"
    test_requirements: str
    acceptance_criteria: Sequence[str] = ()
    checklist_items: Sequence[str] = ()
    rationalizations_identified: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class TddGreen(_Phase):
    """Is this the least that makes the checks pass?"""

    kind: ClassVar[str] = "tdd_green"
    failing_test: str
    test_location: str = ""
    minimal_implementation_hint: str = ""
    phase: str = "green"


@dataclass(frozen=True, kw_only=True)
class TddRefactor(_Phase):
    """Is it good enough now that the checks pass, or should it be improved?"""

    kind: ClassVar[str] = "tdd_refactor"
    refactor_opportunities: Sequence[str] = ()
    code_smells: Sequence[str] = ()
    coverage_report: str = ""
    phase: str = "refactor"
