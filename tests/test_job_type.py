"""How a job is enqueued: the options of a job type."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from bide import Bide, JobContext
from bide.errors import InvalidArguments, InvalidOption, InvalidPayload
from bide.job_type import JobType


@pytest.fixture
def bide() -> Bide[None]:
    return Bide("sqlite:///unused.db")


def test_options_add_up(bide: Bide[None]) -> None:
    @bide.job
    async def send(ctx: JobContext, to: str) -> None: ...

    owned = send.options(owner="ana", priority=5, delay="1m", idempotency_key="k", queue="mail")
    call = owned.options(priority=0, delay=timedelta(0)).call("ben")
    assert (call.options.owner, call.options.idempotency_key, call.options.queue) == ("ana", "k", "mail")
    assert (call.options.priority, call.options.delay) == (0, 0.0)
    assert send.call("ben").options.owner is None
    assert send.options(owner="é" * 255).call("ben").options.owner == "é" * 255
    with pytest.raises(InvalidOption, match="256 characters") as refused:
        send.options(owner="é" * 256)
    assert refused.value.hint


def test_labels_add_up_by_their_names(bide: Bide[None]) -> None:
    @bide.job
    async def send(ctx: JobContext) -> None: ...

    first = send.options(labels={"project": "p1", "stage": "draft"})
    assert first.options(labels={"stage": "final"}).call().options.labels == {"project": "p1", "stage": "final"}
    assert first.options(priority=1, labels={}).call().options.labels == {"project": "p1", "stage": "draft"}
    assert send.call().options.labels == {}
    assert send.options(labels={"a.b/c_d-e": "", "n" * 63: "ü " * 100}).call().options.labels


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"": "a"}, "name of a label"),
        ({"n" * 64: "a"}, "name of a label"),
        ({"a b": "a"}, "name of a label"),
        ({"ä": "a"}, "name of a label"),
        ({"a\n": "a"}, "name of a label"),
        ({1: "a"}, "name of a label"),
        ({"a": "v" * 201}, "200 printable characters"),
        ({"a": "two\nlines"}, "200 printable characters"),
        ({"a": "\ud800"}, "200 printable characters"),
        ({"a": 1}, "200 printable characters"),
        ({str(n): "a" for n in range(17)}, "at most 16"),
    ],
)
def test_a_label_that_no_job_can_have_is_refused(bide: Bide[None], labels: dict[str, str], told: str) -> None:
    @bide.job
    async def send(ctx: JobContext) -> None: ...

    with pytest.raises(InvalidOption, match=told):
        send.options(labels=labels)


def test_there_are_sixteen_labels_however_they_are_given(bide: Bide[None]) -> None:
    @bide.job
    async def send(ctx: JobContext) -> None: ...

    full = send.options(labels={str(n): "a" for n in range(16)})
    assert full.options(labels={"0": "b"}).call().options.labels["0"] == "b"
    with pytest.raises(InvalidOption, match="17 labels"):
        full.options(labels={"16": "a"})


def test_a_call_is_checked_when_it_is_made(bide: Bide[None]) -> None:
    @bide.job
    async def send(ctx: JobContext, to: str, times: int = 1) -> None: ...

    with pytest.raises(InvalidArguments, match="missing a required argument: 'to'"):
        send.call()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    with pytest.raises(InvalidPayload, match="times"):
        send.call("ana", times="often")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("priority", [-101, 101, 1.5, 5.0])
def test_a_priority_is_a_whole_number_within_bounds(bide: Bide[None], priority: int) -> None:
    @bide.job
    async def send(ctx: JobContext) -> None: ...

    with pytest.raises(InvalidOption, match="priority"):
        send.options(priority=priority)


class Urgency(int, Enum):
    HIGH = 7


async def test_a_priority_may_be_a_member_of_an_enumeration(database: str) -> None:
    bide = Bide[None](database)

    @bide.job
    async def send(ctx: JobContext) -> None: ...

    async with bide:
        urgent = send.options(priority=Urgency.HIGH)
        jobs = [await urgent.enqueue(), *await bide.enqueue_many([urgent.call(), urgent.call()])]
        assert {(await bide.get(job)).priority for job in jobs} == {7}


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((1, "a", None, 2.0), '{"count":1,"to":"a","note":null,"weight":2.0}'),
        ((1, "null", "\\u0000", 0.5), '{"count":1,"to":"null","note":"\\\\u0000","weight":0.5}'),
        ((2**63 - 1, "ü", [1], 1), '{"count":9223372036854775807,"to":"ü","note":[1],"weight":1.0}'),
    ],
)
def test_arguments_are_kept_as_json_by_name(bide: Bide[None], args: tuple[Any, ...], text: str) -> None:
    @bide.job
    async def send(ctx: JobContext, count: int, to: str, note: Any, weight: float) -> None: ...

    assert send.call(*args).input == text


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ((2**63, "a", None, 1.0), "$.count"),
        ((1, "\0", None, 1.0), "$.to"),
        ((1, "\ud800", None, 1.0), "$.to"),
        ((1, "a", math.nan, 1.0), "$.note"),
        ((1, "a", None, math.inf), "$.weight"),
        (("1", "a", None, 1.0), "$.count"),
        ((1, b"a", None, 1.0), "$.to"),
        ((1, "a", {"b": [b"c"]}, 1.0), "$.note.b[0]"),
    ],
)
def test_arguments_that_json_cannot_keep_are_refused_by_name(
    bide: Bide[None], args: tuple[Any, ...], path: str
) -> None:
    @bide.job
    async def send(ctx: JobContext, count: int, to: str, note: Any, weight: float) -> None: ...

    with pytest.raises(InvalidPayload) as refused:
        send.call(*args)
    assert refused.value.path == path


def test_arguments_that_are_many_may_be_none(bide: Bide[None]) -> None:
    @bide.job
    async def send(ctx: JobContext, to: str, *copies: str, urgent: bool = False) -> None: ...

    assert send.call("ana").input == '{"to":"ana"}'
    assert send.definition.input.decode('{"to":"ana"}') == (["ana"], {})
    text = send.call("ana", "ben", "cleo", urgent=True).input
    assert send.definition.input.decode(text) == (["ana", "ben", "cleo"], {"urgent": True})


# ── Arguments that came as JSON ──────────────────────────────────────────────────────────────────────────────────────


class Tone(Enum):
    WARM = "warm"
    DRY = "dry"


class Address(BaseModel):
    street: str
    post_code: int = Field(alias="postCode")
    since: datetime | None = None


@dataclass
class Size:
    width: int
    height: int = 1


UNTOLD = object()


class Odd(BaseModel):
    kept: Any = UNTOLD


@pytest.fixture
def letter(bide: Bide[None]) -> JobType[..., Address]:
    @bide.job
    async def letter(
        ctx: JobContext,
        to: Address,
        pages: int,
        weight: float = 1,
        tone: Tone = Tone.WARM,
        size: Size = Size(2),  # noqa: B008 - never changed
        note: Any = UNTOLD,
        *copies: UUID,
        patience: timedelta = timedelta(hours=1),
        choice: int | list[int] | None = None,
    ) -> Address:
        return to

    return letter


WHOLE: dict[str, Any] = {
    "to": {"street": "Gasse 1", "postCode": 3000, "since": "2030-01-01T00:00:00Z"},
    "pages": 3,
    "weight": 2,
    "tone": "dry",
    "size": {"width": 3, "height": 4},
    "note": {"a": [None]},
    "copies": ["01a2116b-ed3a-75c4-ad28-e2ea2f540fc3"],
    "patience": "PT2H",
    "choice": [1, 2],
}


def test_json_makes_the_call_that_python_makes(letter: JobType[..., Address]) -> None:
    to = Address(street="Gasse 1", postCode=3000, since=datetime(2030, 1, 1, tzinfo=UTC))
    positional = (to, 3, 2.0, Tone.DRY, Size(3, 4), {"a": [None]}, UUID(WHOLE["copies"][0]))
    called = letter.call(*positional, patience=timedelta(hours=2), choice=[1, 2])
    assert letter.call_json(WHOLE).input == called.input
    least = {"pages": 1, "to": {"street": "", "postCode": 1}}
    assert letter.call_json(least).input == letter.call(Address(street="", postCode=1), 1).input
    labelled = letter.options(labels={"a": "1"}).call_json(least)
    assert (labelled.job_type.name, labelled.options.labels) == ("letter", {"a": "1"})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "missing arguments 'to', 'pages'."),
        ({"to": {}, "page": 1}, "missing argument 'pages' and unknown argument 'page'."),
        ({"to": {}, "pages": 1, "a": 1, "ctx": 2}, "unknown arguments 'a', 'ctx'."),
        ({"to": {}, "pages": 1, "copies": [1]}, "missing arguments 'weight', 'tone', 'size', 'note'."),
    ],
)
def test_missing_and_unknown_arguments_are_named(
    letter: JobType[..., Address], given: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidArguments) as refused:
        letter.call_json(given)
    assert refused.value.message == told
    assert refused.value.hint is not None
    assert "'to', 'pages', 'weight'" in refused.value.hint


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"pages": "3"}, "$.pages"),
        ({"pages": 3.5}, "$.pages"),
        ({"pages": True}, "$.pages"),
        ({"pages": 2**63}, "$.pages"),
        ({"weight": "2"}, "$.weight"),
        ({"weight": math.nan}, "$.weight"),
        ({"to": {"street": "a", "post_code": 1}}, "$.to.postCode"),
        ({"to": {"street": "a", "postCode": 1, "since": "yesterday"}}, "$.to.since"),
        ({"to": None}, "$.to"),
        ({"tone": "loud"}, "$.tone"),
        ({"size": {"width": "2"}}, "$.size.width"),
        ({"note": {"a": [b"c"]}}, "$.note.a[0]"),
        ({"note": "\0"}, "$.note"),
        ({"copies": [WHOLE["copies"][0], "b"]}, "$.copies[1]"),
        ({"copies": "b"}, "$.copies"),
        ({"patience": "soon"}, "$.patience"),
        ({"choice": [1, "a"]}, "$.choice"),
        ({"choice": {"a": 1}}, "$.choice"),
    ],
    ids=str,
)
def test_a_flaw_in_json_is_told_by_its_path(letter: JobType[..., Address], given: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        letter.call_json({**WHOLE, **given})
    assert refused.value.path == path


def test_the_schema_of_the_arguments_is_what_is_taken(letter: JobType[..., Address]) -> None:
    schema = letter.input_schema()
    Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(WHOLE)
    assert schema["required"] == ["to", "pages"]
    assert schema["additionalProperties"] is False
    assert set(schema["$defs"]) == {"Address", "Size", "Tone"}
    assert "postCode" in schema["$defs"]["Address"]["properties"]
    assert schema["properties"]["copies"] == {
        "type": "array",
        "items": {"type": "string", "format": "uuid"},
        "title": "Copies",
    }
    defaults = {name: part["default"] for name, part in schema["properties"].items() if "default" in part}
    assert defaults == {
        "weight": 1.0,
        "tone": "warm",
        "size": {"width": 2, "height": 1},
        "patience": "PT1H",
        "choice": None,
    }
    validator: Any = Draft202012Validator(schema)  # its stub says less than pyright asks
    assert validator.is_valid(WHOLE)
    assert not validator.is_valid({**WHOLE, "more": 1})
    assert not validator.is_valid({"pages": 1})
    schema["properties"].clear()
    assert letter.input_schema()["properties"]


def test_the_schema_of_a_result_is_that_of_its_annotation(bide: Bide[None], letter: JobType[..., Address]) -> None:
    @bide.job
    async def nothing(ctx: JobContext) -> None: ...

    @bide.job
    async def anything(ctx: JobContext, *given: Any) -> Any: ...

    assert letter.result_schema()["title"] == "Address"
    assert "postCode" in letter.result_schema()["properties"]
    assert nothing.result_schema() == {"type": "null"}
    assert nothing.input_schema() == {"type": "object", "properties": {}, "additionalProperties": False}
    assert nothing.call_json({}).input == "{}"
    assert anything.result_schema() == {}
    assert anything.call_json({"given": [1, "a"]}).input == '{"given":[1,"a"]}'


def test_a_default_of_a_model_that_is_not_json_is_left_out(bide: Bide[None]) -> None:
    @bide.job
    async def send(ctx: JobContext, odd: Odd) -> None: ...

    assert "default" not in send.input_schema()["$defs"]["Odd"]["properties"]["kept"]


def test_a_job_type_is_exposed_only_where_it_says_so(bide: Bide[None]) -> None:
    @bide.job
    async def inner(ctx: JobContext) -> None: ...

    @bide.job(expose=True)
    async def outer(ctx: JobContext) -> None: ...

    assert (inner.definition.expose, outer.definition.expose) == (False, True)
