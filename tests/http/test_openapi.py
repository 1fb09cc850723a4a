"""The document: complete enough to make clients of, and kept to, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from pydantic import BaseModel, Field, InstanceOf

from bide import Bide, JobContext
from bide.http import Limits, anyone
from bide.http.headers import WORDS
from tests.http.server import client_of
from tests.http.shop import Shop


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    return Shop(tmp_path / "shop.db").app.openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_has_a_name_a_tag_and_words(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    names: list[str] = []
    for where, operation in operations(document):
        names.append(operation["operationId"])
        assert operation["tags"], where
        assert operation["summary"], where
        assert operation["description"], where
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], f"{where} {status}"
            elif status == "200" and "/events" not in where:
                schema = response["content"]["application/json"]["schema"]
                assert schema, f"{where} {status}"
    assert len(names) == len(set(names))
    assert all(name.isidentifier() and name.islower() for name in names)


def body_of(document: dict[str, Any], path: str) -> Validator:
    """What checks a body that is sent there."""
    content = document["paths"][path]["post"]["requestBody"]["content"]
    return validator(document, content["application/json"]["schema"])


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Validator:
    """As it stands in the document: references are read from its root."""
    return Draft202012Validator({**schema, "components": document["components"]})


GOOD: list[dict[str, Any]] = [
    {"type": "add", "input": {"a": 1}},
    {"type": "add", "input": {"a": 1, "b": 2}, "priority": 3, "delay": "7d", "labels": {"a": "b"}},
    {"type": "deliver", "input": {"to": {"street": "Elm", "number": 7}, "note": ""}},
    {"type": "hold"},
    {"type": "hold", "input": {}},
]
BAD: list[dict[str, Any]] = [
    {"type": "add"},
    {"type": "add", "input": {}},
    {"type": "add", "input": {"nam": 3}},
    {"type": "add", "input": {"a": 1, "nam": 3}},
    {"type": "add", "input": {"a": "1"}},
    {"type": "deliver", "input": {"to": {"street": "Elm"}}},
    {"type": "internal", "input": {}},
    {"type": "nothing"},
    {"type": "hold", "prio": 1},
    {"input": {"a": 1}},
]


def test_a_job_is_described_by_its_type_and_by_nothing_beside(document: dict[str, Any]) -> None:
    one, many = body_of(document, "/api/jobs"), body_of(document, "/api/jobs/batch")
    for body in GOOD:
        assert one.is_valid(body), body
        assert many.is_valid({"jobs": [body]}), body
    for body in BAD:
        assert not one.is_valid(body), body
        assert not many.is_valid({"jobs": [GOOD[0], body]}), body
    assert not many.is_valid({"jobs": []})
    assert document["components"]["schemas"]["CreateJob"]["oneOf"][0]["description"] == "Adds two numbers."
    assert "Address" in document["components"]["schemas"]


async def test_what_is_described_is_what_is_taken(tmp_path: Path) -> None:
    async with client_of(Shop(tmp_path / "shop.db").app, who="ann") as client:
        for body in GOOD:
            assert (await client.post("/api/jobs", json=body)).status_code == 202, body
        for body in BAD:
            assert (await client.post("/api/jobs", json=body)).status_code == 422, body


def test_without_exposed_types_any_is_described(tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(Bide(f"sqlite:///{tmp_path}/a.db").router(), prefix="/api")
    assert body_of(app.openapi(), "/api/jobs").is_valid({"type": "later", "input": {"a": 1}})


class Opaque:
    """Pydantic has no schema for it, but knows whether something is one."""


async def test_a_type_that_cannot_be_described_is_listed_all_the_same(tmp_path: Path) -> None:
    bide = Bide[None](f"sqlite:///{tmp_path}/a.db")

    @bide.job(expose=True)
    async def odd(ctx: JobContext, it: InstanceOf[Opaque] | None = None) -> InstanceOf[Opaque] | None:
        return it

    @bide.job(expose=True)
    async def even(ctx: JobContext, n: int) -> int:
        return n

    app = FastAPI()
    app.include_router(bide.router(authorize=anyone), prefix="/api")
    async with client_of(app) as client:
        even_type, odd_type = sorted((await client.get("/api/job-types")).json()["items"], key=itemgetter("name"))
    assert (odd_type["input"], odd_type["result"]) == ({"type": "object"}, {})
    assert (even_type["input"]["required"], even_type["result"]) == (["n"], {"type": "integer"})


def test_a_type_whose_input_cannot_be_described_is_in_the_document_all_the_same(tmp_path: Path) -> None:
    bide = Bide[None](f"sqlite:///{tmp_path}/a.db")

    @bide.job(expose=True)
    async def odd(ctx: JobContext, it: InstanceOf[Opaque] | None = None) -> None: ...

    @bide.job(expose=True)
    async def even(ctx: JobContext, n: int) -> None: ...

    app = FastAPI()
    app.include_router(bide.router(), prefix="/api")
    body = body_of(app.openapi(), "/api/jobs")
    assert body.is_valid({"type": "odd", "input": {"it": None}})
    assert body.is_valid({"type": "even", "input": {"n": 1}})
    assert not body.is_valid({"type": "even", "input": {}})


class Letter(BaseModel):
    to: str = "a default of a model, as in the host's own routes"
    key: str = Field(default_factory=lambda: "not for everybody")


def test_defaults_of_parameters_and_those_that_are_made_are_not_in_the_document(tmp_path: Path) -> None:
    bide = Bide[None](f"sqlite:///{tmp_path}/a.db")

    @bide.job(expose=True)
    async def send(ctx: JobContext, letter: Letter | None = None, key: str = "not for everybody") -> None: ...

    app = FastAPI()
    app.include_router(bide.router(), prefix="/api")
    document = app.openapi()
    assert document["components"]["schemas"]["Letter"]["properties"]["to"]["default"] == Letter().to
    assert "not for everybody" not in str(document)


def test_two_bides_in_one_app_have_names_of_their_own(tmp_path: Path) -> None:
    app = FastAPI()
    for name in (None, "the-blog"):
        bide = Bide[None](f"sqlite:///{tmp_path}/{name}.db")

        @bide.job(expose=True, name=f"only-{name}")
        async def only(ctx: JobContext) -> None: ...

        app.include_router(bide.router(name=name), prefix=f"/{name or 'api'}")
    document = app.openapi()
    schemas = document["components"]["schemas"]
    assert {name for name in schemas if "CreateJob" in name} == {
        "CreateJob", "CreateJobs", "TheBlogCreateJob", "TheBlogCreateJobs",
    }  # fmt: skip
    assert body_of(document, "/the-blog/jobs").is_valid({"type": "only-the-blog"})
    assert not body_of(document, "/api/jobs").is_valid({"type": "only-the-blog"})


# ── For generators of clients ────────────────────────────────────────────────────────────────────────────────────────


def parts(value: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in the document, with its place."""
    if isinstance(value, dict):
        yield where, cast("dict[str, Any]", value)
        for name, inner in cast("dict[str, Any]", value).items():
            yield from parts(inner, f"{where}/{name}")
    elif isinstance(value, list):
        for n, inner in enumerate(cast("Sequence[Any]", value)):
            yield from parts(inner, f"{where}/{n}")


def referred(document: dict[str, Any], value: Any, seen: dict[str, Any]) -> dict[str, Any]:
    """The schemas that something refers to, directly or through others."""
    for _, part in parts(value):
        name = str(part.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen:
            seen[name] = document["components"]["schemas"][name]
            referred(document, seen[name], seen)
    return seen


def test_nothing_that_may_be_left_out_looks_as_if_it_were_demanded(document: dict[str, Any]) -> None:
    """Generators make what has a default a field that is always there: wrong for what is sent."""
    bodies = [told["requestBody"] for _, told in operations(document) if "requestBody" in told]
    sent = referred(document, bodies, {})
    assert [where for where, part in parts([bodies, sent]) if "default" in part] == []
    assert "CancelMany" in sent
    assert sent["Cleanup"]["required"] == ["older_than"]
    assert sent["Cleanup"]["properties"]["dry_run"]["description"] == "By default false."
    assert sent["Cleanup"]["properties"]["statuses"]["description"].startswith('By default ["completed"')


def test_every_example_fits_the_schema_it_is_in(document: dict[str, Any]) -> None:
    checked = 0
    for where, part in parts(document):
        for example in part.get("examples", []):
            errors = [error.message for error in validator(document, part).iter_errors(example)]
            assert not errors, f"{where}: {example}"
            checked += 1
    assert checked


def examples_of(document: dict[str, Any], schema: dict[str, Any]) -> list[Any]:
    """Of the schema, of the one that it refers to, or of those that may be sent for it."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: list[Any] = list(schema.get("examples", []))
    for choice in schema.get("anyOf", []):
        found += examples_of(document, choice)
    return found


def assert_shown(document: dict[str, Any], schema: dict[str, Any], where: str) -> None:
    examples = examples_of(document, schema)
    assert examples, f"{where} has no example"
    for example in examples:
        errors = [error.message for error in validator(document, schema).iter_errors(example)]
        assert not errors, f"{where}: {example}"


def test_whatever_is_sent_a_job_and_a_problem_have_an_example_that_fits(document: dict[str, Any]) -> None:
    bodies = 0
    for where, operation in operations(document):
        if "requestBody" in operation:
            assert_shown(document, operation["requestBody"]["content"]["application/json"]["schema"], where)
            bodies += 1
    assert bodies >= 8
    schemas = document["components"]["schemas"]
    assert_shown(document, schemas["Problem"], "Problem")
    for name in ("id", "type", "owner", "labels", "result"):
        assert_shown(document, schemas["JobView"]["properties"][name], f"JobView/{name}")


class Size(BaseModel):
    width: Annotated[int, Field(ge=3)]
    unit: Literal["mm", "in"]
    by: str


async def test_the_example_of_a_job_is_of_a_type_of_this_app_and_makes_one(tmp_path: Path) -> None:
    bide = Bide[None](f"sqlite:///{tmp_path}/a.db")

    @bide.job(expose=True)
    async def bounded(ctx: JobContext, size: Size) -> None:
        """What its schema does not say by example is not guessed."""

    app = FastAPI()
    app.include_router(bide.router(authorize=anyone, worker=False))
    schemas = app.openapi()["components"]["schemas"]
    assert "examples" not in schemas["CreateJob"]
    assert "examples" not in schemas["CreateJobs"]

    @bide.job(expose=True)
    async def measure(
        ctx: JobContext, what: list[int], near: Literal["a", "b"], by: str | None, note: str = ""
    ) -> None: ...

    app.openapi_schema = None
    document = app.openapi()
    (one,) = examples_of(document, {"$ref": "#/components/schemas/CreateJob"})
    (many,) = examples_of(document, {"$ref": "#/components/schemas/CreateJobs"})
    assert one == {"type": "measure", "input": {"what": [], "near": "a", "by": "text"}}
    assert many == {"jobs": [one]}
    async with client_of(app) as client:
        assert (await client.post("/jobs", json=one)).status_code == 202
        assert (await client.post("/jobs/batch", json=many)).json()["items"][0]["status"] == 202


# ── Headers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_headers_that_are_sent_are_in_the_document(tmp_path: Path, document: dict[str, Any]) -> None:
    shop = Shop(tmp_path / "other.db", limits=Limits(streams=1))
    seen: set[tuple[str, str, str]] = set()
    told = {
        (told["operationId"], status, name)
        for _, told in operations(document)
        for status, response in told["responses"].items()
        for name in response.get("headers", {})
    }

    def note(operation: str, response: httpx.Response) -> Any:
        sent = {name for name in WORDS if name in response.headers}
        seen.update((operation, str(response.status_code), name) for name in sent)
        return response.json() if response.content else None

    add, hold, wait = {"type": "add", "input": {"a": 1}}, {"type": "hold"}, {"Prefer": "wait=30"}
    async with client_of(shop.app, who="ann") as ann:
        done = note("create_job", await ann.post("/api/jobs", json=add, headers=wait))["id"]
        held = note("create_job", await ann.post("/api/jobs", json=hold, headers={"Prefer": "wait=0"}))["id"]
        late = note("create_job", await ann.post("/api/jobs", json={**hold, "delay": "1h"}))["id"]
        note("list_jobs", await ann.get("/api/jobs?limit=1"))
        tag = (await ann.get(f"/api/jobs/{done}")).headers["etag"]
        note("get_job", await ann.get(f"/api/jobs/{done}"))
        note("get_job", await ann.get(f"/api/jobs/{done}", headers={"If-None-Match": tag}))
        note("get_job", await ann.get(f"/api/jobs/{done}", headers={"X-Who": ""}))
        while (await ann.get(f"/api/jobs/{held}")).json()["status"] != "running":
            pass
        note("cancel_job", await ann.post(f"/api/jobs/{held}/cancel"))
        note("cancel_job", await ann.post(f"/api/jobs/{late}/cancel"))
        for again in ("retry", "fork"):
            note(f"{again}_job", await ann.post(f"/api/jobs/{done}/{again}", headers=wait))
            note(f"{again}_job", await ann.post(f"/api/jobs/{late}/{again}", headers={"Prefer": "wait=0"}))
    assert seen <= told, seen - told
    # What those operations send where they do what they are for: all of it was seen.
    called = {operation for operation, _, _ in seen}
    assert {one for one in told if one[0] in called and one[1] < "400"} <= seen
    errors = {(status, name) for _, status, name in told if status >= "400"}
    assert errors == {("401", "WWW-Authenticate"), *((status, "Retry-After") for status in ("429", "503", "507"))}
