"""Forty Pydantic models that together use all of what a form knows, each with an answer that a person might give.

Run, it is the judge of the forms' tests: it writes the models' schemas with the answers as one line of JSON, and then
reads lines `["Name", "an answer as JSON text"]` and writes for each what the model says: null, or the error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from pydantic import (
    AnyUrl,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NaiveDatetime,
    RootModel,
    SecretStr,
    StringConstraints,
    ValidationError,
)
from typing_extensions import TypedDict

Markdown = Annotated[str, Field(json_schema_extra={"format": "markdown"})]
Multiline = Annotated[str, Field(json_schema_extra={"format": "multiline"})]


class Plain(BaseModel):
    """The least there is."""

    name: str


class Texts(BaseModel):
    short: str = Field(min_length=2, max_length=12, description="Two to twelve characters.")
    code: str = Field(pattern=r"^[A-Z]{3}-\d+$", examples=["ABC-12"])
    empty_by_default: str = ""
    given: str = "as it was"


class OptionalTexts(BaseModel):
    nickname: str | None = None
    motto: str | None = "onwards"
    required_or_none: str | None


class Contact(BaseModel):
    email: str = Field(json_schema_extra={"format": "email"})
    site: AnyUrl
    reference: UUID


class Secrets(BaseModel):
    api_key: SecretStr
    second: SecretStr | None = None


class LongTexts(BaseModel):
    body: Markdown
    notes: Multiline = ""


class Whole(BaseModel):
    rating: int = Field(ge=1, le=5)
    strictly: int = Field(gt=0, lt=10)
    negative: int = Field(default=-3, ge=-10)
    even: int = Field(multiple_of=2)


class LongWhole(BaseModel):
    number: int
    given: int = 9007199254740993


class Real(BaseModel):
    share: float = Field(ge=0, le=1)
    step: float = Field(multiple_of=0.25)
    maybe: float | None = None


class Money(BaseModel):
    price: Decimal = Field(ge=0, max_digits=30, decimal_places=20)
    discount: Decimal | None = None
    tax: Decimal = Decimal("0.20")


class Flags(BaseModel):
    subscribe: bool
    remember: bool = True
    maybe: bool | None = None


class Consent(BaseModel):
    accept_terms: Literal[True]


class Tone(StrEnum):
    FORMAL = "formal"
    FRIENDLY = "friendly"
    FUNNY = "funny"


class Priority(IntEnum):
    LOW = 1
    HIGH = 2


class Choices(BaseModel):
    tone: Tone
    priority: Priority = Priority.LOW
    size: Literal["s", "m", "l"]
    mixed: Literal["auto", 1, 2] = "auto"


class ManyChoices(BaseModel):
    month: Literal["jan", "feb", "mar", "apr", "may", "jun", "jul"]
    fallback: Literal["a", "b", "c", "d", "e"] = "b"


class OptionalChoices(BaseModel):
    tone: Tone | None = None
    letter: Literal["a", "b", "c", "d", "e", "f"] | None = None


class Moments(BaseModel):
    day: date
    hour: time
    instant: datetime
    aware: AwareDatetime | None = None


class WallClock(BaseModel):
    at: NaiveDatetime = Field(json_schema_extra={"format": "date-time-local"})


class Spans(BaseModel):
    wait: timedelta
    grace: timedelta = timedelta(hours=1, minutes=30)
    maybe: timedelta | None = None


class Lists(BaseModel):
    tags: list[str]
    scores: list[int] = Field(min_length=2, max_length=4)
    given: list[str] = ["first", "second"]


class Sets(BaseModel):
    tones: set[Tone]
    words: set[str] = Field(min_length=1)


class ListsOfChoices(BaseModel):
    steps: list[Literal["copy", "move", "delete"]]
    priorities: list[Priority] = []


class OptionalLists(BaseModel):
    tags: list[str] | None = None
    made: list[int] = Field(default_factory=lambda: [7])


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    city: str = "Porto"


class Nested(BaseModel):
    name: str
    address: Address
    billing: Address = Address(street="Rua A")


class OptionalNested(BaseModel):
    address: Address | None = None
    other: Address | None = None


class ListsOfModels(BaseModel):
    stops: list[Address] = Field(min_length=1)


class Deep(BaseModel):
    class Inner(BaseModel):
        class Innermost(BaseModel):
            values: list[list[int]]

        innermost: Innermost

    inner: Inner


class Tree(BaseModel):
    label: str
    children: list[Tree] = []


class Chain(BaseModel):
    value: int
    next: Chain | None = None


class Point(NamedTuple):
    x: float
    y: float


class Tuples(BaseModel):
    pair: tuple[int, str]
    point: Point
    many: tuple[int, ...] = ()


class Dicts(BaseModel):
    counts: dict[str, int]
    by_code: dict[Annotated[str, StringConstraints(pattern="^[a-z]+$")], bool] = {}


class DictsOfModels(BaseModel):
    places: dict[str, Address]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str


class Fish(BaseModel):
    kind: Literal["fish", "shark"]


class Pets(BaseModel):
    pet: Annotated[Cat | Dog | Fish, Field(discriminator="kind")]
    others: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = []


class Unions(BaseModel):
    text_or_number: str | int
    number_or_list: int | list[int]
    maybe: int | str | None = None


class Card(BaseModel):
    number: str


class Transfer(BaseModel):
    iban: str
    reference: str = ""


class Payment(BaseModel):
    method: Card | Transfer
    backup: Card | Transfer | None = None


class Num(BaseModel):
    op: Literal["num"] = "num"
    value: float


class Add(BaseModel):
    op: Literal["add"] = "add"
    left: Expression
    right: Expression


Expression = Annotated[Num | Add, Field(discriminator="op")]


class Calculation(BaseModel):
    expression: Expression


class Anything(BaseModel):
    value: Any
    settings: dict[str, Any] = {}
    rows: list[Any] = []


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str


class Movie(TypedDict, total=False):
    title: str
    year: int


class Typed(BaseModel):
    movie: Movie


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    first_name: str = Field(alias="firstName")
    strange: str = Field(alias="a/b~c", title="A strange one")


class Annotations(BaseModel):
    model_config = ConfigDict(title="Annotated", extra="forbid")

    version: Literal["v1"] = "v1"
    old: str = Field(default="x", deprecated=True)
    fixed: str = Field(default="never changes", json_schema_extra={"readOnly": True})
    titled: str = Field(title="A title of its own", description="And a description.", examples=["one", "two"])


class Beyond(BaseModel):
    """Uses what the form does not know, and so asks for JSON there."""

    odd: Annotated[dict[str, int], Field(json_schema_extra={"not": {"required": ["forbidden"]}})]
    ranges: tuple[int, Annotated[str, Field(min_length=1)]] | None = None


class Prices(RootModel[dict[str, Decimal]]):
    """A model that is a mapping itself."""


class Order(BaseModel):
    """Everything at once, as a real question is."""

    model_config = ConfigDict(extra="forbid")

    customer: Contact
    lines: list[Line] = Field(min_length=1, max_length=5)
    deliver: date | None = None
    pay: Annotated[Card | Transfer, Field(title="Payment")]
    remarks: Markdown | None = None
    gift: bool = False


class Line(BaseModel):
    sku: str = Field(pattern="^[A-Z0-9]+$")
    quantity: int = Field(default=1, ge=1)
    options: dict[str, str] = {}


CONTACT = {
    "email": "ana@example.org",
    "site": "https://example.org/a",
    "reference": "5b8f3a52-6d0b-4c53-9a0f-0f3f2f7c1a11",
}
CASES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Plain, {"name": "Ana"}),
    (Texts, {"short": "ça va 🎉", "code": "XYZ-7", "empty_by_default": "", "given": "changed"}),
    (OptionalTexts, {"nickname": "Bibi", "motto": None, "required_or_none": None}),
    (Contact, CONTACT),
    (Secrets, {"api_key": "s3cr3t {x}", "second": None}),
    (LongTexts, {"body": "# Title\n\nSome *text*.", "notes": "one\ntwo"}),
    (Whole, {"rating": 5, "strictly": 1, "negative": -10, "even": 4}),
    (LongWhole, {"number": 1234567890123456789, "given": 9007199254740993}),
    (Real, {"share": 0.3, "step": 1.75, "maybe": None}),
    (Money, {"price": "12345678.12345678901234567890", "discount": None, "tax": "0.20"}),
    (Flags, {"subscribe": True, "remember": False, "maybe": False}),
    (Consent, {"accept_terms": True}),
    (Choices, {"tone": "funny", "priority": 2, "size": "m", "mixed": 2}),
    (ManyChoices, {"month": "jun", "fallback": "e"}),
    (OptionalChoices, {"tone": "formal", "letter": None}),
    (
        Moments,
        {"day": "2026-03-01", "hour": "09:30", "instant": "2026-03-01T09:30:00Z", "aware": "2026-07-01T12:00:00+02:00"},
    ),
    (WallClock, {"at": "2026-03-01T09:30"}),
    (Spans, {"wait": "P2DT3H4M5S", "grace": "PT45M", "maybe": None}),
    (Lists, {"tags": ["a", "b"], "scores": [3, 1], "given": ["first", "second", "third"]}),
    (Sets, {"tones": ["formal", "funny"], "words": ["one", "two"]}),
    (ListsOfChoices, {"steps": ["copy", "delete", "copy"], "priorities": [2]}),
    (OptionalLists, {"tags": ["x"], "made": [7]}),
    (Nested, {"name": "Rui", "address": {"street": "Rua B", "city": "Faro"}, "billing": {"street": "C", "city": "D"}}),
    (OptionalNested, {"address": {"street": "Rua D", "city": "Porto"}, "other": None}),
    (ListsOfModels, {"stops": [{"street": "A", "city": "Porto"}, {"street": "B", "city": "Braga"}]}),
    (Deep, {"inner": {"innermost": {"values": [[1, 2], [], [3]]}}}),
    (Tree, {"label": "root", "children": [{"label": "a", "children": [{"label": "b", "children": []}]}]}),
    (Chain, {"value": 1, "next": {"value": 2, "next": None}}),
    (Tuples, {"pair": [1, "one"], "point": [1.5, -2.0], "many": [1, 2, 3]}),
    (Dicts, {"counts": {"a": 1, "b c": 2}, "by_code": {"x": True}}),
    (DictsOfModels, {"places": {"home": {"street": "A", "city": "Porto"}}}),
    (Pets, {"pet": {"kind": "dog", "name": "Rex"}, "others": [{"kind": "cat", "lives": 7}]}),
    (Unions, {"text_or_number": 7, "number_or_list": [1, 2], "maybe": "text"}),
    (Payment, {"method": {"iban": "PT50", "reference": "x"}, "backup": None}),
    (
        Calculation,
        {
            "expression": {
                "op": "add",
                "left": {"op": "num", "value": 1.5},
                "right": {"op": "num", "value": 2.0},
            }
        },
    ),
    (Anything, {"value": {"deep": [1, None, "x"]}, "settings": {"a": [True]}, "rows": [1, "two"]}),
    (Open, {"name": "Ana", "extra": 1}),
    (Typed, {"movie": {"title": "Alien", "year": 1979}}),
    (Aliased, {"firstName": "Ana", "a/b~c": "slashes"}),
    (
        Order,
        {
            "customer": CONTACT,
            "lines": [{"sku": "A1", "quantity": 2, "options": {"colour": "red"}}, {"sku": "B2", "quantity": 1}],
            "deliver": "2026-12-24",
            "pay": {"number": "4111"},
            "remarks": "Ring *twice*.",
            "gift": True,
        },
    ),
]
"""A model with an answer in JSON types."""

MORE: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Annotations, {"version": "v1", "old": "y", "fixed": "never changes", "titled": "one"}),
    (Beyond, {"odd": {"a": 1}, "ranges": [1, "x"]}),
    (Prices, {"apple": "1.20"}),
]
"""Beyond the forty: what is only annotated, what becomes JSON, and a model that is no object."""


def described() -> list[dict[str, Any]]:
    """The cases as JSON types."""
    return [
        {"name": model.__name__, "schema": model.model_json_schema(mode="validation"), "answer": answer}
        for model, answer in CASES + MORE
    ]


def judged(lines: Iterator[str]) -> Iterator[str | None]:
    """For each answer what its model says; it must also be the very answer that was wanted."""
    cases = {model.__name__: (model, answer) for model, answer in CASES + MORE}
    for line in lines:
        name, text = json.loads(line)
        model, answer = cases[name]
        try:
            given = model.model_validate_json(text)
        except ValidationError as error:
            yield f"{text}: {error}"
            continue
        wanted = model.model_validate_json(json.dumps(answer))
        yield None if given == wanted else f"{given!r} is not {wanted!r}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(described()) + "\n")
    sys.stdout.flush()
    for verdict in judged(sys.stdin):
        sys.stdout.write(json.dumps(verdict) + "\n")
        sys.stdout.flush()
