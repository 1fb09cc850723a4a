"""Questions in every form that they come in: they are asked in one."""

import pytest

from bide import Option, Question
from examples.skills.questions import normalise, split_text


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("What is it for?", ["What is it for?"]),
        ("1. What is it for? 2. Who reads it?", ["What is it for?", "Who reads it?"]),
        ("1. What is it for?\n2. Who\n   reads it?", ["What is it for?", "Who reads it?"]),
        ("(1) First?\n(2) Second?", ["First?", "Second?"]),
        ("1) First? 2) Second?", ["First?", "Second?"]),
        ("Q1: First?\nQ2: Second?", ["First?", "Second?"]),
        ("First?\nSecond?", ["First?", "Second?"]),
        ("- First\n- Second", ["First", "Second"]),
        ("Before we begin, 1. First? 2. Second?", ["First?", "Second?"]),
        ("It takes 2. Is that fine?", ["It takes 2. Is that fine?"]),
        ("One thing\nover two lines?", ["One thing over two lines?"]),
        ("1. Only one?", ["Only one?"]),
        ("  ", []),
    ],
)
def test_one_text_holds_one_question_or_several(text: str, questions: list[str]) -> None:
    assert split_text(text) == questions
    assert normalise(text) == [Question(text=question) for question in questions]


def test_a_list_of_texts_is_a_question_each_without_its_own_number() -> None:
    assert [q.text for q in normalise(["1. What?", "- Who?", "", "Since 2019?"])] == ["What?", "Who?", "Since 2019?"]


def test_objects_are_read_by_each_of_the_names_their_fields_go_by() -> None:
    ours = {
        "text": "Which?",
        "options": [{"id": "a", "label": "A", "description": "the first"}, {"id": "b", "label": "B"}],
        "allows_multiple": True,
        "rationale": "Because.",
    }
    theirs = {
        "question": "Which?",
        "choices": [{"value": "a", "text": "A", "hint": "the first"}, {"value": "b", "name": "B"}],
        "multi_select": True,
        "why": "Because.",
    }
    expected = Question(
        text="Which?",
        options=[Option(id="a", label="A", description="the first"), Option(id="b", label="B")],
        allows_multiple=True,
        free_text=True,
        rationale="Because.",
    )
    assert normalise([ours]) == normalise(theirs) == normalise({"questions": [theirs]}) == [expected]


def test_options_may_be_texts_or_an_object_and_each_gets_an_id_of_its_own() -> None:
    (question,) = normalise({"text": "Which?", "options": ["As it is", "as it is!", 3]})
    assert [(o.id, o.label) for o in question.options or ()] == [
        ("as-it-is", "As it is"),
        ("as-it-is-2", "as it is!"),
        ("3", "3"),
    ]
    (question,) = normalise({"text": "Which?", "options": {"x": "Ex", "y": "Why"}})
    assert [(o.id, o.label) for o in question.options or ()] == [("x", "Ex"), ("y", "Why")]
    (question,) = normalise({"text": "Which?", "options": []})
    assert question == Question(text="Which?")


@pytest.mark.parametrize("raw", [None, 3, [], {}, [None, 4, {"rationale": "no question"}], {"questions": ""}])
def test_what_holds_no_question_gives_none(raw: object) -> None:
    assert normalise(raw) == []
