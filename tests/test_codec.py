"""JSON at the boundary: what is refused and where, what comes back, and that first run and replay agree."""

from __future__ import annotations

import enum
import hashlib
import inspect
import json
import math
import sys
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    SerializeAsAny,
    computed_field,
    field_serializer,
    field_validator,
)
from typing_extensions import TypedDict

from bide.codec import DEFAULT_LIMIT, MAX_DEPTH, Codec, codec_for, decode, digest, encode, escape
from bide.errors import InvalidPayload, UnencodableType

# A text that makes the quick path hand over to the walk, and is sound.
SUSPECT = r"\u0000"

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))

CIRCLE: list[Any] = [1]
CIRCLE.append({"again": CIRCLE})


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Name(str):
    __slots__ = ()


def nested(levels: int, innermost: Any = 0) -> Any:
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


def refusal(value: Any, **options: Any) -> InvalidPayload:
    with pytest.raises(InvalidPayload) as caught:
        encode(value, **options)
    return caught.value


# ── encode ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_writes_compact_json_in_the_order_of_insertion() -> None:
    value: dict[str, Any] = {"b": 1, "a": [None, True, 1.5, "é\n", (2, 3)], "": {}}
    assert encode(value) == '{"b":1,"a":[null,true,1.5,"é\\n",[2,3]],"":{}}'


@given(values)
def test_what_is_encoded_comes_back(value: Any) -> None:
    assert repr(decode(encode(value))) == repr(value)


@given(values)
def test_quick_path_and_walk_write_the_same(value: Any) -> None:
    assert encode([value, SUSPECT]) == encode([value])[:-1] + r',"\\u0000"]'


@pytest.mark.parametrize(
    "value",
    [
        -0.0,
        1e16,
        1.0,
        5e-324,
        1.7976931348623157e308,
        2**53 + 1,
        2**63 - 1,
        -(2**63),
        "\x7f\x1f\u2028\U0001f600",
        SUSPECT,
        "null",
    ],
    ids=repr,
)
def test_the_awkward_come_back_as_they_were(value: Any) -> None:
    assert repr(decode(encode([value, None]))) == repr([value, None])


WIDE = "the integer is outside 64 bits; send it as a string"
BAD: dict[str, tuple[Any, str]] = {
    "nan": (math.nan, "nan is not JSON"),
    "infinity": (math.inf, "inf is not JSON"),
    "-infinity": (-math.inf, "-inf is not JSON"),
    "nul": ("a\0b", r"the text holds NUL (\u0000)"),
    "high surrogate": ("\ud800", r"the text holds a lone surrogate (\ud800)"),
    "low surrogate": ("\udc80x", r"the text holds a lone surrogate (\udc80)"),
    "2**63": (2**63, WIDE),
    "2**64": (2**64, WIDE),
    "-2**63-1": (-(2**63) - 1, WIDE),
    "10**5000": (10**5000, WIDE),
    "bytes": (b"x", "bytes is not JSON; encode it as base64, or keep a file and pass its path"),
    "bytearray": (bytearray(b"x"), "bytearray is not JSON; encode it as base64, or keep a file and pass its path"),
    "generator": ((n for n in "ab"), "a generator can be read only once; return a list"),
    "secret": (SecretStr("x"), "a secret would be kept as asterisks; pass its name, and look it up in the job"),
}
BAD_TYPES: list[Any] = [
    datetime(2026, 1, 1, tzinfo=UTC),
    date(2026, 1, 1),
    timedelta(1),
    uuid.UUID(int=1),
    Decimal(1),
    Colour.RED,
    Level.LOW,
    Name("x"),
    1j,
    {1},
    range(3),
    object(),
    int,
    OrderedDict(a=1),
    defaultdict(int),
    orjson.Fragment(b"nonsense"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD.values(), ids=BAD)
def test_refuses_what_json_or_a_store_cannot_keep(bad: Any, reason: str) -> None:
    error = refusal({"a": [1, "x", {"b": bad}]})
    assert (error.path, error.reason) == ("$.a[2].b", reason)
    assert refusal(bad).path == "$"


@pytest.mark.parametrize("bad", BAD_TYPES, ids=lambda value: type(value).__name__)
def test_refuses_every_other_type_and_names_the_remedy(bad: Any) -> None:
    error = refusal([None, bad])
    assert error.path == "$[1]"
    assert type(bad).__qualname__ in error.reason
    assert "annotate" in error.reason


def test_a_coroutine_was_not_awaited() -> None:
    async def draft() -> str:
        return "never"

    coroutine = draft()
    try:
        assert refusal([coroutine]).reason == "a coroutine was never awaited"
    finally:
        coroutine.close()


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[Any, str]:
    """A sound value into which one bad value was put, and the path to it."""
    value, _ = BAD[draw(st.sampled_from(sorted(BAD)))]
    path = ""
    for _ in range(draw(st.integers(0, 6))):
        before = draw(st.lists(values, max_size=2))
        if draw(st.booleans()):
            path = f"[{len(before)}]{path}"
            value = [*before, value, *draw(st.lists(values, max_size=2))]
        else:
            path = f".key{path}"
            value = {str(n): item for n, item in enumerate(before)} | {"key": value}
    return value, f"${path}"


@given(spoiled())
def test_the_path_leads_to_the_bad_value(case: tuple[Any, str]) -> None:
    value, path = case
    assert refusal(value).path == path


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"a": {1: 2}}, "$.a", "a key is int"),
        ({"a": [{None: 2}]}, "$.a[0]", "a key is NoneType"),
        ({Name("x"): 2}, "$", "Name, and keys of JSON are strings"),
        ({"a": {"b\0": 1}}, r'$.a["b\u0000"]', "the key holds NUL"),
        ({"\udfff": 1}, r'$["\udfff"]', "the key holds a lone surrogate"),
        ({"a b": [b""]}, '$["a b"][0]', "bytes"),
        ({"": b""}, '$[""]', "bytes"),
        ({"x" * 999: b""}, f'$["{"x" * 60}..."]', "bytes"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_keys_are_checked_and_shown(value: Any, path: str, reason: str) -> None:
    error = refusal(value)
    assert error.path == path
    assert reason in error.reason
    assert str(error).isascii()


@pytest.mark.parametrize("innermost", [0, SUSPECT, None, "]" * 500, 2**60, (1,)], ids=lambda value: repr(value)[:10])
def test_depth_is_bounded_exactly(innermost: Any) -> None:
    levels = MAX_DEPTH - isinstance(innermost, tuple)
    assert json.loads(encode(nested(levels, innermost))) == nested(
        levels, [1] if isinstance(innermost, tuple) else innermost
    )
    error = refusal(nested(levels + 1, innermost))
    assert (error.path, error.reason) == ("$" + "[0]" * MAX_DEPTH, "more than 200 levels deep")


def test_many_containers_are_not_deep() -> None:
    value: list[Any] = [{"tags": [[], {}], "n": n} for n in range(1_000)]
    assert decode(encode(value)) == value


@pytest.mark.parametrize("levels", [254, 1_000, 100_000])
@pytest.mark.parametrize("kind", ["list", "dict", "tuple"])
def test_no_depth_is_too_deep_to_be_refused(levels: int, kind: str) -> None:
    value: Any = None
    for _ in range(levels):
        value = {"list": [value], "dict": {"a": value}, "tuple": (value,)}[kind]
    assert refusal(value).reason == "more than 200 levels deep"


@pytest.mark.parametrize("innermost", ["two", "tuple"])
def test_circles_that_branch_end_soon(innermost: str) -> None:
    circle: list[Any] = []
    circle.extend([circle, circle] if innermost == "two" else [(circle,), (circle,)])
    assert refusal(circle).reason == "the container contains itself"


def test_a_circle_is_named_where_it_closes() -> None:
    error = refusal({"a": CIRCLE})
    assert (error.path, error.reason) == ("$.a[1].again", "the container contains itself")


def test_one_container_in_two_places_is_no_circle() -> None:
    shared = [1, {"a": 2}]
    assert encode([shared, shared, SUSPECT]) == r'[[1,{"a":2}],[1,{"a":2}],"\\u0000"]'


def test_works_on_what_little_stack_the_caller_has_left() -> None:
    value = nested(MAX_DEPTH, None)
    used = len(inspect.stack(0))

    def descend(frames: int) -> str:
        return descend(frames - 1) if frames else encode(value)

    assert descend(sys.getrecursionlimit() - used - 50) == "[" * MAX_DEPTH + "null" + "]" * MAX_DEPTH


def test_size_counts_bytes_of_utf8() -> None:
    assert encode("é" * 4, limit=10) == '"éééé"'
    error = refusal("é" * 5, limit=10)
    assert (error.path, error.reason) == ("$", "12 bytes of JSON, more than the limit of 10")
    assert refusal("x" * DEFAULT_LIMIT).path == "$"


# ── decode, digest ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", "NaN", "[1,]", "1 2", "'a'", '"\\ud800"', '"\ud800"', "[" * 100_000, "1e400"],
    ids=lambda t: ascii(t)[:20],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    for read in (decode, digest, codec_for(Any).decode, codec_for(list[int]).decode):
        with pytest.raises(InvalidPayload) as caught:
            read(text)
        assert caught.value.path == "$"


@given(st.dictionaries(texts, values, min_size=2), st.randoms())
def test_the_order_of_keys_does_not_count(value: dict[str, Any], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    text = json.dumps({key: value[key] for key in keys}, indent=1)
    assert digest(text) == digest(encode(value))


def test_digests_are_of_the_sorted_compact_form() -> None:
    assert (
        digest('{"b": [1, 2], "a": {"d": 1, "c": 2}}') == hashlib.sha256(b'{"a":{"c":2,"d":1},"b":[1,2]}').hexdigest()
    )


def test_different_values_have_different_digests() -> None:
    texts = ["null", "0", "1", "1.0", "-0.0", '"1"', "[]", "{}", "[1,2]", "[2,1]", '{"a":1}', '{"a":2}', "false"]
    assert len({digest(text) for text in texts}) == len(texts)


def test_a_digest_refuses_what_bide_did_not_write() -> None:
    with pytest.raises(InvalidPayload):
        digest("[" * 500 + "]" * 500)


# ── Codec ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Author(BaseModel):
    name: str


class Editor(Author):
    desk: str


class Post(BaseModel):
    title: str = Field(alias="Title")
    author: Author
    rating: float = 1.0
    written: datetime | None = None
    by_year: dict[int, tuple[str, ...]] = {}


POST = Post(Title="t", author=Author(name="n"), written=datetime(2026, 1, 2, tzinfo=UTC), by_year={2026: ("a", "b")})


@dataclass
class Point:
    x: int
    y: Decimal = Decimal("0.10")
    seen: set[int] = field(default_factory=set[int])


class Pair(NamedTuple):
    left: int
    right: str


class Options(TypedDict, total=False):
    depth: int


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    side: int

    @computed_field  # type: ignore[prop-decorator] # as Pydantic documents it
    @property
    def area(self) -> int:
        return self.side**2


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False, serialize_by_alias=False)
    a: int = Field(alias="A")


class ByBoth(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)
    a: int = Field(alias="A")


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)
    at: datetime
    ids: tuple[uuid.UUID, ...]
    colour: Colour


class Parsed(BaseModel):
    inner: Json[list[int]]


class Base64(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    data: bytes


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (None, None, "null"),
        (type(None), None, "null"),
        (bool, True, "true"),
        (int, -5, "-5"),
        (int, 2**63 - 1, "9223372036854775807"),
        (float, -0.0, "-0.0"),
        (float, 1e16, "1e+16"),
        (str, "é", '"é"'),
        (Any, {"a": [1, None]}, '{"a":[1,null]}'),
        (object, "x", '"x"'),
        (inspect.Signature.empty, [1.5], "[1.5]"),
        (list[str], ["a"], '["a"]'),
        (dict[int, str], {1: "a", -2: "b"}, '{"1":"a","-2":"b"}'),
        (tuple[int, ...], (1, 2), "[1,2]"),
        (tuple[int, str], (1, "a"), '[1,"a"]'),
        (set[int], {3}, "[3]"),
        (int | None, None, "null"),
        (Literal["a", 1], 1, "1"),
        (datetime, datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), '"2026-01-02T03:04:05.000006Z"'),
        (timedelta, timedelta(days=1, microseconds=3), '"P1DT0.000003S"'),
        (uuid.UUID, uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Decimal, Decimal("1.10"), '"1.10"'),
        (bytes, b"text", '"text"'),
        (Colour, Colour.RED, '"red"'),
        (Level, Level.LOW, "1"),
        (
            Post,
            POST,
            '{"Title":"t","author":{"name":"n"},"rating":1.0,"written":"2026-01-02T00:00:00Z","by_year":{"2026":["a","b"]}}',
        ),
        (Point, Point(1, seen={2}), '{"x":1,"y":"0.10","seen":[2]}'),
        (list[Pair], [Pair(1, "a")], '[[1,"a"]]'),
        (Options, {"depth": 1}, '{"depth":1}'),
        (RootModel[list[int]], RootModel[list[int]]([1]), "[1]"),
        (Computed, Computed(side=3), '{"side":3}'),
        (ByName, ByName.model_validate({"a": 1}), '{"A":1}'),
        (ByBoth, ByBoth.model_validate({"a": 1}), '{"A":1}'),
        (
            Strict,
            Strict(at=datetime(2026, 1, 1, tzinfo=UTC), ids=(uuid.UUID(int=2),), colour=Colour.RED),
            '{"at":"2026-01-01T00:00:00Z","ids":["00000000-0000-0000-0000-000000000002"],"colour":"red"}',
        ),
        (Parsed, Parsed.model_validate({"inner": "[1, 2]"}), '{"inner":"[1,2]"}'),
        (Base64, Base64(data=b"\xff\x00"), '{"data":"_wA="}'),
        (Annotated[int, Field(gt=0)], 1, "1"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_fits_its_annotation_comes_back_as_it_was(annotation: Any, value: Any, text: str) -> None:
    codec = codec_for(annotation)
    assert codec.round_trip(value) == (text, value)
    assert type(codec.round_trip(value)[1]) is type(value)
    assert codec.encode(value) == text
    assert codec.decode(text) == value


@pytest.mark.parametrize(
    ("annotation", "value", "decoded"),
    [
        pytest.param(Author, Editor(name="n", desk="d"), Author(name="n"), id="subclass"),
        pytest.param(list[Author], [Editor(name="n", desk="d")], [Author(name="n")], id="subclass within"),
        pytest.param(float, 1, 1.0, id="int for float"),
        pytest.param(int, True, 1, id="bool for int"),
        pytest.param(str, Name("x"), "x", id="subclass of str"),
        pytest.param(Any, (1, (2,)), [1, [2]], id="tuple without annotation"),
        pytest.param(Sequence[int], [1], [1], id="sequence"),
        pytest.param(dict, {"a": (1,)}, {"a": [1]}, id="bare dict"),
        pytest.param(dict[str, Any], {"a": {"b": (1, 2)}}, {"a": {"b": [1, 2]}}, id="tuple within Any"),
        pytest.param(
            datetime | str, "2026-01-02T00:00:00Z", datetime(2026, 1, 2, tzinfo=UTC), id="text like a datetime"
        ),
    ],
)
def test_first_run_and_replay_agree_where_they_cannot_be_as_they_were(
    annotation: Any, value: Any, decoded: Any
) -> None:
    codec = codec_for(annotation)
    text, first = codec.round_trip(value)
    replayed = codec.decode(text)
    assert first == replayed == decoded
    assert repr(first) == repr(replayed)
    assert type(first) is type(decoded)
    assert codec.encode(replayed) == text


class Lenient(BaseModel):
    anything: Any = None
    rating: float = 0.0
    data: bytes = b""


class WriteOnlyAlias(BaseModel):
    a: int = Field(serialization_alias="A")


class Excluded(BaseModel):
    a: int = Field(exclude=True)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message either")


class Hostile(BaseModel):
    a: int

    @field_serializer("a")
    def write(self, a: int) -> int:
        if a == 1:
            raise Unprintable
        return a

    @field_validator("a")
    @classmethod
    def read(cls, a: int) -> int:
        if a == 2:
            raise Unprintable
        return a


@pytest.mark.filterwarnings("ignore")  # in production a warning of Pydantic's raises nothing by itself
@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        pytest.param(None, 5, "$", id="something for None"),
        pytest.param(int, "x", "$", id="str for int"),
        pytest.param(int, "5", "$", id="str that reads as int"),
        pytest.param(int, None, "$", id="None for int"),
        pytest.param(int, 2**63, "$", id="large int"),
        pytest.param(float, math.nan, "$", id="nan"),
        pytest.param(str, "\0", "$", id="nul"),
        pytest.param(bool, 1, "$", id="int for bool"),
        pytest.param(Author, {"name": "n"}, "$", id="dict for model"),
        pytest.param(Author, Author.model_construct(name=7), "$", id="model built unchecked"),
        pytest.param(list[Lenient], [Lenient(), Lenient(rating=math.inf)], "$[1].rating", id="inf in a model"),
        pytest.param(Lenient, Lenient(anything={"a": "\ud800"}), "$.anything.a", id="surrogate in a model"),
        pytest.param(Lenient, Lenient(data=b"\xff"), "$", id="bytes that are not text"),
        pytest.param(Lenient, Lenient(anything=object()), "$.anything", id="object in Any"),
        pytest.param(Lenient, Lenient(anything=CIRCLE), "$.anything[1].again", id="circle"),
        pytest.param(Decimal, Decimal("NaN"), "$", id="decimal nan"),
        pytest.param(Annotated[int, Field(gt=0)], -1, "$", id="out of range"),
        pytest.param(WriteOnlyAlias, WriteOnlyAlias(a=1), "$.a", id="alias only written"),
        pytest.param(Excluded, Excluded(a=1), "$.a", id="excluded and required"),
        pytest.param(Hostile, Hostile(a=1), "$", id="serializer raises"),
        pytest.param(Hostile, Hostile.model_construct(a=2), "$", id="validator raises"),
        pytest.param(inspect.Signature.empty, datetime(2026, 1, 1, tzinfo=UTC), "$", id="unannotated datetime"),
        pytest.param(Any, POST, "$", id="unannotated model"),
        pytest.param(list[int], (n for n in [1]), "$", id="generator for list"),
    ],
)
def test_what_cannot_be_kept_is_refused(annotation: Any, value: Any, path: str) -> None:
    codec = codec_for(annotation)
    for write in (codec.encode, codec.round_trip):
        with pytest.raises(InvalidPayload) as caught:
            write(value)
        assert caught.value.path == path
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 100_000])
def test_depth_is_the_same_with_an_annotation(levels: int) -> None:
    codec = codec_for(list[Any])
    assert codec.round_trip(nested(MAX_DEPTH))[1] == nested(MAX_DEPTH)
    with pytest.raises(InvalidPayload, match="more than 200 levels deep"):
        codec.round_trip(nested(levels))


class Open(BaseModel, extra="allow"):
    at: datetime | None = None


class Loose(BaseModel):
    # Of a declared type, beside what has none: these come back as they were.
    at: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    data: bytes = b"\x01ok"
    default: Any = None
    kids: list[Loose] = []


class LoosePair(NamedTuple):
    left: bytes
    right: Any


@dataclass
class LoosePoint:
    at: date
    note: object = None


class LooseOptions(TypedDict, total=False):
    note: Any
    at: date


DAY = date(2026, 1, 2)
UNTYPED: list[tuple[Any, Callable[[Any], Any], str]] = [
    (dict[str, Any], lambda bad: {"a": bad}, "$.a"),
    (dict[str, Any], lambda bad: {"a": {"b c": [0, bad]}}, '$.a["b c"][1]'),
    (dict, lambda bad: {"a": [bad]}, "$.a[0]"),
    (dict[int, Any], lambda bad: {1: bad}, '$["1"]'),
    (list, lambda bad: [1, bad], "$[1]"),
    (list[object], lambda bad: [1, [bad]], "$[1][0]"),
    (tuple[Any, ...], lambda bad: (bad,), "$[0]"),
    (Any | None, lambda bad: bad, "$"),
    (int | list[Any] | None, lambda bad: [bad], "$[0]"),
    (Sequence[Any], lambda bad: [bad], "$[0]"),
    (RootModel[dict[str, Any]], lambda bad: RootModel[dict[str, Any]]({"a": bad}), "$.a"),
    (Loose, lambda bad: Loose(default=[bad]), "$.default[0]"),
    (Loose, lambda bad: Loose(kids=[Loose(), Loose(kids=[Loose(default=bad)])]), "$.kids[1].kids[0].default"),
    (dict[str, list[Loose]], lambda bad: {"a": [Loose(default=bad)]}, "$.a[0].default"),
    (list[LoosePoint], lambda bad: [LoosePoint(DAY), LoosePoint(DAY, bad)], "$[1].note"),
    (LooseOptions, lambda bad: LooseOptions(at=DAY, note=bad), "$.note"),
    (LoosePair, lambda bad: LoosePair(b"x", bad), "$[1]"),
    (Open, lambda bad: Open.model_validate({"more": bad}), "$.more"),
    (list[Open], lambda bad: [Open.model_validate({"more": [bad]})], "$[0].more[0]"),
]
untyped = pytest.mark.parametrize(
    ("annotation", "around", "path"), UNTYPED, ids=[f"{kind} {path}" for kind, _, path in UNTYPED]
)


@untyped
@pytest.mark.parametrize(
    "bad",
    [math.nan, math.inf, b"x", b"\xff", {1: 2}, {1}, datetime(2026, 1, 1, tzinfo=UTC), Level.LOW, POST, object()],
    ids=lambda value: repr(value)[:20],
)
def test_where_no_type_is_declared_only_plain_json_is_taken_at_any_depth(
    annotation: Any, around: Callable[[Any], Any], path: str, bad: Any
) -> None:
    with pytest.raises(InvalidPayload) as caught:
        codec_for(annotation).encode(around(bad))
    assert caught.value.path == path
    assert caught.value.reason == refusal(bad).reason


@untyped
@pytest.mark.parametrize("good", [None, 1.5, 2**53 + 1, "null", SUSPECT, [1, {"a": [True]}]], ids=repr)
def test_plain_json_comes_back_wherever_it_stands(
    annotation: Any, around: Callable[[Any], Any], path: str, good: Any
) -> None:
    assert codec_for(annotation).round_trip(around(good))[1] == around(good), path


@pytest.mark.parametrize("annotation", [dict, dict[str, Any]], ids=str)
def test_keys_of_no_declared_type_are_texts(annotation: Any) -> None:
    # Written as texts, 1 and "1" would be one key.
    with pytest.raises(InvalidPayload):
        codec_for(annotation).encode({1: "a", "1": "b"})


class Told(BaseModel):
    blob: Any

    @field_serializer("blob")
    def write(self, blob: Any) -> str:
        return str(blob.hex())

    @field_validator("blob", mode="before")
    @classmethod
    def read(cls, blob: Any) -> Any:
        return bytes.fromhex(blob) if isinstance(blob, str) else blob


def test_a_field_of_any_type_whose_model_says_how_it_is_written_comes_back() -> None:
    assert codec_for(Told).round_trip(Told(blob=b"\xff"))[1] == Told(blob=b"\xff")


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (dict[str, int], {"a": 1, "b": "2"}, "$.b"),
        (list[dict[str, datetime]], [{"at": "2026-01-01"}], "$[0].at"),
        (dict[str, int | None], {"a": "1"}, "$.a"),
        (tuple[int, str], (1, 2), "$[1]"),
    ],
    ids=repr,
)
def test_what_is_of_another_type_is_refused_by_its_path(annotation: Any, value: Any, path: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        codec_for(annotation).encode(value)
    assert caught.value.path == path


def test_an_unannotated_result_names_the_remedy() -> None:
    with pytest.raises(InvalidPayload, match=r"datetime\.datetime is not a JSON type; .* the return type"):
        codec_for(inspect.Signature.empty).encode(datetime.now(UTC))


@pytest.mark.parametrize(
    ("annotation", "text", "path"),
    [
        (list[int | list[int]], '[1,"a"]', "$[1]"),
        (dict[str, int | Pair], '{"a":[1]}', "$.a"),
        (Author | int, '{"name":1}', "$.name"),
        (Point, '{"y":"1"}', "$.x"),
        (dict[int, int], '{"a":1}', "$.a"),
        (int, "nothing", "$"),
    ],
)
def test_a_path_leads_through_what_was_read_and_no_member_of_a_union(annotation: Any, text: str, path: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        codec_for(annotation).decode(text)
    assert refused.value.path == path


def test_what_is_read_strictly_is_taken_for_nothing_else() -> None:
    codec = codec_for(list[int])
    assert codec.decode('["1"]') == [1]
    assert codec.decode("[1]", strict=True) == [1]
    with pytest.raises(InvalidPayload, match=r"\$\[0\]"):
        codec.decode('["1"]', strict=True)


def test_errors_do_not_repeat_the_payload() -> None:
    with pytest.raises(InvalidPayload) as writing:
        codec_for(list[int]).encode(["hunter2"])
    with pytest.raises(InvalidPayload) as reading:
        codec_for(dict[str, int]).decode('{"a":"hunter2","b c":"hunter2"}')
    assert "hunter2" not in f"{writing.value} {reading.value}"
    assert str(writing.value) == "$[0]: cannot be written as list[int]: Input should be a valid integer"
    assert reading.value.path == "$.a"
    assert "(and 1 more)" in reading.value.reason


def test_a_limit_holds_for_typed_values_too() -> None:
    with pytest.raises(InvalidPayload, match="more than the limit of 5"):
        codec_for(list[str]).encode(["four"], limit=5)


class Account(BaseModel):
    user: str
    password: Any = None
    token: SecretStr = SecretStr("")


class Revealed(BaseModel):
    token: SecretStr

    @field_serializer("token", when_used="json")
    def reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (SecretStr, SecretStr("s")),
        (list[SecretBytes], [SecretBytes(b"s")]),
        (Secret[int], Secret[int](7)),
        (Account, Account(user="u", token=SecretStr("s"))),
        (dict[str, list[Account]], {"a": [Account(user="u", password=(SecretStr("s"),))]}),
    ],
    ids=repr,
)
def test_secrets_are_refused_not_lost(annotation: Any, value: Any) -> None:
    with pytest.raises(InvalidPayload, match="asterisks"):
        codec_for(annotation).encode(value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (list[str], ["**********"]),
        (Account, Account(user="**********")),
        (dict[str, bytes], {"a": b"**********"}),
    ],
    ids=repr,
)
def test_asterisks_alone_are_no_secret(annotation: Any, value: Any) -> None:
    assert codec_for(annotation).round_trip(value)[1] == value


def test_a_secret_that_its_model_reveals_comes_back() -> None:
    assert codec_for(Revealed).round_trip(Revealed(token=SecretStr("s"))) == (
        '{"token":"s"}',
        Revealed(token=SecretStr("s")),
    )


class Plain:
    pass


class Streams(BaseModel):
    model_config = ConfigDict(defer_build=True)
    items: Iterable[int] = ()


class Unfinished(BaseModel):
    later: Later  # type: ignore[name-defined] # noqa: F821  # pyright: ignore[reportUndefinedVariable]


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (Plain, "Unable to generate pydantic-core schema"),
        (list[Plain], "Unable to generate pydantic-core schema"),
        (Iterable[int], "read only once"),
        (Generator[int, None, None], "read only once"),
        (Iterator[int], "Unable to generate"),
        (AsyncIterator[int], "Unable to generate"),
        (Awaitable[int], "Unable to generate"),
        (Streams, "read only once"),
        (dict[str, list[Streams]], "read only once"),
        (Callable[[], int], "a function cannot be read back"),
        (Unfinished, "'Later' is not defined"),
        (list[Unfinished], "'Later' is not defined"),
        ("Post", "typing.get_type_hints"),
        (5, "Unable to generate"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_annotation_that_cannot_be_kept_is_refused_at_once(annotation: Any, reason: str) -> None:
    with pytest.raises(UnencodableType) as caught:
        codec_for(annotation)
    assert reason in caught.value.reason
    assert "For further information" not in str(caught.value)
    assert isinstance(caught.value, TypeError)


class Tag(BaseModel):
    type: str = "generator"
    default: dict[str, str] = {"type": "generator"}
    metadata: int = Field(default=1, json_schema_extra={"type": "generator"})


class Defaulted(BaseModel):
    default: Iterable[int]


def test_fields_named_as_a_schema_names_its_own_are_no_trouble() -> None:
    assert codec_for(Tag).round_trip(Tag())[1] == Tag()
    with pytest.raises(UnencodableType, match="read only once"):
        codec_for(Defaulted)


def test_a_codec_knows_its_type() -> None:
    codec: Codec[list[str]] = Codec(list[str])
    text, decoded = codec.round_trip(["a"])
    assert (codec.annotation, text, decoded[0].upper()) == (list[str], '["a"]', "A")


def test_codecs_are_cached_by_what_is_written() -> None:
    assert codec_for(Post) is codec_for(Post)
    assert codec_for(list[Post]) is codec_for(list[Post])
    assert codec_for(int | str) is not codec_for(str | int)


def test_annotations_that_cannot_be_hashed_work_too() -> None:
    annotation = Annotated[int, Field(json_schema_extra={"a": 1}), BeforeValidator(int), {"not": "hashable"}]
    assert codec_for(annotation).round_trip(1) == ("1", 1)


def test_schema_is_of_what_is_read() -> None:
    assert codec_for(Any).schema() == {}
    assert codec_for(int).schema() == {"type": "integer"}
    assert set(codec_for(Post).schema()["properties"]) == {"Title", "author", "rating", "written", "by_year"}
    assert codec_for(Computed).schema()["required"] == ["side"]


def test_a_type_without_a_schema_says_so() -> None:
    class Opaque(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        plain: Plain

    with pytest.raises(UnencodableType, match="no JSON schema"):
        codec_for(Opaque).schema()


@given(st.builds(Point, st.integers(-(2**63), 2**63 - 1), st.decimals(allow_nan=False, allow_infinity=False)))
def test_dataclasses_come_back(point: Point) -> None:
    assert codec_for(Point).round_trip(point)[1] == point


@given(st.datetimes(timezones=st.just(UTC)) | st.timedeltas() | st.uuids() | st.dates())
def test_types_that_json_lacks_come_back(value: object) -> None:
    assert codec_for(type(value)).round_trip(value)[1] == value


# ── escape ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("plain é \U0001f600\n\ttext", None, "plain é \U0001f600\n\ttext"),
        ("a\0b", None, r"a\x00b"),
        ("\ud800\udfff", None, r"\ud800\udfff"),
        ("\x1b[31mred\r\x7f\x9b", None, r"\x1b[31mred\x0d\x7f\x9b"),
        ("12345", 5, "12345"),
        ("123456", 5, "1234…"),
        ("\0\0", 5, r"\x00…"),
        ("12345", 1, "…"),
        ("12345", 0, ""),
        ("", 0, ""),
    ],
    ids=ascii,
)
def test_escape_makes_the_unprintable_visible(text: str, limit: int | None, expected: str) -> None:
    assert escape(text, limit) == expected


@given(st.text(st.characters() | st.characters(categories=("Cs", "Cc"))), st.integers(0, 50) | st.none())
def test_escaped_text_can_be_kept(text: str, limit: int | None) -> None:
    escaped = escape(text, limit)
    assert decode(encode(escaped)) == escaped
    assert escape(escaped, limit) == escaped
    assert limit is None or len(escaped) <= limit


class Shape(BaseModel):
    name: str


class Circle(Shape):
    radius: float


class Drawing(BaseModel):
    shapes: list[SerializeAsAny[Shape]]


def test_what_is_written_by_the_class_of_the_value_is_taken() -> None:
    text, read = codec_for(Drawing).round_trip(Drawing(shapes=[Shape(name="a"), Circle(name="b", radius=2.0)]))
    assert text == '{"shapes":[{"name":"a"},{"name":"b","radius":2.0}]}'
    assert read == Drawing(shapes=[Shape(name="a"), Shape(name="b")])
