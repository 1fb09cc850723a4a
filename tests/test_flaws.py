"""What an answer lacks, in words for who gave it, at the place where it belongs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from bide import Clarify, Confirm, Form, Option, Prompt, Question
from bide.codec import codec_for, encode
from bide.errors import InvalidResponse
from bide.respond import Forms, read_response
from bide.store.base import PromptRow


def row_of(schema: str) -> PromptRow:
    return PromptRow(
        id="", job="", owner="", key="k", kind="form", data="{}", schema=schema, status="open", assignee=None,
        default=None, opened_at=0, deadline_at=None, served_at=None, closed_at=None, response=None,
    )  # fmt: skip


def flaws_in(schema: str, answer: dict[str, Any], *models: type[BaseModel]) -> list[tuple[str, str]]:
    forms = Forms()
    forms.add(models)
    with pytest.raises(InvalidResponse) as refused:
        read_response(row_of(schema), answer, forms)
    return [(flaw["path"], flaw["message"]) for flaw in refused.value.errors]


def flaws(prompt: Prompt[Any], answer: dict[str, Any]) -> list[tuple[str, str]]:
    return flaws_in(encode(prompt.narrow(codec_for(prompt.answer_type).schema())), answer)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"action": "revise"}, [("/feedback", "is required")]),
        ({"action": "revise", "feedback": 5}, [("/feedback", "is not of the type string")]),
        ({"action": "proceed", "feedback": "x"}, [("/feedback", "is not known here")]),
        ({"action": "maybe"}, [("/action", 'is none of "proceed", "revise"')]),
        ({"action": None}, [("/action", 'is none of "proceed", "revise"')]),
        ({}, [("/action", "is required")]),
        ({"answers": {}}, [("/action", "is required"), ("/answers", "is not known here")]),
    ],
    ids=str,
)
def test_a_decision_is_read_by_its_action(answer: dict[str, Any], told: list[tuple[str, str]]) -> None:
    assert flaws(Confirm(summary=""), answer) == told


TEAS = [Option(id="green", label="Green"), Option(id="black", label="Black")]
CLARIFY = Clarify("Why?", Question(text="Which?", options=TEAS, allows_multiple=True))


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"q0": "", "q1": "red"}, [("/answers/q0", "is empty"), ("/answers/q1", 'is none of "green", "black"')]),
        ({"q0": "x", "q1": ["green", "red"]}, [("/answers/q1/1", 'is none of "green", "black"')]),
        ({"q0": "x", "q1": []}, [("/answers/q1", "has fewer than 1 item")]),
        ({"q0": "x", "q1": ["green", "green"]}, [("/answers/q1", "holds an item twice")]),
        (
            {"q2": "x"},
            [("/answers/q0", "is required"), ("/answers/q1", "is required"), ("/answers/q2", "is not known here")],
        ),
    ],
    ids=str,
)
def test_each_question_is_answered_for_itself(answers: dict[str, Any], told: list[tuple[str, str]]) -> None:
    assert flaws(CLARIFY, {"answers": answers}) == told


class Cat(BaseModel, extra="forbid"):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=1, le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    says: Annotated[str, Field(max_length=5)]


class House(BaseModel):
    model_config = ConfigDict(title="A house")

    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Dog(kind="dog", says="woof")
    guest: Cat | None = None
    rooms: Annotated[int, Field(ge=3)] | Annotated[list[str], Field(max_length=1)] = 3
    numbers: dict[str, int] = {}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"pet": {"kind": "cat", "lives": 10}}, [("/pet/lives", "is more than 9")]),
        ({"pet": {"kind": "dog"}}, [("/pet/says", "is required")]),
        ({"pet": {"kind": "dog", "says": "wuff wuff"}}, [("/pet/says", "is longer than 5 characters")]),
        ({"pet": {"kind": "cow"}}, [("/pet/kind", 'is none of "cat", "dog"')]),
        ({"pet": {}}, [("/pet/kind", "is required")]),
        ({"pet": "cat"}, [("/pet", "is not of the type object")]),
        ({"guest": {"kind": "cat", "lives": 0}}, [("/guest/lives", "is less than 1")]),
        ({"guest": 5}, [("/guest", "is not of the type object or null")]),
        ({"rooms": 1}, [("/rooms", "is less than 3")]),
        ({"rooms": ["a", 1]}, [("/rooms/1", "is not of the type string"), ("/rooms", "has more than 1 item")]),
        ({"rooms": "x"}, [("/rooms", "is not of the type integer or array")]),
        ({"numbers": {"a/b": "x"}}, [("/numbers/a~1b", "is not of the type integer")]),
    ],
    ids=str,
)
def test_a_choice_is_followed_into_the_branch_that_was_meant(
    answer: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    assert sorted(flaws(Form(House), answer)) == sorted(told)


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"const": "a"}, "b", 'is not "a"'),
        ({"enum": ["x" * 500]}, "b", 'is not "' + "x" * 191 + "…"),
        ({"minLength": 2}, "b", "is shorter than 2 characters"),
        ({"pattern": "^a$"}, "b", "does not match the pattern ^a$"),
        ({"format": "date"}, "b", "is not a valid date"),
        ({"exclusiveMinimum": 1}, 1, "is not more than 1"),
        ({"exclusiveMaximum": 1}, 1, "is not less than 1"),
        ({"multipleOf": 2}, 1, "is no multiple of 2"),
        ({"minProperties": 1}, {}, "has fewer than 1 field"),
        ({"maxProperties": 1}, {"a": 1, "b": 1}, "has more than 1 field"),
        ({"not": {}}, "secret", "is not taken here"),
        ({"anyOf": [False]}, "secret", "is not taken here"),
        ({"anyOf": [False, {"maxLength": 1}]}, "secret", "is longer than 1 character"),
        ({"oneOf": [{"type": "string"}, {"minLength": 1}]}, "secret", "is not taken here"),
        ({"anyOf": [{"minLength": 9}, {"pattern": "^a$"}]}, "secret", "fits none of what is taken here"),
        (
            {"patternProperties": {"^a": {}}, "additionalProperties": False},
            {"b": 1},
            "holds a field that is not known here",
        ),
    ],
)
def test_what_is_taken_is_said_and_the_value_is_not(schema: Any, value: Any, message: str) -> None:
    told = flaws_in(encode({"properties": {"it": schema}}), {"it": value})
    assert told == [("/it", message)]


def test_no_more_is_listed_than_somebody_reads() -> None:
    schema = encode({"additionalProperties": {"type": "string"}})
    assert len(flaws_in(schema, {f"n{n}": n for n in range(1_000)})) == 20


class Even(BaseModel):
    kind: Literal["even"]
    n: int

    @field_validator("n")
    @classmethod
    def _even(cls, n: int) -> int:
        if n % 2:
            raise ValueError("must be even")
        return n


class Numbers(BaseModel):
    one: Annotated[Even | Dog, Field(discriminator="kind")]


def test_what_only_the_model_refuses_has_its_place_in_the_answer_too() -> None:
    schema = encode(Numbers.model_json_schema())
    told = flaws_in(schema, {"one": {"kind": "even", "n": 3}}, Numbers)
    assert told == [("/one/n", "Value error, must be even")]
