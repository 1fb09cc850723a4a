"""Each shape in which a client answers, as Bide's strict answer; what means nothing is refused with its place."""

from typing import Any

import pytest

from bide import Answers, Clarify, Confirm, Preview, Prompt, Validate
from bide.codec import codec_for, encode
from bide.respond import Forms, read_response
from bide.store.base import PromptRow
from examples.skills.answers import ACTION_KEYWORDS, DECISIONS, UNANSWERED, UnreadableAnswer, read_answer
from examples.skills.prompts import DeepUnderstanding, TddGreen, TddRed, TddRefactor
from examples.skills.questions import normalise

ONE: Prompt[Answers] = Clarify("What is it for?")
TWO: Prompt[Answers] = Clarify(
    *normalise(
        [
            {
                "text": "Which?",
                "options": [{"id": "a", "label": "Apples"}, {"id": "b", "label": "Pears"}],
                "multiple": True,
            },
            "Who reads it?",
        ]
    )
)
SINGLE: Prompt[Answers] = Clarify(*normalise({"text": "Which?", "options": ["Red", "Blue"]}))
DECIDED: dict[str, Prompt[Any]] = {
    "confirm": Confirm(summary=""),
    "preview": Preview(content=""),
    "validate": Validate(report="", passed=True),
    "tdd_red": TddRed(test_requirements=""),
    "tdd_green": TddGreen(failing_test=""),
    "tdd_refactor": TddRefactor(),
}
DEEP = DeepUnderstanding(question="Why?")


def read(prompt: Prompt[Any], body: dict[str, Any]) -> dict[str, Any]:
    """The answer, which the prompt's own schema takes."""
    answer = read_answer(prompt.kind, prompt.data(), body)
    schema = encode(prompt.narrow(codec_for(prompt.answer_type).schema()))
    row = PromptRow(
        id="", job="", owner="", key="k", kind=prompt.kind, data="{}", schema=schema, status="open", assignee=None,
        default=None, opened_at=0, deadline_at=None, served_at=None, closed_at=None, response=None,
    )  # fmt: skip
    action, value = read_response(row, answer, Forms())
    assert (action == "cancel") == (value is None) == (answer == {"action": "cancel"})
    return answer


def refused(prompt: Prompt[Any], body: dict[str, Any]) -> str:
    with pytest.raises(UnreadableAnswer) as error:
        read_answer(prompt.kind, prompt.data(), body)
    return error.value.path


# ── Actions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", sorted(DECISIONS))
def test_every_keyword_means_its_action_at_every_decision(kind: str) -> None:
    prompt = DECIDED[kind]
    for word in ACTION_KEYWORDS["proceed"]:
        assert read(prompt, {"action": word}) == {"action": "proceed"}
    for word in (*ACTION_KEYWORDS["revise"], "refine", " Refine "):
        assert read(prompt, {"action": word, "feedback": " more "}) == {"action": "revise", "feedback": "more"}
    for word in (*ACTION_KEYWORDS["cancel"], "CANCEL"):
        assert read(prompt, {"action": word}) == {"action": "cancel"}


@pytest.mark.parametrize("kind", sorted(DECISIONS))
def test_what_is_no_action_is_refused_and_approves_nothing(kind: str) -> None:
    prompt = DECIDED[kind]
    assert refused(prompt, {}) == "/action"
    assert refused(prompt, {"action": "maybe"}) == "/action"
    assert refused(prompt, {"action": ""}) == "/action"
    assert refused(prompt, {"action": ["yes"]}) == "/action"
    assert refused(prompt, {"feedback": "yes"}) == "/action"
    assert refused(prompt, {"action": "revise", "feedback": {"no": "text"}}) == "/feedback"


def test_only_what_may_be_skipped_can_be_skipped() -> None:
    assert read(DECIDED["tdd_refactor"], {"action": "skip"}) == {"action": "proceed"}
    assert read(DEEP, {"action": "skip"}) == {"action": "proceed", "answer": "", "problem": "", "goals": []}
    for kind in sorted(DECISIONS - {"tdd_refactor"}):
        assert refused(DECIDED[kind], {"action": "skip"}) == "/action"


def test_revising_without_feedback_is_revising() -> None:
    assert read(DECIDED["preview"], {"action": "refine", "feedback": None}) == {"action": "revise", "feedback": ""}


def test_a_decision_may_come_in_the_layers_of_an_answer() -> None:
    assert read(DECIDED["confirm"], {"answers": {"response": "yes"}}) == {"action": "proceed"}
    assert read(DECIDED["confirm"], {"response": "No"}) == {"action": "cancel"}
    assert refused(DECIDED["confirm"], {"answers": {"response": "do it differently"}}) == "/answers/response"


@pytest.mark.parametrize("prompt", [ONE, DEEP, *DECIDED.values()], ids=lambda prompt: prompt.kind)
def test_every_question_can_be_cancelled(prompt: Prompt[Any]) -> None:
    assert read(prompt, {"action": "cancel"}) == {"action": "cancel"}


# ── Clarify ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        {"answers": {"response": "tea"}},
        {"answers": {"response": {"q0": "tea"}}},
        {"answers": {"response": {"answers": {"0": "tea"}}}},
        {"answers": {"response": {"What is it for?": "tea"}}},
        {"answers": {"response": ["tea"]}},
        {"answers": {"q0": "tea"}},
        {"answers": "tea"},
        {"response": "tea"},
    ],
    ids=str,
)
def test_one_question_is_answered_in_each_shape(body: dict[str, Any]) -> None:
    assert read(ONE, body) == {"answers": {"q0": "tea"}, "summary": ""}


@pytest.mark.parametrize(
    ("response", "answers"),
    [
        ({"q0": ["a", "b"], "q1": "Ana"}, {"q0": ["a", "b"], "q1": "Ana"}),
        ({"answers": {"0": ["a"], "1": "Ana"}}, {"q0": ["a"], "q1": "Ana"}),
        ({"q0": "Apples", "q1": "Ana"}, {"q0": "a", "q1": "Ana"}),
        ({"q0": "apples, PEARS", "q1": "Ana"}, {"q0": ["a", "b"], "q1": "Ana"}),
        ({"q0": "apples, mostly", "q1": "Ana"}, {"q0": "apples, mostly", "q1": "Ana"}),
        ({"q0": ["b", "something of my own"], "q1": "Ana"}, {"q0": ["b", "something of my own"], "q1": "Ana"}),
        ({"q0": {"selected": ["a"], "other": "and nuts"}, "q1": "Ana"}, {"q0": ["a", "and nuts"], "q1": "Ana"}),
        ({"which": ["b"], "Who reads it?": "Ana"}, {"q0": ["b"], "q1": "Ana"}),
        (["a", "Ana"], {"q0": "a", "q1": "Ana"}),
        ("1. pears\n2. Ana", {"q0": "b", "q1": "Ana"}),
        ("1. pears 2. Ana", {"q0": "b", "q1": "Ana"}),
        ("pears\nAna", {"q0": "b", "q1": "Ana"}),
        ("whatever you like", {"q0": "whatever you like", "q1": "whatever you like"}),
        ({"q1": "Ana"}, {"q0": UNANSWERED, "q1": "Ana"}),
    ],
    ids=str,
)
def test_several_questions_are_answered_in_each_shape(response: object, answers: dict[str, Any]) -> None:
    assert read(TWO, {"answers": {"response": response}})["answers"] == answers


def test_a_summary_is_kept_and_stands_for_what_was_left_out() -> None:
    given = {"answers": {"response": {"answers": {"0": ["a"]}, "summary": "Apples, for anybody."}}}
    assert read(TWO, given) == {
        "answers": {"q0": ["a"], "q1": "Apples, for anybody."},
        "summary": "Apples, for anybody.",
    }
    assert read(ONE, {"answers": {"response": {"q0": "x", "summary": "s"}}}) == {"answers": {"q0": "x"}, "summary": "s"}


def test_of_one_choice_a_list_is_unpacked() -> None:
    assert read(SINGLE, {"answers": {"response": {"q0": ["Blue"]}}})["answers"] == {"q0": "blue"}


def test_a_word_that_is_an_action_elsewhere_is_an_answer_here() -> None:
    assert read(ONE, {"answers": {"response": "no"}})["answers"] == {"q0": "no"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/answers"),
        ({"action": "proceed"}, "/answers"),
        ({"answers": {"response": ""}}, "/answers/response"),
        ({"answers": {}}, "/answers"),
        ({"answers": {"response": {"q0": ""}}}, "/answers/response"),
        ({"answers": {"response": {"q7": "x"}}}, "/answers/response/q7"),
        ({"answers": {"response": {"why": "x"}}}, "/answers/response/why"),
        ({"answers": {"response": {"q0": {"nested": {}}}}}, "/answers/response/q0"),
        ({"answers": {"response": ["a", "b", "c"]}}, "/answers/response"),
        ({"answers": {"response": 7}}, "/answers/response"),
        ({"action": "sing"}, "/action"),
    ],
    ids=str,
)
def test_what_answers_nothing_is_refused_with_its_place(body: dict[str, Any], path: str) -> None:
    assert refused(TWO, body) == path


# ── Deep understanding ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_understood_deeply_is_told_in_several_ways() -> None:
    whole = {"action": "proceed", "answer": "So.", "problem": "This.", "goals": ["one", "two"]}
    assert read(DEEP, whole) == whole
    assert read(DEEP, {**whole, "action": "ok"}) == whole
    assert read(DEEP, {**whole, "action": None, "goals": "one; two\n"}) == whole
    assert read(DEEP, {"answers": {"response": "So."}}) == {**whole, "problem": "", "goals": []}
    assert read(DEEP, {"answers": {"problem": "This.", "goals": ["one", "two"], "answer": "So."}}) == whole
    assert read(DEEP, {"action": "proceed"}) == {"action": "proceed", "answer": "", "problem": "", "goals": []}


def test_nothing_at_all_is_no_understanding() -> None:
    assert refused(DEEP, {}) == ""
    assert refused(DEEP, {"action": "revise", "feedback": "x"}) == "/action"
    assert refused(DEEP, {"action": "proceed", "goals": 3}) == "/goals"
    assert refused(DEEP, {"action": "proceed", "goals": [{}]}) == "/goals/0"


def test_an_unknown_kind_is_answered_as_it_was_asked() -> None:
    assert read_answer("form", {}, {"street": "Gasse 1", "city": None}) == {"street": "Gasse 1"}
